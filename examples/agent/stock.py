"""An MCP server over stdio that manages the stock."""

from mcp.server import MCPServer

server = MCPServer("stock")

STOCK = {"green tea": 12, "black tea": 0, "cups": 40}


@server.tool()
def in_stock(item: str) -> int:
    """Return how many of an item are in stock."""
    return STOCK[item]


@server.tool()
def items() -> list[str]:
    """Return all items."""
    return list(STOCK)


@server.tool()
def reorder(item: str) -> str:
    """Order more of an item. The workflow does not allow agents to call this."""
    return f"ordered {item}"


if __name__ == "__main__":
    server.run("stdio")
