"""What is known, in words: tasks, costs, health, told alike by every front end.

Nothing here prints or draws. The command line aligns these rows, the magics make tables of them.
"""
