"""Workflow files of v4 -> v5, on the text: only what must change changes."""
