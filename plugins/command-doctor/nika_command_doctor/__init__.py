"""What works here, and how to fix the rest: `nika doctor`."""
