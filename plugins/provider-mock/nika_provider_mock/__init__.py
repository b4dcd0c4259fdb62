"""A deterministic provider that works offline."""
