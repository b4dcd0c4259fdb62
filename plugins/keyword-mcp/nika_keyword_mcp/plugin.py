"""Declares the mcp keyword and the root section `mcpServers`. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import strictyaml as sy

from nika_core.plugin import Keyword, hookimpl

NIKA_API: Final = 1


# Whether a server has command or url, and not both, is seen by `servers.why_not_usable`.
SERVER: Final = sy.Map(
    {
        sy.Optional("command"): sy.Str(),
        sy.Optional("args"): sy.EmptyList() | sy.Seq(sy.Str()),
        sy.Optional("env"): sy.EmptyDict() | sy.MapPattern(sy.Str(), sy.Str()),
        sy.Optional("cwd"): sy.Str(),
        sy.Optional("url"): sy.Str(),
        sy.Optional("headers"): sy.EmptyDict() | sy.MapPattern(sy.Str(), sy.Str()),
    }
)

MCP: Final = Keyword(
    name="mcp",
    summary="Calls a tool of an MCP server.",
    primary="reference",
    payload=sy.Map({"reference": sy.Str(), sy.Optional("args"): sy.Any()}),
    step="nika_keyword_mcp.step:McpStep",
    facets="nika_keyword_mcp.facets:McpFacets",
    json_fields=frozenset({"args"}),
    default_timeout=60.0,
    sections={"mcpServers": sy.EmptyDict() | sy.MapPattern(sy.Str(), SERVER)},
    field_docs={
        "reference": "server::tool, the server being one of mcpServers or of .mcp.json beside the workflow.",
        "args": "The tool's arguments by name, checked against the tool's own schema.",
    },
)


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """The mcp keyword."""
    return (MCP,)
