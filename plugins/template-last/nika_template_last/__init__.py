"""The ${last.output} template source."""
