"""Runs on a backend: what is sent there, and what drives and does it there."""
