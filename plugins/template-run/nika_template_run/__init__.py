"""The ${run.id} template source."""
