"""The NIKA_* limits, from the environment."""
