"""The server over streamable HTTP, for those who have the token."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

PATH: Final = "/mcp"


def make_app(server: Server[Any], token: str, port: int) -> Starlette:
    """Return the application. Requests need the token, a Host of this machine, and no foreign Origin."""
    hosts = [f"{name}:{port}" for name in ("127.0.0.1", "localhost")]
    manager = StreamableHTTPSessionManager(
        server,
        security_settings=TransportSecuritySettings(
            allowed_hosts=hosts, allowed_origins=[f"http://{host}" for host in hosts]
        ),
    )

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if not _has_token(scope, token):
            refused = JSONResponse(
                {"error": "the header `Authorization: Bearer TOKEN` is missing or wrong"},
                401,
                {"WWW-Authenticate": "Bearer"},
            )
            await refused(scope, receive, send)
            return
        await manager.handle_request(scope, receive, send)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    return Starlette(routes=[Mount(PATH, app=guarded)], lifespan=lifespan)


def _has_token(scope: Scope, token: str) -> bool:
    for name, value in scope.get("headers", ()):
        if name == b"authorization":
            kind, _, given = value.partition(b" ")
            return kind.lower() == b"bearer" and secrets.compare_digest(given.strip(), token.encode())
    return False
