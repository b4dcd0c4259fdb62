"""Frozen values that everything else is made of. Standard library only."""
