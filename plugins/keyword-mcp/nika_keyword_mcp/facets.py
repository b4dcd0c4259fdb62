"""What is known of an mcp task before it runs, and servers' tools as an agent's tools."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from nika_core.plugin import (
    Category,
    Effect,
    Facets,
    Json,
    JsonObject,
    Payload,
    Place,
    Report,
    RuleField,
    StepContext,
    TaskError,
    Template,
    Tool,
    ToolSpec,
    codes,
)
from nika_keyword_mcp import servers, step

if TYPE_CHECKING:
    from nika_keyword_mcp.results import ServerTool
    from nika_keyword_mcp.session import Session

_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]+")
_NAME_LENGTH: Final = 64
_OMITTED: Final = "omitted"  # names of arguments that a model has not given; for rules
_OTHER_PATTERN: Final = re.compile(r"[?\[\]{}]")  # MCP has none of them in the name of a tool


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
        _check_server(name, _declared(payload), payload.at("reference"), report, codes.BAD_PAYLOAD)

    def check_tool(self, reference: str, payload: Payload, report: Report) -> None:
        """Report a server that nobody declared; which tools a server has, only the server knows."""
        known = _declared(payload)
        if _check_stars(reference, payload, report):
            return
        everything = reference in ("", "*")
        if everything and known.fault is not None:
            _report_fault(known.fault, report)
        for name in known.usable() if everything else [reference.partition("::")[0].strip()]:
            _check_server(name, known, payload.at(), report, codes.UNKNOWN_TOOL)

    def check_disallowed_tool(self, reference: str, payload: Payload, report: Report) -> None:
        """Report a server that nobody declared, also one with stars that match no server's name."""
        if _check_stars(reference, payload, report):
            return
        name, known = reference.partition("::")[0], _declared(payload)
        if not name or any(_matches(server, name) for server in known.servers):
            return
        if "*" not in name or known.fault is not None:
            _check_server(name, known, payload.at(), report, codes.UNKNOWN_TOOL)
            return
        hint = servers.unknown_server_hint(name, known.servers)
        report(f"no declared MCP server matches '{name[:80]}'", payload.at(), code=codes.UNKNOWN_TOOL, hint=hint)

    def effects(self, payload: Payload) -> Sequence[Effect]:
        """Return the server, and how it is reached, and the names of the secrets that it is given."""
        reference = payload.fields.get("reference")
        if not isinstance(reference, str):
            return (Effect("server", payload.text("reference") or "an MCP server"),)
        name = reference.partition("::")[0].strip()
        server = _declared(payload).servers.get(name)
        if server is None:
            return (Effect("server", name),)
        secrets = (Effect("secret", each) for each in servers.secret_names(server))
        return (Effect("server", f"{name} ({server.shown()})"), *secrets)

    def sections(self, payload: Payload) -> Mapping[str, Json]:
        """Return the servers of the workflow and of `.mcp.json`, as far as that file can be used."""
        known = _declared(payload).servers
        return {servers.SECTION: {name: server.as_json() for name, server in known.items()}} if known else {}

    def rule_fields(self) -> Mapping[str, RuleField]:
        """Return `args`: globs over those arguments that are paths."""
        return {"args": RuleField.PATHS}

    def call_fields(self, payload: JsonObject) -> Mapping[str, Json]:
        """Return the arguments of a call; what is left out has a value that only the tool knows."""
        args: Any = payload.get("args") or {}
        omitted: Any = payload.get(_OMITTED, ())
        return {"args": {**dict.fromkeys(omitted), **args}}

    async def tools(self, reference: str, context: StepContext) -> Sequence[Tool]:
        """Find tools: `server::tool` one, `server::*` (or `server`) all of one server, `*` all of all. Raise TaskError.

        `server::read_*` are those whose names begin so.
        """
        if reference in ("", "*"):
            known = servers.declared(context.sections.get(servers.SECTION), context.folder)
            if known.fault is not None:
                raise TaskError(known.fault.message, category=Category.CONFIG, hint=known.fault.hint)
            names, wanted = known.usable(), "*"
        else:
            name, _, wanted = reference.partition("::")
            names, wanted = [name.strip()], wanted.strip() or "*"

        async def chosen(session: Session) -> list[ServerTool]:
            if "*" not in wanted:
                return [await session.tool(wanted)]
            return [tool for tool in (await session.tools()).values() if _matches(tool.name, wanted)]

        found: list[tuple[str, ServerTool]] = []
        for name in names:
            found += [(name, tool) for tool in await step.in_session(name, context, chosen)]
        return tuple(_tool(name, tool) for name, tool in found)


