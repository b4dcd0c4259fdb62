"""Which MCP servers there are: the workflow's `mcpServers`, and `.mcp.json` beside the workflow.

Both have the shape that other MCP clients use. The workflow's entry wins where both have a name. In command, args, env,
url and headers `${env.NAME}`, `${NAME}` and `${NAME:-default}` stand for the environment's variables, and
`${secret.name}` for a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from nika_core.plugin import (
    Category,
    FileError,
    Json,
    Place,
    TaskError,
    codes,
    json_of,
    named_file,
    read_file,
    require_own,
)

FILE: Final = ".mcp.json"
SECTION: Final = "mcpServers"
NEEDS: Final = "needs command (to start it) or url (to call it), one of them"
_MAX_FILE: Final = 1024 * 1024
_SHAPE: Final = 'it looks like {"mcpServers": {"files": {"command": "uvx", "args": ["mcp-server-filesystem", "."]}}}'
_VARIABLE: Final = re.compile(
    r"(\\?)\$\{\s*(?:env[.:])?([A-Za-z_][A-Za-z0-9_]*)"
    r"(?::-([^}]{0,4096})|\s*\?\?\s*(\"(?:[^\"\\]|\\.){0,4096}\")\s*|\s*)\}"
)
_SECRET: Final = re.compile(r"(\\?)\$\{\s*secret\.([A-Za-z0-9_-]+)\s*\}")
_TEMPLATE: Final = re.compile(
    r"(?<!\\)(?:\$\{\s*(?!env\.|secret\.[A-Za-z0-9_-]+\s*\})[A-Za-z_][A-Za-z0-9_]*\.[^}]{0,200}\}|\{\{\s*[A-Za-z_][^}]{0,200}\}\})"
)
_USER_AND_PASSWORD: Final = re.compile(r"(?<=://)[^/?#]*@")
_OTHER_KEYS: Final = ("serverUrl", "httpUrl", "endpoint", "uri")  # what other clients write for `url`
_URL: Final = re.compile(
    r"https?://([^/?#@\s]*@)?(\[[0-9a-f:.%]+\]|[^/?#:@\[\]\s]+)(?P<port>:\d{1,5})?([/?#]\S*)?\Z", re.IGNORECASE
)
_HTTP_TYPES: Final = frozenset({"http", "streamable-http", "streamableHttp", "streamable_http"})


@dataclass(frozen=True, slots=True)
class Server:
    """A server as it is declared, variables not yet put in. Either `command` or `url` is not empty."""

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""  # where it is declared, for messages
    type: str = ""  # how it is spoken to, where that is said: other clients' files may have servers that only they use
    fault: str = ""  # why an entry of the file cannot be read: a problem only of tasks that use this server

    def as_json(self) -> dict[str, Json]:
        """Return what a client needs; not where the server is declared."""
        connection = asdict(self)
        del connection["origin"], connection["fault"]
        return connection

    def shown(self) -> str:
        """Return what it is, without anything secret."""
        if not self.url:
            return " ".join((self.command, *self.args))
        return _USER_AND_PASSWORD.sub("", re.split(r"[?#]", self.url, maxsplit=1)[0])


class ServersError(Exception):
    """`.mcp.json` cannot be used. `place` is where in it."""

    def __init__(self, message: str, place: Place, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Declared:
    """The servers by name, and why `.mcp.json` could not be read, which concerns names that stand only there."""

    servers: Mapping[str, Server]
    fault: ServersError | None = None

    def usable(self) -> list[str]:
        """Return the servers that `mcp::*` stands for: entries of the file that other clients understand are not."""
        return [name for name, one in self.servers.items() if one.origin != FILE or why_not_usable(one) is None]


def declared(section: Json, folder: Path) -> Declared:
    """Return the servers of the workflow and of `.mcp.json`."""
    fault: ServersError | None = None
    servers: dict[str, Server] = {}
    try:
        servers.update(_from_file(folder))
    except ServersError as error:
        fault = error
    if isinstance(section, Mapping):
        for name, entry in section.items():
            servers[name] = _server(name, entry, f"{SECTION} of the workflow")
    return Declared(servers, fault)


def _from_file(folder: Path) -> Mapping[str, Server]:
    path = folder / FILE
    try:
        require_own(path)
        return _parsed(path, read_file(named_file(folder, FILE), _MAX_FILE))
    except FileError as error:
        if error.missing:
            return {}
        raise ServersError(error.message, error.place or Place(str(path)), error.hint or _SHAPE) from None


@lru_cache(maxsize=8)  # every task of a server asks
def _parsed(path: Path, content: bytes) -> Mapping[str, Server]:
    found = json_of(content, path)
    servers = found.get(SECTION) if isinstance(found, dict) else None
    if not isinstance(servers, dict):
        raise ServersError(f"{path} has no object {SECTION}", Place(str(path)), _SHAPE)
    return {
        name: Server(name, origin=FILE, fault=why) if (why := _why_not_a_server(entry)) else _server(name, entry, FILE)
        for name, entry in servers.items()
        if not (isinstance(entry, dict) and entry.get("disabled"))
    }


def _why_not_a_server(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return "is not an object"
    for key in ("command", "url", "cwd", "type"):
        if not isinstance(entry.get(key) or "", str):
            return f"has a {key} that is not text"
    if bool(entry.get("command")) == bool(entry.get("url")):
        other = next((key for key in _OTHER_KEYS if entry.get(key)), None)
        return f"{NEEDS}; {other} is not known" if other else NEEDS
    args = entry.get("args") or []
    if not isinstance(args, list) or not all(isinstance(arg, str) for arg in args):
        return "has args that are not a list of texts"
    for key in ("env", "headers"):
        values = entry.get(key) or {}
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            return f"has {key} that are not names and texts"
    return None


def _server(name: str, entry: Mapping[str, Any], origin: str) -> Server:
    return Server(
        name,
        entry.get("command") or "",
        tuple(entry.get("args") or ()),
        dict(entry.get("env") or {}),
        entry.get("cwd") or "",
        entry.get("url") or "",
        dict(entry.get("headers") or {}),
        origin,
        entry.get("type") or "",
    )


def is_url(text: str) -> bool:
    """Return whether a text is the http or https URL of a server, with a host and with a port that there can be."""
    found = _URL.match(text)
    return found is not None and int((found["port"] or ":1")[1:]) in range(1, 65_536)


def why_not_usable(server: Server) -> str | None:
    """Return why a declared server cannot be used: what is missing, or what excludes each other."""
    if server.fault:
        return server.fault
    if bool(server.command) == bool(server.url):
        return NEEDS
    if server.url and server.type and server.type not in _HTTP_TYPES:
        return f"has the type '{server.type[:80]}': only stdio and http (streamable HTTP) are supported"
    if server.url and "${" not in server.url and not is_url(server.url):
        shown = re.sub(r"//.*@", "//***@", server.url)[:80]
        return f"has the url '{shown}', which is not a URL such as https://example.com/mcp"
    if server.origin != FILE:  # in the file of other clients {{ }} is plain text
        texts = (server.command, *server.args, *server.env.values(), server.cwd, server.url, *server.headers.values())
        for text in texts:
            found = _TEMPLATE.search(text)
            if found is not None:
                return f"holds {found.group()}: a server is configuration, and takes only variables and secrets"
    return None


def nearest(name: str, known: Mapping[str, Any] | list[str]) -> str:
    """Return a hint: the nearest known name, or all of them."""
    names = list(known)
    near = get_close_matches(name, names, 1)
    if near:
        return f"did you mean '{near[0]}'?"
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return f"known are: {shown}" if names else "there is none"


def find(name: str, section: Json, folder: Path) -> Server:
    """Return the server of that name. Raise TaskError."""
    known = declared(section, folder)
    servers = known.servers
    if name not in servers and known.fault is not None:
        raise TaskError(known.fault.message, category=Category.CONFIG, hint=known.fault.hint)
    if name not in servers:
        raise TaskError(
            f"no MCP server '{name[:80]}' is declared",
            category=Category.CONFIG,
            hint=unknown_server_hint(name, servers),
        )
    why = why_not_usable(servers[name])
    if why is not None:
        raise TaskError(f"the MCP server '{name}' ({servers[name].origin}) {why}", category=Category.CONFIG)
    return servers[name]


def unknown_server_hint(name: str, servers: Mapping[str, Server]) -> str:
    """Return the hint for a server that is not declared."""
    return f"{nearest(name, servers)}; servers are declared in mcpServers of the workflow or in {FILE} beside it"


def _string(literal: str) -> str:
    try:
        return str(json.loads(literal))
    except ValueError:
        return literal[1:-1]


def secret_names(server: Server) -> tuple[str, ...]:
    """Return the names of the secrets that a server is given."""
    texts = (server.command, *server.args, *server.env.values(), server.cwd, server.url, *server.headers.values())
    return tuple(dict.fromkeys(name for text in texts for escaped, name in _SECRET.findall(text) if not escaped))


def filled(server: Server, environ: Mapping[str, str], secrets: Mapping[str, str] | None = None) -> Server:
    """Return `server` with the environment's variables and its secrets put in. Raise TaskError for one that is not set.

    Args:
        secrets: those of `secret_names`, by name.
    """
    known = secrets or {}

    def fill(text: str, where: str) -> str:
        pieces, at = [], 0
        for match in _SECRET.finditer(text):  # what is put in is not looked at again
            escaped, name = match.groups()
            pieces += [fill_variables(text[at : match.start()], where), match[0][1:] if escaped else known[name]]
            at = match.end()
        return "".join((*pieces, fill_variables(text[at:], where)))

    def fill_variables(text: str, where: str) -> str:
        def value(match: re.Match[str]) -> str:
            escaped, name, default, literal = match.groups()
            if escaped:
                return match.group()[1:]
            found = environ.get(name, default if literal is None else _string(literal))
            if found is None:
                raise TaskError(
                    f"the MCP server '{server.name}' ({server.origin}) needs the environment variable {name} "
                    f"in {where}, which is not set",
                    category=Category.CONFIG,
                    code=codes.ENV_NOT_SET,
                    hint=f"set {name}, or write ${{{name}:-default}}",
                )
            return found

        return _VARIABLE.sub(value, text)

    return Server(
        server.name,
        fill(server.command, "command"),
        tuple(fill(arg, "args") for arg in server.args),
        {name: fill(value, f"env.{name}") for name, value in server.env.items()},
        fill(server.cwd, "cwd"),
        fill(server.url, "url"),
        {name: fill(value, f"headers.{name}") for name, value in server.headers.items()},
        server.origin,
    )
