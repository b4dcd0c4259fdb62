"""Decides which requests are answered: those with the token, from a page of this server, and under its own name."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Nothing comes from another host, and no text of a run can become a script or a style.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Access:
    """Which requests are answered.

    Attributes:
        token: what a request must have: in the address once, then in a cookie, or as a bearer token.
        port: where the server listens. Another name for this machine, as in DNS rebinding, is refused.
    """

    token: str
    port: int

    @property
    def cookie(self) -> str:
        """The cookie's name; cookies are shared by all ports of a host."""
        return f"nika-ui-{self.port}"

    @property
    def hosts(self) -> frozenset[str]:
        """Values of the header `Host` that are this server's."""
        return frozenset({f"127.0.0.1:{self.port}", f"localhost:{self.port}"})

    def refusal(self, headers: Headers) -> str:
        """Return why a request is refused even with the token; empty: it is not."""
        host = headers.get("host", "")
        if host not in self.hosts:
            return "this server has another name: open the address that `nika ui` has printed"
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return "a page of another origin has sent this request"
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "a page of another site has sent this request"
        return ""

    def is_known(self, headers: Headers) -> bool:
        """Return whether a request has the token, in its cookie or as a bearer token."""
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            bearer = cookie_parser(headers.get("cookie", "")).get(self.cookie, "")
        return self.is_token(bearer)

    def is_token(self, given: str) -> bool:
        """Return whether a text is the token."""
        return secrets.compare_digest(given.encode(), self.token.encode())


class Guard:
    """Answers no request that `Access` refuses, and lets every response say what a browser may do with it."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            return  # there are no websockets

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        reason = self._access.refusal(headers)
        if reason:
            await PlainTextResponse(f"Refused: {reason}.\n", 403)(scope, receive, send_guarded)
        elif token := _token_in_address(scope):
            await self._enter(token, scope)(scope, receive, send_guarded)
        elif not self._access.is_known(headers):
            text = "Refused: the token is missing. Open the address that `nika ui` has printed.\n"
            await PlainTextResponse(text, 401)(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    def _enter(self, token: str, scope: Scope) -> Response:
        """Keep the token in a cookie, so that it does not stay in the address and the browser's history."""
        if not self._access.is_token(token):
            text = "Refused: the token is wrong. `nika ui` prints another one at each start.\n"
            return PlainTextResponse(text, 401)
        given = parse_qs(scope["query_string"].decode("latin-1"))
        rest = urlencode({name: values[0] for name, values in given.items() if name != "token"})
        response = RedirectResponse("/" + (f"?{rest}" if rest else ""), 303)
        response.set_cookie(self._access.cookie, self._access.token, httponly=True, samesite="strict")
        return response


def _token_in_address(scope: Scope) -> str:
    if scope["path"] != "/" or scope["method"] != "GET":
        return ""
    query: bytes = scope["query_string"]
    return parse_qs(query.decode("latin-1")).get("token", [""])[0]
