"""The endpoints of Kling: one file each, and the machinery they are declared with."""
