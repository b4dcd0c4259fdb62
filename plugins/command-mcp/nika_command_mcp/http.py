"""The server over streamable HTTP, for those who have the token."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

PATH: Final = "/mcp"


def make_app(server: Server[Any], token: str, port: int, close: Callable[[], Awaitable[None]]) -> Starlette:
    """Return the application. Requests need the token, a Host of this machine, and no foreign Origin.

    Args:
        close: awaited when the application ends, by a signal, too: uvicorn raises that again as soon as it has ended.
    """
    hosts = [f"{name}:{port}" for name in ("127.0.0.1", "localhost")]
    manager = StreamableHTTPSessionManager(
        server,
        security_settings=TransportSecuritySettings(
            allowed_hosts=hosts, allowed_origins=[f"http://{host}" for host in hosts]
        ),
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            try:
                yield
            finally:
                await close()

    guarded = _Guarded(manager, token)
    app = Starlette(routes=[Route(PATH, guarded), Mount(PATH, guarded)], lifespan=lifespan)
    app.router.redirect_slashes = False  # a redirect would be an answer before the token and the Host were checked
    return app


class _Guarded:
    """Lets requests with the token through. An object: of a function, a route would take the result for a response."""

    def __init__(self, manager: StreamableHTTPSessionManager, token: str) -> None:
        self._manager = manager
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _has_token(scope, self._token):
            await self._manager.handle_request(scope, receive, send)
            return
        refused = JSONResponse(
            {"error": "the header `Authorization: Bearer TOKEN` is missing or wrong"},
            401,
            {"WWW-Authenticate": "Bearer"},
        )
        await refused(scope, receive, send)


def _has_token(scope: Scope, token: str) -> bool:
    for name, value in scope.get("headers", ()):
        if name == b"authorization":
            kind, _, given = value.partition(b" ")
            return kind.lower() == b"bearer" and secrets.compare_digest(given.strip(), token.encode())
    return False
