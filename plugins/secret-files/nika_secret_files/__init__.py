"""The secret source files."""
