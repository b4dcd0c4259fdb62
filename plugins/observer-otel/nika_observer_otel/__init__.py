"""The observer otel."""
