"""The ${env.NAME} template source."""
