"""ACME's own models."""
