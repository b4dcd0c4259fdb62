"""The transport of provider clients answers as httpx2's own, whatever a server sends."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httptools
import httpx
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nika_core.errors import TaskError
from nika_core.testing.raw_server import RawAnswer, RawServer
from nika_core.testing.scenario import Then
from nika_core.toolbox.http1_connection import Http1Connection
from nika_core.toolbox.http1_transport import Http1Transport, transport_options

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"

# What a server sends, and what follows. Both transports are to make the same of it.
ANSWERS: dict[str, tuple[bytes, Then]] = {
    "counted": (OK + b"content-length: 5\r\nX-Who: me\r\n\r\nhello", "go on"),
    "chunked": (CHUNKED + b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "go on"),
    "chunked, with extensions and trailers": (CHUNKED + b"5;a=b\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n", "go on"),
    "spaces after the size of a chunk": (CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n", "go on"),
    "sizes of chunks with leading zeros": (CHUNKED + b"00005\r\nhello\r\n000\r\n\r\n", "go on"),
    "both kinds of length": (
        OK + b"content-length: 99\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "close",
    ),
    "until the end": (OK + b"\r\nhello", "close"),
    "of HTTP/1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", "close"),
    "lines that end with a line feed": (b"HTTP/1.1 200 OK\ncontent-length: 5\n\nhello", "go on"),
    "no reason": (b"HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n", "go on"),
    "no reason, nor a space": (b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", "go on"),
    "no content": (b"HTTP/1.1 204 No\r\n\r\n", "go on"),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n", "go on"),
    "continue, then the answer": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length: 2\r\n\r\nok", "go on"),
    "early hints, then the answer": (
        b"HTTP/1.1 103 Hints\r\nlink: </a>\r\n\r\n" + OK + b"content-length: 2\r\n\r\nok",
        "go on",
    ),
    "an error with text": (b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy", "go on"),
    "a header twice": (OK + b"a: 1\r\na: 2\r\ncontent-length: 0\r\n\r\n", "go on"),
    "a header in latin-1": (OK + b"a: caf\xe9\r\ncontent-length: 0\r\n\r\n", "go on"),
    "an empty header": (OK + b"a:\r\ncontent-length: 0\r\n\r\n", "go on"),
    "more than was announced": (OK + b"content-length: 2\r\nconnection: close\r\n\r\nokmore", "close"),
    "nothing": (b"", "close"),
    "half a head": (OK + b"content-le", "close"),
    "half a body": (OK + b"content-length: 50\r\n\r\nhello", "close"),
    "half a chunk": (CHUNKED + b"9\r\nhello", "close"),
    "chunks without an end": (CHUNKED + b"5\r\nhello\r\n", "close"),
    "the size of a chunk is none": (CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n", "close"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "close"),
    "another protocol's number": (b"RTSP/1.0 200 OK\r\n\r\n", "close"),
    "a length that is none": (OK + b"content-length: many\r\n\r\nhello", "close"),
    "two lengths": (OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!", "close"),
    "a status that is none": (b"HTTP/1.1 abc OK\r\n\r\n", "close"),
    "a name with a space": (OK + b"bad name: 1\r\ncontent-length: 0\r\n\r\n", "close"),
    "headers without an end": (OK + b"a: " + b"x" * 200_000, "close"),
}


def ours(connections: int = 10, library: Any = httpx2, context: ssl.SSLContext | None = None) -> Any:
    transport = Http1Transport(library, context or ssl.create_default_context(), connections)
    return library.AsyncClient(transport=transport, trust_env=False, timeout=30)


async def outcome(client: Any, url: str, method: str = "POST") -> tuple[Any, ...]:
    """What a response has, or the exception."""
    body = b""
    try:
        async with client.stream(method, url, content=b"{}" if method == "POST" else None) as response:
            async for part in response.aiter_bytes():
                body += part
            return response.status_code, response.reason_phrase, response.headers.multi_items(), body
    except Exception as error:
        return type(error).__name__, body


@pytest.mark.parametrize("library", [httpx2, httpx], ids=["httpx2", "httpx"])
async def test_every_answer_is_read_as_the_library_itself_reads_it(library: Any) -> None:
    async with RawServer() as server, ours(library=library) as new, library.AsyncClient(trust_env=False) as old:
        for name, (data, then) in ANSWERS.items():
            server.answers = [RawAnswer(data, then)]
            assert await outcome(new, server.url) == await outcome(old, server.url), name


async def test_a_body_that_breaks_off_says_so() -> None:
    async with RawServer() as server, ours() as client:
        server.raw(*ANSWERS["half a chunk"])
        with pytest.raises(httpx2.RemoteProtocolError, match="without sending complete message body"):
            await client.get(server.url)


async def test_an_answer_to_head_has_no_body() -> None:
    async with RawServer() as server, ours() as client:
        server.raw(OK + b"content-length: 5\r\n\r\n")
        assert (await client.head(server.url)).headers["content-length"] == "5"


async def test_a_connection_is_kept_until_the_server_closes_it() -> None:
    async with RawServer() as server, ours() as client:
        server.raw(*ANSWERS["counted"])
        server.raw(*ANSWERS["counted"])
        server.raw(ANSWERS["counted"][0], "close")
        server.raw(*ANSWERS["counted"])
        for _ in range(3):
            assert (await client.get(server.url)).text == "hello"
        assert len(server._connections) == 1
        await asyncio.gather(*server._connections)  # it has closed it
        assert (await client.get(server.url)).text == "hello"


async def test_no_more_requests_run_at_once_than_connections_are_allowed() -> None:
    async with RawServer() as server, ours(connections=1) as client:
        server.raw(CHUNKED + b"5\r\nhello\r\n", "hang")
        async with client.stream("GET", server.url) as response:
            parts = response.aiter_bytes()
            assert await anext(parts) == b"hello"
            with pytest.raises(httpx2.PoolTimeout):
                await client.get(server.url, timeout=httpx2.Timeout(30, pool=0.01))
        server.raw(*ANSWERS["counted"])
        server.answers.pop(0)
        assert (await client.get(server.url)).text == "hello"


@pytest.mark.parametrize("data", [b"", CHUNKED + b"5\r\nhello\r\n"], ids=["head", "body"])
async def test_a_server_that_says_nothing_more_is_given_up(data: bytes) -> None:
    async with RawServer() as server, ours() as client:
        server.raw(data, "hang")
        with pytest.raises(httpx2.ReadTimeout):
            await client.get(server.url, timeout=httpx2.Timeout(30, read=0.01))


async def test_a_request_that_is_cancelled_closes_its_connection() -> None:
    async with RawServer() as server, ours() as client:
        server.raw(CHUNKED + b"5\r\nhello\r\n", "hang")
        begun = asyncio.Event()

        async def read() -> None:
            async with client.stream("GET", server.url) as response:
                async for _ in response.aiter_bytes():
                    begun.set()

        task = asyncio.create_task(read())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.gather(*server._connections)  # the server sees the end


@pytest.mark.parametrize(
    ("name", "value"), [("a b", "1"), ("a\r\nb", "1"), ("a", "1\r\nb: 2"), ("a", "1\n"), ("a", "\0")]
)
async def test_a_header_cannot_bring_in_another(name: str, value: str) -> None:
    async with RawServer() as server, ours() as client:
        with pytest.raises(httpx2.LocalProtocolError, match="Illegal header"):
            await client.get(server.url, headers={name: value})
        assert not server.requests


async def test_a_body_of_unknown_length_is_sent_in_chunks() -> None:
    got: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"0\r\n\r\n"))
        writer.write(ANSWERS["counted"][0])
        writer.close()

    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        yield b""
        yield b"two" * 100_000

    async with await asyncio.start_server(answer, "127.0.0.1", 0, limit=1 << 20) as server, ours() as client:
        port = server.sockets[0].getsockname()[1]
        assert (await client.post(f"http://127.0.0.1:{port}", content=parts())).text == "hello"
    assert b"3\r\none\r\n493e0\r\ntwotwo" in got[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "nowhere.invalid"])
async def test_a_server_that_cannot_be_reached_fails_as_before(host: str) -> None:
    with contextlib.closing(await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)) as server:
        port = server.sockets[0].getsockname()[1]
    async with ours() as new, httpx2.AsyncClient(trust_env=False) as old:
        url = f"http://{host}:{port}"
        assert await outcome(new, url) == await outcome(old, url) == ("ConnectError", b"")


async def test_a_server_is_trusted_by_its_certificate(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([openssl, *command.split(), *names], capture_output=True, check=True)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(cert, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=served) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with ours() as stranger:
            with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.get(url)
        async with ours(context=ssl.create_default_context(cafile=str(cert))) as client:
            for _ in range(2):
                assert (await client.get(url)).text == "hello"


async def test_a_server_without_tls_is_said_to_be_one() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, ours() as client:
        with pytest.raises(httpx2.ConnectError, match=r"WRONG_VERSION|record layer"):
            await client.get(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")


class Wire:
    """What a connection is given in place of a socket."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.calls.append(name)


