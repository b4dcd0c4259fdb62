"""Workflows as tools of the Model Context Protocol: `nika mcp`."""
