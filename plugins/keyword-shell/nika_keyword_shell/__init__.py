"""The shell keyword: a command in a process group of its own, values as data."""