def test_a_proxy_or_a_missing_httptools_leaves_the_library_its_own_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.create_default_context()
    assert transport_options(httpx2, context, "http://proxy:1", 10).keys() == {"verify", "proxy"}
    assert transport_options(httpx2, context, None, 10).keys() == {"transport"}
    monkeypatch.setitem(sys.modules, "httptools", None)
    assert transport_options(httpx2, context, None, 10) == {"verify": context, "proxy": None}


async def nothing() -> AsyncIterator[bytes]:
    for part in ():
        yield part


async def begun() -> tuple[Http1Connection, Wire]:
    connection, wire = Http1Connection(httpx2, httptools.HttpResponseParser), Wire()
    connection.connection_made(wire)
    await connection.send(b"GET", b"/", [(b"host", b"a")], nothing(), None)
    return connection, wire


WHOLE = (
    CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(word), word) for word in [b"a", b"bc", b"def\r\n", b"g"]) + b"0\r\n\r\n"
)


@given(st.lists(st.integers(0, len(WHOLE)), max_size=8).map(sorted))
def test_an_answer_may_come_in_any_pieces(cuts: list[int]) -> None:
    async def read() -> None:
        connection, _ = await begun()
        for start, end in zip([0, *cuts], [*cuts, len(WHOLE)], strict=True):
            if start < end:
                connection.data_received(WHOLE[start:end])
        await connection.read_head(None)
        assert (connection.status, connection.reason) == (200, b"OK")
        assert await connection.read(None) == b"abcdef\r\ng"
        assert await connection.read(None) == b""
        assert connection.reusable

    asyncio.run(read())


