"""The subagent keyword: an agent in a context of its own."""
