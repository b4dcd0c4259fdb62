"""An MCP server over stdio with one tool: a style guide."""

from mcp.server import MCPServer

server = MCPServer("guide")

RULES = {"titles": "Sentence case, no full stop.", "tense": "Present tense."}


@server.tool()
def style_rule(topic: str) -> str:
    """The house's rule about a topic (titles, tense)."""
    return RULES.get(topic, "No rule.")


if __name__ == "__main__":
    server.run("stdio")
