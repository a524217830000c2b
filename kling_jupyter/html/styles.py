"""Inline styles of what stays in a saved notebook: the front end's own colours, with fallbacks.

They are inline because an untrusted notebook loses its style sheets.
"""

from __future__ import annotations

__all__ = ["FONT", "LINE", "LINK", "MEDIA", "QUIET", "RED"]

QUIET = "color:var(--jp-ui-font-color2,var(--vscode-descriptionForeground,#6b6b6b))"
FONT = (
    "font-family:var(--jp-ui-font-family,system-ui,sans-serif);"
    "font-size:var(--jp-ui-font-size1,13px);line-height:1.5"
)
LINK = "color:var(--jp-content-link-color,var(--vscode-textLink-foreground,#1a73e8))"
LINE = "var(--jp-border-color1,var(--vscode-editorWidget-border,#9e9e9e))"
RED = "var(--jp-error-color0,var(--vscode-errorForeground,#b3261e))"
MEDIA = "display:block;max-width:100%;height:auto;border-radius:4px"
