"""The guard in front of an http task: hostile URLs, redirects, what the operator allows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from nika_keyword_http.exchange import answered
from nika_keyword_http.request import build
from nika_keyword_http.step import HttpStep

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.toolbox.network import AddressGuard, guarded_client


def words(text: str) -> list[str]:
    return text.split()


# What a URL may look like that means this machine, its network, or its cloud.
HOSTILE = words(
    """
    http://127.0.0.1/ http://127.1/ http://127.0.0.1./ http://2130706433/ http://0x7f000001/ http://0x7f.1/
    http://0177.0.0.1/ http://017700000001/ http://localhost/ http://LOCALHOST/ http://localhost./ http://[::1]/
    http://[::]/ http://0/ http://0.0.0.0/ http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/
    http://[64:ff9b::7f00:1]/ http://169.254.169.254/latest/meta-data/ http://[fd00:ec2::254]/ http://10.0.0.1/
    http://192.168.0.1/ http://１２７.０.０.１/ http://127。0。0。1/ http://ⓛocalhost/ https://127.0.0.1/
    http://user@127.0.0.1/ http://example.com@127.0.0.1/ http://example.com\\@127.0.0.1/
    http://127.0.0.1\\@example.com/ http://[fe80::1%25lo]/ http://[fe80::1%lo]/ http://127.0.0.1%2f/
    http://%6cocalhost/ ftp://127.0.0.1/ file:///etc/passwd gopher://127.0.0.1/ unix:///var/run/docker.sock
    http+unix://%2Fvar%2Frun/ //127.0.0.1/ http:127.0.0.1 http:/127.0.0.1 http:///127.0.0.1 http://127.0.0.1:0/
    http://127.0.0.1:99999/ http://127.0.0.1:8o/ http://[::1/ http://[127.0.0.1]/ http://999.1.1.1/
    """
)


@pytest.mark.parametrize("url", [*HOSTILE, "http://127.0.0.1\t/", " http://127.0.0.1/", "http://127.0.0.1/\n", ""])
async def test_no_hostile_url_opens_a_connection(context: Any, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    for connect in (
        "asyncio.base_events.BaseEventLoop.create_connection",
        "httpcore2._backends.anyio.anyio.connect_tcp",
    ):
        monkeypatch.setattr(connect, lambda *args, **kwargs: opened.append((args, kwargs)))
    with pytest.raises(TaskError) as caught:
        await HttpStep().run({"url": url}, context)
    assert opened == []
    assert caught.value.category in (Category.CONFIG, Category.TEMPLATE, Category.NETWORK)
    if caught.value.category is Category.CONFIG:
        assert caught.value.code == codes.ADDRESS_REFUSED


async def test_a_refusal_names_host_address_and_how_to_allow_it(context: Any) -> None:
    with pytest.raises(TaskError) as caught:
        await HttpStep().run({"url": "http://localhost:8123/x"}, context)
    error = caught.value
    assert (error.code, error.category, error.retriable) == (codes.ADDRESS_REFUSED, Category.CONFIG, False)
    assert "localhost:8123" in error.message
    assert "a loopback address" in error.message
    assert "NIKA_HTTP_ALLOW=localhost:8123" in (error.hint or "")


async def loopback(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def test_a_redirect_to_an_address_that_is_not_public_is_refused(serve: Any, answer_with: Any) -> None:
    secret = serve(body=b"secret")
    target = secret.url.replace("127.0.0.1", "inner.example")
    public = serve(answer_with(status=302, headers={"location": target}))
    # Only the first server is allowed; the second one's name resolves to loopback.
    guard = AddressGuard.from_configuration("http", {"NIKA_HTTP_ALLOW": f"127.0.0.1:{public.port}"})
    async with guarded_client(guard, resolver=loopback) as client:
        with pytest.raises(TaskError) as caught:
            async with answered(client, build({"url": public.url}, ""), follow_redirects=True):
                pass
    assert caught.value.code == codes.ADDRESS_REFUSED
    assert secret.requests == []


async def test_a_malformed_variable_fails_the_task_as_configuration(context: Any) -> None:
    context.environ["NIKA_HTTP_ALLOW"] = "http://x"
    with pytest.raises(TaskError, match="NIKA_HTTP_ALLOW") as caught:
        await HttpStep().run({"url": "https://example.com"}, context)
    assert caught.value.category is Category.CONFIG


async def test_the_project_file_allows_like_the_variable(context: Any, serve: Any) -> None:
    server = serve(body=b"x")
    context.settings = {"allow": [f"127.0.0.1:{server.port}"]}
    async with asyncio.timeout(120):
        assert (await HttpStep().run({"url": server.url}, context)).value == "x"


async def test_the_environments_proxies_are_not_used(context: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server, proxy = serve(body=b"direct"), serve(body=b"proxied")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.setenv("NO_PROXY", "")
    context.environ["NIKA_HTTP_ALLOW"] = "127.0.0.1"
    assert (await HttpStep().run({"url": server.url}, context)).value == "direct"
    assert proxy.requests == []
