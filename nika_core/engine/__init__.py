"""Runs a graph: a core that decides and does no I/O, a host that acts, and the attempt of one task."""
