"""The set keyword: a value that other tasks read."""
