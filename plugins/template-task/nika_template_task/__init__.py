"""The {{task}} template source."""
