"""The command `nika test`."""
