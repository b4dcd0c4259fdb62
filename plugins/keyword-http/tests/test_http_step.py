"""The http keyword against real servers on loopback."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
import tracemalloc
import zlib
from typing import Any

import pytest
from nika_keyword_http.facets import HttpFacets
from nika_keyword_http.step import HttpStep

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.plugin import StepOutput
from nika_core.template.json_check import value_problems


async def call(context: Any, **payload: Any) -> Any:
    context.environ.setdefault("NIKA_HTTP_ALLOW", "127.0.0.1")
    async with asyncio.timeout(120):
        return await HttpStep().run(payload, context)


async def test_the_body_of_the_answer_is_the_output(context: Any, serve: Any) -> None:
    server = serve(body=b'{"a": 1}', headers={"content-type": "application/json"})
    assert await call(context, url=server.url + "/x?y=1") == StepOutput('{"a": 1}')
    assert (server.requests[0].method, server.requests[0].target) == ("GET", "/x?y=1")


async def test_full_has_status_headers_and_body(context: Any, serve: Any) -> None:
    server = serve(status=201, body=b"ok", headers={"X-A": "1", "x-a ".strip(): "2"})
    found = (await call(context, url=server.url, response="full")).value
    assert found["status"] == 201
    assert found["body"] == "ok"
    assert found["headers"]["content-length"] == "2"


@pytest.mark.parametrize(
    ("given", "body", "content_type", "method"),
    [
        ({"json": {"a": [1, None, "é"]}}, '{"a":[1,null,"é"]}'.encode(), "application/json", "POST"),
        ({"json": None}, b"null", "application/json", "POST"),
        ({"body": "é\n"}, "é\n".encode(), "text/plain; charset=utf-8", "POST"),
        (
            {"form": {"a b": "c&d", "n": [1, True], "no": None}},
            b"a+b=c%26d&n=1&n=true",
            "application/x-www-form-urlencoded",
            "POST",
        ),
        ({"body": "x", "method": "put", "headers": {"Content-Type": "a/b"}}, b"x", "a/b", "PUT"),
        ({}, b"", None, "GET"),
    ],
)
async def test_each_kind_of_body_is_sent_as_it_says(
    context: Any, serve: Any, given: Any, body: bytes, content_type: str | None, method: str
) -> None:
    server = serve()
    await call(context, url=server.url, **given)
    sent = server.requests[0]
    assert (sent.body, sent.headers.get("content-type"), sent.method) == (body, content_type, method)


async def test_query_is_added_to_the_urls_own(context: Any, serve: Any) -> None:
    server = serve()
    query = {"q": "a&b=c d/é", "n": [1, 2.5, True], "none": None, "o": {"k": "v"}}
    await call(context, url=server.url + "/s?x=1#frag", query=query)
    assert server.requests[0].target == "/s?x=1&q=a%26b%3Dc%20d%2F%C3%A9&n=1&n=2.5&n=true&o=%7B%22k%22%3A%22v%22%7D"


@pytest.mark.parametrize("value", ["a\nb", "a\r\nX-Evil: 1", "a\0b", "a\x7f"])
async def test_a_line_break_in_a_header_is_an_error(context: Any, serve: Any, value: str) -> None:
    server = serve()
    with pytest.raises(TaskError) as caught:
        await call(context, url=server.url, headers={"X-A": value})
    assert caught.value.code == codes.VALUE_NOT_ALLOWED_HERE
    assert "X-A" in caught.value.message
    assert not server.requests


async def test_a_header_may_hold_any_other_character(context: Any, serve: Any) -> None:
    server = serve()
    await call(context, url=server.url, headers={"X-A": '  é; "q"\tx  ', "X-Number": 3})
    assert server.requests[0].headers["x-a"] == 'é; "q"\tx'
    assert server.requests[0].headers["x-number"] == "3"


async def test_the_idempotency_key_is_the_tasks_where_it_is_asked_for(context: Any, serve: Any) -> None:
    server = serve()
    await call(context, url=server.url, body="x", idempotencyKey=True)
    await call(context, url=server.url, body="x")
    assert [r.headers.get("idempotency-key") for r in server.requests] == [context.key, None]


async def test_tasks_of_one_run_share_connections_but_no_cookies(context: Any, serve: Any) -> None:
    server = serve(headers={"set-cookie": "a=b"})
    await call(context, url=server.url)
    await call(context, url=server.url)
    assert server.requests[0].peer == server.requests[1].peer
    assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize(
    ("status", "category", "retriable"),
    [
        (400, Category.EXECUTION, False),
        (401, Category.EXECUTION, False),
        (404, Category.EXECUTION, False),
        (408, Category.TIMEOUT, True),
        (425, Category.EXECUTION, True),
        (429, Category.RATE_LIMIT, True),
        (500, Category.EXECUTION, True),
        (503, Category.EXECUTION, True),
        (599, Category.EXECUTION, True),
    ],
)
async def test_a_status_that_was_not_asked_for_fails(
    context: Any, serve: Any, status: int, category: Category, retriable: bool
) -> None:
    server = serve(status=status, body=b"no\n such   thing", headers={"retry-after": "7"})
    with pytest.raises(TaskError) as caught:
        await call(context, url=server.url + "/p?key=secret")
    error = caught.value
    assert (error.category, error.retriable, error.retry_after) == (category, retriable, 7.0)
    assert f"/p answered {status}" in error.message
    assert error.message.endswith("expected 2xx: no such thing")
    assert "secret" not in error.message
    assert error.output == "no\n such   thing"


@pytest.mark.parametrize("asked", ["404", "4xx", ["200", "400-404"], "2xx, 404", 404])
async def test_expect_status_says_what_a_success_is(context: Any, serve: Any, asked: Any) -> None:
    assert (await call(context, url=serve(status=404, body=b"x").url, expectStatus=asked)).value == "x"


async def test_a_body_longer_than_an_output_is_read_no_further(context: Any, serve: Any, answer_with: Any) -> None:
    sent = 0

    async def endless(_: Any, writer: Any, __: Any) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 4096)
            sent += 4096
            await writer.drain()

    context.max_output = 10_000
    found = await call(context, url=serve(endless).url)
    assert found.value == "x" * 10_000
    assert found.original_bytes > 10_000
    known = await call(context, url=serve(answer_with(body=b"y" * 50_000, headers={"content-type": "text/plain"})).url)
    assert (len(known.value), known.original_bytes) == (10_000, 50_000)
    assert sent < 50_000_000


async def test_a_compressed_bomb_stops_at_the_limit(context: Any, serve: Any) -> None:
    bomb = gzip.compress(b"\0" * 200_000_000, 9)
    twice = gzip.compress(bomb, 9)
    for body, encoding in ((bomb, "gzip"), (twice, "gzip, gzip")):
        server = serve(body=body, headers={"content-encoding": encoding, "content-type": "text/plain"})
        await call(context, url=server.url)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            found = await call(context, url=server.url)
            peak = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
        assert len(found.value) == context.max_output
        assert found.original_bytes > context.max_output
        assert peak < 20_000_000


WHOLE = b"first second " * 500


def deflated(window: int) -> bytes:
    compressor = zlib.compressobj(wbits=window)
    return compressor.compress(WHOLE) + compressor.flush()


ENCODED = [
    ("gzip", gzip.compress(WHOLE, mtime=0)),
    ("x-gzip", b"".join(gzip.compress(part, mtime=0) for part in (WHOLE[:9], b"", WHOLE[9:]))),
    ("GZIP", gzip.compress(WHOLE, mtime=0)),
    ("deflate", deflated(15)),
    ("deflate", deflated(-15)),
    ("identity, gzip, deflate", zlib.compress(gzip.compress(WHOLE, mtime=0))),
]


@pytest.mark.parametrize(("encoding", "body"), ENCODED)
@pytest.mark.parametrize("length", [True, False])
async def test_a_compressed_body_is_read_to_its_very_end(
    context: Any, serve: Any, encoding: str, body: bytes, length: bool
) -> None:
    headers = {"content-encoding": encoding, "content-type": "text/plain"}
    for sent in (body, body + b"\0" * 100):
        assert (await call(context, url=serve(body=sent, headers=headers, length=length).url)).value == WHOLE.decode()


@pytest.mark.parametrize(("encoding", "body"), ENCODED)
@pytest.mark.parametrize("kept", [1, 3, 30, -9, -1])
async def test_half_of_a_compressed_body_is_a_failure(
    context: Any, serve: Any, encoding: str, body: bytes, kept: int
) -> None:
    server = serve(body=body[:kept], headers={"content-encoding": encoding, "content-type": "text/plain"}, length=False)
    with pytest.raises(TaskError, match="compression is broken: it ends in the middle"):
        await call(context, url=server.url)


@pytest.mark.parametrize("status", [200, 204, 304])
async def test_an_empty_body_is_empty_whatever_its_encoding_is_said_to_be(
    context: Any, serve: Any, status: int
) -> None:
    server = serve(status=status, headers={"content-encoding": "gzip", "content-type": "text/plain"})
    assert (await call(context, url=server.url, expectStatus=str(status))).value == ""


async def test_broken_compression_is_said(context: Any, serve: Any) -> None:
    server = serve(body=b"no gzip at all", headers={"content-encoding": "gzip"})
    with pytest.raises(TaskError, match="compression is broken"):
        await call(context, url=server.url)


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("é€".encode(), "text/plain", "é€"),
        ("é".encode("latin-1"), "text/html; charset=ISO-8859-1", "é"),
        ("é€".encode("utf-16"), 'text/plain; charset="utf-16"', "é€"),
        ("é".encode(), "text/plain; charset=no-such-thing", "é"),
        ("é".encode(), "text/plain; charset=rot13", "é"),
        ("é".encode(), "text/plain; charset=idna", "é"),
        ("é".encode(), "text/plain; charset=undefined", "é"),
        (b"\xef\xbb\xbf{}", "application/json", "{}"),
        ("é".encode(), "application/octet-stream", "é"),
        (b"\xff", "text/plain", "\N{REPLACEMENT CHARACTER}"),
        (b"", "image/png", ""),
        (b"\x89PNG\0", "image/png", base64.b64encode(b"\x89PNG\0").decode()),
    ],
)
async def test_a_body_is_decoded_by_its_charset_and_binary_becomes_base64(
    context: Any, serve: Any, body: bytes, content_type: str, text: str
) -> None:
    server = serve(body=body, headers={"content-type": content_type})
    assert (await call(context, url=server.url)).value == text


async def test_full_says_when_a_body_is_base64_or_cut_and_fits_the_limit(context: Any, serve: Any) -> None:
    context.max_output = 400
    binary = (await call(context, url=serve(body=b"\0\xff").url, response="full")).value
    assert binary["encoding"] == "base64"
    text = (await call(context, url=serve(body=b'"\n' * 1000).url, response="full")).value
    assert text["truncated"] is True
    assert "[TRUNCATED: 2000 bytes" in text["body"]
    assert len(json.dumps(text, separators=(",", ":"), ensure_ascii=False).encode()) <= 400


@pytest.mark.parametrize("body", [b"a text", b"\0\xff", b"x" * 1000])
async def test_full_is_what_is_known_of_it_before_a_run(context: Any, serve: Any, body: bytes) -> None:
    context.max_output = 400
    payload = {"url": serve(body=body).url, "response": "full"}
    known = HttpFacets().output_schema(payload)
    assert known is not None
    assert value_problems((await call(context, **payload)).value, known) == []
    assert HttpFacets().output_schema({**payload, "response": "body"}) is None


async def test_a_binary_body_that_does_not_fit_is_refused_not_cut(context: Any, serve: Any) -> None:
    context.max_output = 100
    with pytest.raises(TaskError, match="not text") as caught:
        await call(context, url=serve(body=b"\0" * 90).url)
    assert not caught.value.retriable


async def test_an_answer_that_breaks_off_is_a_network_error(context: Any, serve: Any) -> None:
    async def short(_: Any, writer: Any, __: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc")
        await writer.drain()
        writer.close()

    with pytest.raises(TaskError, match="broke off") as caught:
        await call(context, url=serve(short).url)
    assert caught.value.category is Category.NETWORK


async def test_what_is_no_http_is_a_network_error(context: Any, serve: Any) -> None:
    async def other(_: Any, writer: Any, __: Any) -> None:
        writer.write(b"SSH-2.0-x\r\n\r\n")
        await writer.drain()
        writer.close()

    with pytest.raises(TaskError) as caught:
        await call(context, url=serve(other).url)
    assert caught.value.category is Category.NETWORK


async def test_nobody_listening_is_said_with_the_host(context: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(TaskError, match=f"127.0.0.1:{port} refuses the connection") as caught:
            await call(context, url=f"http://127.0.0.1:{port}/")
    assert caught.value.category is Category.NETWORK


async def test_an_unknown_host_is_said_with_its_name(context: Any) -> None:
    # A label of more than 63 letters is in no name server's zone: nothing is asked outside.
    host = "n" * 64 + ".invalid"
    with pytest.raises(TaskError, match=f"the host '{host}' is not known") as caught:
        await call(context, url=f"http://{host}/")
    assert caught.value.category is Category.NETWORK


async def test_https_where_a_server_speaks_plain_http_is_said(context: Any) -> None:
    async def plain(reader: Any, writer: Any) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        with pytest.raises(TaskError, match="no TLS connection") as caught:
            await call(context, url=f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert "https" in (caught.value.hint or "")


async def test_an_untrusted_certificate_is_said_and_not_tried_again(
    context: Any, serve: Any, certificate: tuple[str, Any]
) -> None:
    server = serve(body=b"x", tls=certificate[1])
    with pytest.raises(TaskError, match="TLS certificate that is not trusted: self-signed") as caught:
        await call(context, url=server.url)
    assert not caught.value.retriable
    assert "SSL_CERT_FILE" in (caught.value.hint or "")


async def test_ssl_cert_file_names_the_authorities_to_trust(
    context: Any, serve: Any, certificate: tuple[str, Any]
) -> None:
    context.environ["SSL_CERT_FILE"] = certificate[0]
    assert (await call(context, url=serve(body=b"x", tls=certificate[1]).url)).value == "x"


async def test_a_cert_file_that_is_not_there_is_said(context: Any, serve: Any) -> None:
    context.environ["SSL_CERT_FILE"] = "/no/such/file"
    with pytest.raises(TaskError, match="SSL_CERT_FILE") as caught:
        await call(context, url="https://127.0.0.1/")
    assert caught.value.category is Category.CONFIG


async def test_a_slow_server_ends_with_the_attempts_time_and_leaves_no_connection(context: Any, serve: Any) -> None:
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    limit = asyncio.timeout(None)

    async def slow(reader: Any, _: Any, __: Any) -> None:
        loop.call_soon_threadsafe(limit.reschedule, loop.time())  # the time is up while the server has the request
        await reader.read()
        loop.call_soon_threadsafe(gone.set)

    context.environ["NIKA_HTTP_ALLOW"] = "127.0.0.1"
    url = serve(slow).url
    with pytest.raises(TimeoutError):
        async with limit:
            await HttpStep().run({"url": url}, context)
    async with asyncio.timeout(120):
        await gone.wait()


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"url": "http://127.0.0.1", "json": 1, "body": "x"}, "json and body are both given"),
        ({"url": "http://127.0.0.1", "method": "CONNECT"}, "cannot be sent"),
        ({"url": "http://127.0.0.1", "method": "A B"}, "cannot be sent"),
        ({"url": "http://127.0.0.1", "query": [1]}, "query is names and values"),
        ({"url": "http://127.0.0.1", "expectStatus": "6xx"}, "not a status"),
        ({"url": "http://127.0.0.1", "headers": {"Host": "x"}}, "belongs to the connection"),
        ({"url": "http://127.0.0.1", "headers": {"a b": "x"}}, "not the name of a header"),
        ({"url": "http://127.0.0.1", "body": "\ud800"}, "half a character"),
        ({"url": ["http://127.0.0.1"]}, "url is a text"),
    ],
)
async def test_a_payload_that_cannot_be_sent_is_said(context: Any, payload: Any, said: str) -> None:
    with pytest.raises(TaskError) as caught:
        await call(context, **payload)
    assert said in caught.value.message
    assert not caught.value.retriable


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1 200 OK\r\ncontent-length: " + "9" * 5000,
        "HTTP/1.1 200 OK\r\ncontent-length: -1",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked",
        "HTTP/1.1 200 OK\r\n" + "x-flood: y\r\n" * 20_000 + "a: b",
        "HTTP/1.1 99999 OK",
        "HTTP/1.1 200 OK\r\nbad header line",
    ],
)
async def test_an_answer_that_is_no_http_is_never_a_traceback(context: Any, serve: Any, head: str) -> None:
    async def broken(_: Any, writer: Any, __: Any) -> None:
        writer.write(head.encode() + b"\r\n\r\nzz\r\n")
        await writer.drain()
        writer.close()

    with pytest.raises(TaskError) as caught:
        await call(context, url=serve(broken).url)
    assert caught.value.category is Category.NETWORK
