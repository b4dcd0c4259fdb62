"""The mcp keyword: a tool of an MCP server."""
