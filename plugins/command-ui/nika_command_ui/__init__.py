"""A page on this machine with all runs of the project: `nika ui`."""
