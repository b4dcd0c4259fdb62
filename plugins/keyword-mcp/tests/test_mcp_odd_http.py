"""Answers as servers over streamable HTTP really send them: one request's trouble is that request's alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from nika_keyword_mcp.step import McpStep

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.testing import OddMcpServer, ReceivedRequest
from nika_core.testing.mcp_scenario import GOOD
from nika_core.testing.raw_server import RawAnswer


@dataclass
class Asked:
    """One request as it came."""

    method: str
    verb: str
    session: str
    path: str
    id: Any


class Odd(OddMcpServer):
    """A server: `answer` returns an HTTP message for what is asked, or None for the proper one."""

    answer: Callable[[Asked], bytes | None] = staticmethod(lambda _: None)
    then: Any = "close"

    def answer_to(self, request: ReceivedRequest) -> RawAnswer:
        body = request.body
        session = request.headers.get("mcp-session-id", "")
        asked = Asked(body.get("method", ""), request.method, session, request.path, body.get("id"))
        data = self.answer(asked)
        return RawAnswer(data, self.then) if data else super().answer_to(request)


def http(status: int, body: str | bytes = b"", kind: str = "application/json", **headers: str) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Odd", f"content-type: {kind}", f"content-length: {len(data)}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


def message(asked: Asked, **fields: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": asked.id, **fields}, ensure_ascii=False)


def reply(asked: Asked, headers: dict[str, str] | None = None, **fields: Any) -> bytes:
    return http(200, message(asked, **fields), **(headers or {}))


CUT = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
NO_SESSION = '{"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "No valid session ID"}}'


def good(asked: Asked) -> str:
    return message(asked, result=GOOD["tools/call"])


def stream(body: str | bytes, kind: str = "text/event-stream") -> bytes:
    data = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n".encode() + data


@pytest.fixture
async def odd(small: Any) -> AsyncIterator[Odd]:
    async with Odd() as server:
        small.sections = {"mcpServers": {"odd": {"url": f"{server.url}/mcp?key=secret"}}}
        yield server
        await small.aclose()


async def call(context: Any) -> Any:
    async with asyncio.timeout(120):
        return await McpStep().run({"reference": "odd::t"}, context)


async def fails(context: Any) -> TaskError:
    with pytest.raises(TaskError) as caught:
        await call(context)
    assert "secret" not in caught.value.message
    return caught.value


def only_calls(answer: Callable[[Asked], bytes]) -> Callable[[Asked], bytes | None]:
    return lambda asked: answer(asked) if asked.method == "tools/call" else None


@pytest.mark.parametrize(
    ("answer", "category", "said"),
    [
        (lambda _: http(429, "slow", "text/plain", retry_after="7"), Category.RATE_LIMIT, "HTTP 429 Odd: slow"),
        (lambda _: http(503, "busy", "text/plain", retry_after="7"), Category.NETWORK, "HTTP 503 Odd: busy"),
        (lambda _: http(500, "<html><title>Oops</title></html>", "text/html"), Category.NETWORK, "500 Odd: Oops"),
        (lambda _: http(408), Category.TIMEOUT, "HTTP 408"),
        (lambda _: http(401, '{"error": "invalid_token"}'), Category.CONFIG, "HTTP 401 Odd: invalid_token"),
        (lambda _: http(403, "<h1>blocked</h1>", "text/html"), Category.CONFIG, "HTTP 403 Odd: blocked"),
        (lambda _: http(422, '{"detail": [{"msg": "real reason"}]}'), Category.EXECUTION, "real reason"),
        (
            lambda asked: http(500, message(asked, error={"code": -32603, "message": "real reason"})),
            Category.EXECUTION,
            "odd::t: real reason",
        ),
        (
            lambda asked: http(400, message(asked, error={"code": -32602, "message": "real reason"})),
            Category.VALIDATION,
            "odd::t: real reason",
        ),
        (
            lambda asked: http(404, message(asked, error={"code": -32601, "message": "no such method"})),
            Category.VALIDATION,
            "odd::t: no such method",
        ),
        (
            lambda asked: reply(asked, error={"code": -32000, "message": "quota", "data": {"in": 60}}),
            Category.EXECUTION,
            'odd::t: quota ({"in": 60})',
        ),
        (lambda asked: reply(asked, error={"message": "real reason"}), Category.EXECUTION, "odd::t: real reason"),
        (lambda _: http(200, "<p>log in</p>", "text/html"), Category.EXECUTION, "(text/html): log in"),
        (lambda _: http(200), Category.EXECUTION, "it is empty"),
        (lambda _: http(202), Category.EXECUTION, "202"),
        (lambda _: http(200, '{"jsonrpc": "2.0", "id"'), Category.EXECUTION, "not a message of MCP"),
        (
            lambda asked: http(200, f'{{"jsonrpc": "2.0", "id": {asked.id}, "result": {{'),
            Category.EXECUTION,
            "cannot be read",
        ),
        (lambda _: http(200, '{"jsonrpc": "2.0", "id": 999, "result": {}}'), Category.EXECUTION, "another request"),
        (lambda asked: reply(asked, result="text"), Category.EXECUTION, "cannot be read: text"),
        (lambda _: stream(""), Category.NETWORK, "ended its answer before the result"),
        (lambda _: stream("data: nonsense\n\n"), Category.NETWORK, "ended its answer before the result"),
        (lambda _: CUT, Category.NETWORK, "the connection failed"),
        (lambda _: b"\r\n", Category.NETWORK, "the connection failed"),
        (lambda _: http(302, location="https://elsewhere.example/mcp"), Category.EXECUTION, "elsewhere.example"),
    ],
)
async def test_a_refusal_is_said_with_its_reason_and_the_session_goes_on(
    small: Any, odd: Odd, answer: Callable[[Asked], bytes], category: Category, said: str
) -> None:
    odd.answer = only_calls(answer)
    error = await fails(small)
    assert (error.category, said in error.message) == (category, True), error.message
    odd.answer = lambda _: None
    assert await call(small) == "good"
    assert odd.sessions == 1


async def test_a_call_waits_as_long_as_the_server_asks_for(small: Any, odd: Odd) -> None:
    odd.answer = only_calls(lambda _: http(429, retry_after="7"))
    assert (await fails(small)).retry_after == 7.0


@pytest.mark.parametrize(
    "answer",
    [
        lambda asked: http(200, good(asked), "text/plain"),
        lambda asked: http(200, b"\xef\xbb\xbf" + good(asked).encode()),
        lambda asked: http(200, f"[{good(asked)}]"),
        lambda asked: http(200, good(asked).replace(f": {asked.id}", f': "{asked.id}"')),
        lambda asked: stream(f": ping\n\nid: 1\ndata:\n\ndata: {good(asked)}\n\n"),
        lambda asked: stream(f"event: message\r\ndata: {good(asked)}\r\n\r\n"),
        lambda asked: stream(f"event: reply\rdata: {good(asked)}\r\r"),
        lambda asked: stream(f"data: {good(asked)}\n\n", "Text/Event-Stream;charset=utf-8"),
        lambda asked: stream("data: log\n\n" + f"data: {good(asked)}\n\n"),
    ],
)
async def test_every_form_of_an_answer_is_read(small: Any, odd: Odd, answer: Callable[[Asked], bytes]) -> None:
    odd.answer = only_calls(answer)
    assert await call(small) == "good"


@pytest.mark.parametrize("as_stream", [True, False])
async def test_any_text_is_read_and_half_a_character_harms_nothing(small: Any, odd: Odd, as_stream: bool) -> None:
    def answer(asked: Asked) -> bytes:
        text = "a\u2028b\x85c\ud83dd".encode("utf-8", "replace").decode()
        content = [{"type": "text", "text": text + "@" * 2_000_000}]
        whole = message(asked, result={"content": content}).replace("c?d", "c\\ud83dd")
        return stream(f"data: {whole}\n\n") if as_stream else http(200, whole)

    odd.answer = only_calls(answer)
    assert (await call(small)).rstrip("@") == "a\u2028b\x85c\ufffdd"


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: http(404),
        lambda asked: http(404, message(asked, error={"code": -32001, "message": "Session not found"})),
        lambda _: http(410),
        lambda _: http(400, NO_SESSION),
        lambda _: http(400, "Bad Request: unknown Mcp-Session-Id", "text/plain"),
    ],
)
@pytest.mark.parametrize("method", ["tools/call", "tools/list"])
async def test_a_session_that_the_server_forgot_is_opened_anew(
    small: Any, odd: Odd, answer: Callable[[Asked], bytes], method: str
) -> None:
    odd.answer = lambda asked: answer(asked) if asked.method == method and asked.session == "s1" else None
    assert await asyncio.gather(*(call(small) for _ in range(3))) == ["good"] * 3
    assert odd.sessions == 2


async def test_a_server_that_forgets_every_session_is_given_up(small: Any, odd: Odd) -> None:
    odd.answer = only_calls(lambda _: http(404))
    error = await fails(small)
    assert (error.category, odd.calls()) == (Category.NETWORK, 2)
    assert "forgotten the session" in error.message


@pytest.mark.parametrize(
    ("answer", "category", "said"),
    [
        (lambda _: http(401, '{"error": {"message": "no token"}}'), Category.CONFIG, "HTTP 401 Odd: no token"),
        (lambda _: http(404, "not here", "text/plain"), Category.CONFIG, "HTTP 404 Odd: not here"),
        (lambda _: http(405), Category.CONFIG, "HTTP 405"),
        (lambda _: http(429, retry_after="3"), Category.RATE_LIMIT, "HTTP 429"),
        (lambda _: http(502, "<html><body>bad gateway</body></html>", "text/html"), Category.NETWORK, "bad gateway"),
        (lambda _: http(200, "<p>log in</p>", "text/html"), Category.EXECUTION, "log in"),
        (lambda _: http(301, location="/other"), Category.CONFIG, "/other not followed"),
        (
            lambda asked: reply(asked, error={"code": -32600, "message": "license expired"}) if asked.id else None,
            Category.EXECUTION,
            "license expired",
        ),
    ],
)
async def test_why_a_server_cannot_be_opened_is_said(
    small: Any, odd: Odd, answer: Callable[[Asked], bytes | None], category: Category, said: str
) -> None:
    odd.answer = answer
    error = await fails(small)
    assert (error.category, said in error.message, "/mcp" in error.message) == (category, True, True), error.message


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
@pytest.mark.parametrize("answer", [http(404), http(500), http(200, "<html>", "text/html"), b""])
async def test_what_a_server_says_to_listening_and_closing_harms_nothing(
    small: Any, odd: Odd, verb: str, answer: bytes
) -> None:
    odd.answer = lambda asked: answer if asked.verb == verb else None
    assert await call(small) == "good"
    await small.aclose()


async def test_a_redirect_within_the_server_is_followed(small: Any, odd: Odd) -> None:
    odd.answer = lambda asked: http(308, location="/mcp/") if asked.path.startswith("/mcp?") else None
    assert await call(small) == "good"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/mcp", "http://169.254.169.254/latest", "http://[::1]:1/", "http://localhost:1/"]
)
async def test_addresses_are_guarded_like_those_of_http(small: Any, url: str) -> None:
    small.environ["NIKA_MCP_ALLOW"] = ""
    small.sections = {"mcpServers": {"odd": {"url": url}}}
    error = await fails(small)
    assert (error.code, error.category, error.retriable) == (codes.ADDRESS_REFUSED, Category.CONFIG, False)
    assert "NIKA_MCP_ALLOW" in (error.hint or "")


def words(text: str) -> list[str]:
    return text.split()


ODD_URLS = words(
    """
    http://127.1/ http://2130706433/ http://0x7f000001/mcp http://0177.0.0.1/ http://[::ffff:127.0.0.1]/ http://0/
    http://[::ffff:7f00:1]/ http://[64:ff9b::7f00:1]/ http://[2002:7f00:1::]/ http://0.0.0.0/ http://[::]/
    http://LOCALHOST/ http://secret@127.0.0.1/ http://me:secret@127.0.0.1/ http://secret@secret@127.0.0.1/
    http://example.com\\@127.0.0.1/ http://127。0。0。1/ http://１２７.０.０.１/ http://10.0.0.1/ http://100.64.0.1/
    http://192.168.1.1:99999/ http://[fd00::1]/ http://224.0.0.1/ https://127.0.0.1:0/ http://[::1/ http://999.1.1.1/
    http://[127.0.0.1]/ http:127.0.0.1 //127.0.0.1/ ftp://127.0.0.1/ file:///etc/passwd unix:///x
    ws://127.0.0.1/ http://127.0.0.1/#secret
    """
)


async def test_no_odd_url_of_a_server_opens_a_connection(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(
        "httpcore2._backends.anyio.anyio.connect_tcp", lambda *args, **kwargs: opened.append((args, kwargs))
    )
    small.environ["NIKA_MCP_ALLOW"] = ""
    for url in ODD_URLS:
        small.sections = {"mcpServers": {"odd": {"url": url}}}
        error = await fails(small)
        assert error.code in {codes.ADDRESS_REFUSED, "NIKA-085"}, (url, error)
        assert error.category is Category.CONFIG, (url, error)
    assert opened == []


@pytest.mark.parametrize("where", ["http://10.0.0.1/", "http://[::ffff:10.0.0.1]/", "http://2852039166/", "//10.1/"])
async def test_a_redirect_to_a_private_address_is_not_followed(small: Any, odd: Odd, where: str) -> None:
    odd.answer = only_calls(lambda _: http(307, location=where))
    error = await fails(small)
    assert error.category in {Category.CONFIG, Category.EXECUTION}, error
    assert "10" in error.message or "2852039166" in error.message


async def test_the_project_file_allows_addresses(small: Any, odd: Odd) -> None:
    small.environ["NIKA_MCP_ALLOW"] = ""
    small.settings = {"allow": ["127.0.0.0/8"]}
    assert await call(small) == "good"
    await small.aclose()  # another run
    small.settings = {"allow": []}
    small.environ["NIKA_MCP_ALLOW"] = "no host/"
    with pytest.raises(TaskError, match="NIKA_MCP_ALLOW"):
        await call(small)


async def test_what_http_may_reach_servers_may_be_too(small: Any, odd: Odd) -> None:
    small.environ["NIKA_MCP_ALLOW"] = ""
    small.environ["NIKA_HTTP_ALLOW"] = "127.0.0.1"
    assert await call(small) == "good"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_certificates_that_are_not_there_are_said(small: Any, odd: Odd, variable: str) -> None:
    small.environ[variable] = "/no/such/file.pem"
    error = await fails(small)
    assert (error.category, variable in error.message) == (Category.CONFIG, True)


async def test_a_call_that_is_stopped_says_what_came_in_place_of_an_answer(small: Any, odd: Odd) -> None:
    def working(asked: Asked) -> bytes:
        params = {"progressToken": asked.id, "progress": 1}
        progress = json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
        return stream(f"data: the disk is full\n\ndata: {progress}\n\n")

    odd.answer, odd.then = only_calls(working), "hang"
    under_way = asyncio.create_task(call(small))
    async with asyncio.timeout(60):
        while not small.reports:
            await asyncio.sleep(0.01)
    under_way.cancel()
    with pytest.raises(TaskError, match="'odd' sent last is not a message: the disk is full"):
        await under_way
