"""An MCP server over stdio: what is in stock."""

from mcp.server import MCPServer

server = MCPServer("stock")

STOCK = {"green tea": 12, "black tea": 0, "cups": 40}


@server.tool()
def in_stock(item: str) -> int:
    """How many of an item are there."""
    return STOCK[item]


@server.tool()
def items() -> list[str]:
    """All items."""
    return list(STOCK)


@server.tool()
def reorder(item: str) -> str:
    """Orders more of an item: not for agents, the workflow disallows it."""
    return f"ordered {item}"


if __name__ == "__main__":
    server.run("stdio")
