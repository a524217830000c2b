"""The widgets: one `.py`, `.js` and `.css` each, and what they share in `base.py`.

Nothing here is imported before a widget is shown: anywidget costs an eighth of a second.
"""
