"""The ${input.name} template source."""
