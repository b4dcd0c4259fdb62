"""The llm keyword: one stateless completion."""
