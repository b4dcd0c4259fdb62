"""Runs a workflow: a core that decides, a host that acts, attempts that do the work."""
