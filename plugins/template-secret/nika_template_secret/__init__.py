"""The ${secret.name} template source."""
