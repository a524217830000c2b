"""A generation in the notebook: its job, its views, its files."""
