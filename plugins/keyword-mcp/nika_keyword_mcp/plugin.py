"""Declares the mcp keyword and the root section `mcpServers`. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Keyword, fields, hookimpl
from nika_core.toolbox.network import parse_allow_entry

NIKA_API: Final = 1


# Whether a server has command or url, and not both, is seen by `servers.why_not_usable`.
SERVER: Final = fields.Map(
    {
        fields.Optional("command"): fields.Str(),
        fields.Optional("args"): fields.EmptyList() | fields.Seq(fields.Str()),
        fields.Optional("env"): fields.EmptyDict() | fields.MapPattern(fields.Str(), fields.Str()),
        fields.Optional("cwd"): fields.Str(),
        fields.Optional("url"): fields.Str(),
        fields.Optional("headers"): fields.EmptyDict() | fields.MapPattern(fields.Str(), fields.Str()),
    }
)


class AllowEntry(fields.Scalar):
    """Accept `host`, `host:port` or a CIDR block, in the project file."""

    expects = "an address that servers with a url may have"

    def parse(self, text: str) -> str:
        parse_allow_entry(text)
        return text


MCP: Final = Keyword(
    name="mcp",
    summary="Calls a tool of an MCP server.",
    primary="reference",
    same_worker=True,
    payload=fields.Map(
        {
            "reference": fields.field(
                fields.Str(), "server::tool, the server being one of mcpServers or of .mcp.json beside the workflow."
            ),
            fields.Optional("args"): fields.field(
                fields.Anything(), "The tool's arguments by name, checked against the tool's own schema."
            ),
        }
    ),
    step="nika_keyword_mcp.step:McpStep",
    facets="nika_keyword_mcp.facets:McpFacets",
    json_fields=frozenset({"args"}),
    default_timeout=60.0,
    settings=fields.Map({fields.Optional("allow"): fields.EmptyList() | fields.Seq(AllowEntry())}),
    widening_settings=frozenset({"allow"}),
    sections={"mcpServers": fields.EmptyDict() | fields.MapPattern(fields.Str(), SERVER)},
)


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """Return the mcp keyword."""
    return (MCP,)
