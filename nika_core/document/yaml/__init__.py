"""Strict YAML to nodes with positions, and from a path or an offset to line and column."""
