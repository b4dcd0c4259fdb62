"""Calls to models: the one resilient wrapper around every provider, and what it is made of."""
