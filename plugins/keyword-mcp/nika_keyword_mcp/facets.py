"""What is known of an mcp task before it runs, and servers' tools as an agent's tools."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from nika_core.plugin import (
    Category,
    Effect,
    Facets,
    Json,
    JsonObject,
    Payload,
    Place,
    Report,
    StepContext,
    TaskError,
    Template,
    Tool,
    ToolSpec,
    codes,
)
from nika_keyword_mcp import servers, step

_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]+")
_NAME_LENGTH: Final = 64


class McpFacets(Facets):
    """Pure, but for `tools`, which asks the servers."""

    def check(self, payload: Payload, report: Report) -> None:
        """Report an invalid reference, an undeclared server, and a `.mcp.json` that cannot be used."""
        args = payload.fields.get("args", {})
        if args is not None and not isinstance(args, Mapping) and not (isinstance(args, Template) and args.single):
            report(
                "args of mcp are names and values",
                payload.at("args"),
                code=codes.BAD_PAYLOAD,
                hint="write args: {name: value}, or one placeholder whose value is an object",
            )
        reference = payload.fields.get("reference")
        if not isinstance(reference, str):
            return
        try:
            name, _ = step.split(reference)
        except TaskError as error:
            report(error.message, payload.at("reference"), code=error.code, hint=error.hint)
            return
        known = _declared(payload, report)
        if known is not None:
            _check_server(name, known, payload.at("reference"), report, codes.BAD_PAYLOAD)

    def check_tool(self, reference: str, payload: Payload, report: Report) -> None:
        """Report a server that nobody declared; which tools a server has, only the server knows."""
        known = _declared(payload, report)
        if known is None:
            return
        everything = reference in ("", "*")
        for name in known if everything else [reference.partition("::")[0].strip()]:
            _check_server(name, known, payload.at(), report, codes.UNKNOWN_TOOL)

    def check_disallowed_tool(self, reference: str, payload: Payload, report: Report) -> None:
        """Report a server that nobody declared, also one with stars that match no server's name."""
        name = reference.partition("::")[0]
        known = _declared(payload, report) if name else None
        if known is None or any(fnmatchcase(server, name) for server in known):
            return
        if name in known or "*" not in name:
            _check_server(name, known, payload.at(), report, codes.UNKNOWN_TOOL)
            return
        hint = servers.unknown_server_hint(name, known)
        report(f"no declared MCP server matches '{name[:80]}'", payload.at(), code=codes.UNKNOWN_TOOL, hint=hint)

    def effects(self, payload: Payload) -> Sequence[Effect]:
        """Return the server, and how it is reached."""
        reference = payload.fields.get("reference")
        if not isinstance(reference, str):
            return (Effect("server", payload.text("reference") or "an MCP server"),)
        name = reference.partition("::")[0].strip()
        try:
            server = servers.declared(payload.sections.get(servers.SECTION), payload.folder).get(name)
        except servers.ServersError:
            server = None
        return (Effect("server", f"{name} ({server.shown()})" if server else name),)

    def sections(self, payload: Payload) -> Mapping[str, Json]:
        """Return the servers of the workflow and of `.mcp.json`; none if that file cannot be used."""
        try:
            known = servers.declared(payload.sections.get(servers.SECTION), payload.folder)
        except servers.ServersError:
            return {}
        return {servers.SECTION: {name: server.as_json() for name, server in known.items()}} if known else {}

    async def tools(self, reference: str, context: StepContext) -> Sequence[Tool]:
        """`server::tool` one, `server::*` (or `server`) all of one server, `*` all of all. Raises TaskError.

        `server::read_*` are those whose names begin so.
        """
        if reference in ("", "*"):
            try:
                known = servers.declared(context.sections.get(servers.SECTION), context.folder)
            except servers.ServersError as error:
                raise TaskError(error.message, category=Category.CONFIG, hint=error.hint) from None
            names, wanted = list(known), "*"
        else:
            name, _, wanted = reference.partition("::")
            names, wanted = [name.strip()], wanted.strip() or "*"
        found: list[tuple[str, Any]] = []
        for name in names:
            session = await step.session_of(name, context)
            if "*" in wanted:
                chosen = [tool for tool in (await session.tools()).values() if fnmatchcase(tool.name, wanted)]
            else:
                chosen = [await session.tool(wanted)]
            found += [(name, tool) for tool in chosen]
        return tuple(_tool(name, tool) for name, tool in found)


def _declared(payload: Payload, report: Report) -> Mapping[str, servers.Server] | None:
    try:
        return servers.declared(payload.sections.get(servers.SECTION), payload.folder)
    except servers.ServersError as error:
        report(error.message, error.place, code=codes.BAD_CONFIGURATION, hint=error.hint)
        return None


def _check_server(name: str, known: Mapping[str, servers.Server], place: Place, report: Report, unknown: str) -> None:
    """`unknown`: the code for a server that nobody declared."""
    if name not in known:
        hint = servers.unknown_server_hint(name, known)
        report(f"no MCP server '{name[:80]}' is declared", place, code=unknown, hint=hint)
        return
    why = servers.why_not_usable(known[name])
    if why is not None:
        report(f"the MCP server '{name}' {why}", place, code=codes.BAD_CONFIGURATION)


def fit_name(server: str, tool: str) -> str:
    """Return a name that models accept (`[A-Za-z0-9_-]{1,64}`), always the same, and different for each tool."""
    plain = f"{server}__{tool}"
    shown = _UNFIT.sub("_", plain)
    # A server's name that could be read as server and tool would make two tools look alike.
    if shown == plain and len(plain) <= _NAME_LENGTH and "__" not in f"{server}_":
        return plain
    mark = hashlib.sha256(f"{server}::{tool}".encode("utf-8", "replace")).hexdigest()[:10]
    return f"{shown[: _NAME_LENGTH - 11]}_{mark}"


def _tool(server: str, tool: Any) -> Tool:
    reference = f"{server}::{tool.name}"
    schema: dict[str, Any] = {"properties": {}, **tool.input_schema, "type": "object"}
    return Tool(
        f"mcp::{reference}",
        "mcp",
        ToolSpec(fit_name(server, tool.name), tool.description or tool.title or "", schema),
        _payload(reference, schema),
    )


def _payload(reference: str, schema: JsonObject) -> Callable[[JsonObject], JsonObject]:
    def payload(arguments: JsonObject) -> JsonObject:
        try:
            args: Json = step.checked(reference, arguments, schema)
        except TaskError as error:
            raise ValueError(error.message) from None
        return {"reference": reference, "args": args}

    return payload