async def test_the_chunks_of_one_read_are_one_piece() -> None:
    connection, _ = await begun()
    connection.data_received(CHUNKED + b"1\r\na\r\n" * 100)
    assert await connection.read(None) == b"a" * 100


async def test_no_more_is_read_than_is_taken() -> None:
    connection, wire = await begun()
    connection.data_received(CHUNKED)
    for _ in range(20):
        connection.data_received(b"10000\r\n" + b"a" * 65536 + b"\r\n")
    assert wire.calls[1:] == ["pause_reading"]
    await connection.read(None)
    assert wire.calls[1:] == ["pause_reading", "resume_reading"]


@pytest.mark.parametrize("extra", [b"HTTP/1.1 200 OK\r\n\r\n", b"x"])
async def test_a_connection_with_an_answer_that_nobody_asked_for_is_not_used_again(extra: bytes) -> None:
    for together in (True, False):
        connection, _ = await begun()
        whole = ANSWERS["counted"][0]
        connection.data_received(whole + extra if together else whole)
        if not together:
            connection.data_received(extra)
        assert await connection.read(None) == b"hello"
        assert not connection.reusable


async def test_a_connection_goes_to_the_addresses_that_a_host_has_been_resolved_to_in_turn() -> None:
    async with RawServer() as server:
        port = int(server.url.rpartition(":")[2])
        asked: list[tuple[str, int]] = []

        async def resolve(host: str, port: int) -> list[str]:
            asked.append((host, port))
            return ["127.0.0.9", "127.0.0.1"]

        transport = Http1Transport(httpx2, ssl.create_default_context(), 10, resolve)
        async with httpx2.AsyncClient(transport=transport, trust_env=False, timeout=30) as client:
            server.raw(OK + b"content-length: 2\r\n\r\nok")
            assert (await client.get(f"http://rebind.example:{port}/")).text == "ok"
        assert asked == [("rebind.example", port)]


async def test_an_address_that_is_refused_opens_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(host: str, port: int) -> list[str]:
        raise TaskError("no")

    async def connect(*_: Any, **__: Any) -> Any:
        raise AssertionError("a connection is opened")

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", connect)
    transport = Http1Transport(httpx2, ssl.create_default_context(), 10, refuse)
    async with httpx2.AsyncClient(transport=transport, trust_env=False, timeout=30) as client:
        for _ in range(2):  # and its place is free again
            with pytest.raises(TaskError, match="no"):
                await client.get("http://inner.example/")


async def test_as_many_connections_are_kept_as_have_run_at_once() -> None:
    async with RawServer() as first, RawServer() as second, ours() as client:
        for server in (first, second):
            server.answers = [RawAnswer(OK + b"content-length: 2\r\n\r\nok", "go on")]
        transport = client._transport
        for server in (first, second, first):
            await client.get(server.url)
        assert transport._idle_count == 1  # the one of the other server has made room
        await asyncio.gather(*(client.get(first.url) for _ in range(5)))
        assert 1 <= transport._idle_count <= 5


async def test_connections_that_are_not_used_are_closed_also_if_their_server_is_never_asked_again() -> None:
    async with RawServer() as server, ours() as client:
        server.raw(OK + b"content-length: 2\r\n\r\nok")
        await client.get(server.url)
        transport = client._transport
        (kept,) = transport._idle.values()
        kept[0].expires = 0.0
        transport._close_all_expired()
        assert transport._idle_count == 0
        assert not transport._idle
