"""The agent keyword: a task in the main conversation, with tools."""
