"""Kling magics for Jupyter."""
