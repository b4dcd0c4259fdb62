"""Checks of values by strictyaml validators, compiled once for each schema."""
