"""OpenAI's models and every OpenAI-compatible server."""
