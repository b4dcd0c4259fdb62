"""A new project: files that run at once."""
