"""A run in this process: the host of the core, its executor, its resources and observers."""