def _matches(name: str, pattern: str) -> bool:
    """Return whether a name matches a pattern in which only a star stands for other characters."""
    return fnmatchcase(name, re.sub(r"[?[]", r"[\g<0>]", pattern))


def _check_stars(reference: str, payload: Payload, report: Report) -> bool:
    """Report a pattern in which something else than a star is to stand for other characters; return whether it is."""
    if _OTHER_PATTERN.search(reference.partition("::")[2]) is None:
        return False
    hint = "only * stands for other characters; name the tools, or write e.g. delete_*"
    report(f"no tool is called '{reference[:80]}'", payload.at(), code=codes.UNKNOWN_TOOL, hint=hint)
    return True


def _declared(payload: Payload) -> servers.Declared:
    return servers.declared(payload.sections.get(servers.SECTION), payload.folder)


def _report_fault(fault: servers.ServersError, report: Report) -> None:
    report(fault.message, fault.place, code=codes.BAD_CONFIGURATION, hint=fault.hint)


def _check_server(name: str, known: servers.Declared, place: Place, report: Report, unknown: str) -> None:
    """Check one server. `unknown`: the code for a server that nobody declared."""
    if name not in known.servers:
        if known.fault is not None:
            _report_fault(known.fault, report)
            return
        hint = servers.unknown_server_hint(name, known.servers)
        report(f"no MCP server '{name[:80]}' is declared", place, code=unknown, hint=hint)
        return
    why = servers.why_not_usable(known.servers[name])
    if why is not None:
        report(f"the MCP server '{name}' ({known.servers[name].origin}) {why}", place, code=codes.BAD_CONFIGURATION)


def fit_name(server: str, tool: str) -> str:
    """Return a name that models accept (`[A-Za-z0-9_-]{1,64}`), always the same, and different for each tool."""
    plain = f"{server}__{tool}"
    shown = _UNFIT.sub("_", plain)
    # A server's name that could be read as server and tool would make two tools look alike.
    if shown == plain and len(plain) <= _NAME_LENGTH and "__" not in f"{server}_":
        return plain
    mark = hashlib.sha256(f"{server}::{tool}".encode("utf-8", "replace")).hexdigest()[:10]
    return f"{shown[: _NAME_LENGTH - 11]}_{mark}"


def _tool(server: str, tool: ServerTool) -> Tool:
    reference = f"{server}::{tool.name}"
    schema: dict[str, Any] = {"properties": {}, **tool.input_schema, "type": "object"}
    if not isinstance(schema["properties"], Mapping):
        schema["properties"] = {}
    return Tool(
        f"mcp::{reference}",
        "mcp",
        ToolSpec(fit_name(server, tool.name), tool.description, schema),
        _payload(reference, schema),
    )


def _payload(reference: str, schema: JsonObject) -> Callable[[JsonObject], JsonObject]:
    def payload(arguments: JsonObject) -> JsonObject:
        try:
            args: Json = step.checked(reference, arguments, schema)
        except TaskError as error:
            raise ValueError(error.message) from None
        omitted = [name for name in schema["properties"] if name not in arguments]
        return {"reference": reference, "args": args} | ({_OMITTED: omitted} if omitted else {})

    return payload
