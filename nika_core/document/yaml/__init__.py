"""Strict YAML to positioned nodes, and back from a path or an offset to line and column."""
