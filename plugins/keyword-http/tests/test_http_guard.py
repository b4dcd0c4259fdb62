"""Which addresses a request reaches: a table of hostile ones, and a resolver that changes its mind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nika_keyword_http.client import GuardedBackend, open_client
from nika_keyword_http.exchange import answered
from nika_keyword_http.guard import Guard, allow_entry, why_not_public
from nika_keyword_http.request import build
from nika_keyword_http.step import HttpStep

from nika_core import codes
from nika_core.errors import Category, TaskError


def words(text: str) -> list[str]:
    return text.split()


NOT_PUBLIC = words(
    """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16 169.254.169.254
    169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1
    198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::8.8.8.8
    ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:8.8.8.8 64:ff9b::8.8.8.8 64:ff9b::10.0.0.1 64:ff9b:1::1 100::1 2001::1
    2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:db8::1 2002:7f00:1::1 2002:808:808::1 3fff::1 4000::1 5f00::1 fc00::1
    fd00:ec2::254 fd12:3456::1 fe80::1 fe80::1%eth0 2606:4700:4700::1111%1 fec0::1 ff02::1
    """
)
PUBLIC = words(
    """
    1.1.1.1 8.8.8.8 9.9.9.9 172.15.0.1 172.32.0.1 192.0.1.1 2606:4700:4700::1111 2a00:1450:4001::200e
    """
)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_named_for_what_it_is(address: str) -> None:
    assert "address" in (why_not_public(ip_address(address)) or "")


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_let_through(address: str) -> None:
    assert why_not_public(ip_address(address)) is None


@given(st.ip_addresses())
def test_nothing_that_python_knows_as_special_is_public(address: Any) -> None:
    if not address.is_global or address.is_multicast or address.is_private or address.is_reserved:
        assert why_not_public(address) is not None


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
    backend = "httpcore2._backends.anyio.anyio.connect_tcp"
    monkeypatch.setattr(backend, lambda *args, **kwargs: opened.append((args, kwargs)))
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


class Resolver:
    """Gives the next of its answers each time it is asked, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Recorder:
    """Stands where connections are opened."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, int]] = []

    async def connect_tcp(self, host: str, port: int, *_: Any) -> Any:
        self.opened.append((host, port))
        return "a stream"


async def test_the_connection_goes_to_the_checked_address_not_to_the_name() -> None:
    resolver, recorder = Resolver(["8.8.8.8"], ["127.0.0.1"]), Recorder()
    backend = GuardedBackend(Guard(), resolver)
    backend._backend = recorder  # type: ignore[assignment]  # the seam where sockets begin
    stream: object = await backend.connect_tcp("rebind.example", 80)
    assert stream == "a stream"
    assert recorder.opened == [("8.8.8.8", 80)]
    assert resolver.asked == [("rebind.example", 80)]
    with pytest.raises(TaskError, match=r"rebind\.example resolves to 127\.0\.0\.1"):
        await backend.connect_tcp("rebind.example", 80)
    assert recorder.opened == [("8.8.8.8", 80)]


@pytest.mark.parametrize("addresses", [["8.8.8.8", "127.0.0.1"], ["10.0.0.1", "8.8.8.8"], ["fe80::1%2"], ["junk"], []])
async def test_one_address_that_is_not_public_refuses_them_all(addresses: list[str]) -> None:
    recorder = Recorder()
    backend = GuardedBackend(Guard(), Resolver(addresses))
    backend._backend = recorder  # type: ignore[assignment]  # the seam where sockets begin
    with pytest.raises(TaskError):
        await backend.connect_tcp("mixed.example", 80)
    assert recorder.opened == []


async def test_sockets_of_this_machine_are_refused() -> None:
    with pytest.raises(TaskError) as caught:
        await GuardedBackend(Guard()).connect_unix_socket("/var/run/docker.sock")
    assert caught.value.code == codes.ADDRESS_REFUSED


async def test_a_redirect_to_an_address_that_is_not_public_is_refused(serve: Any, answer_with: Any) -> None:
    secret = serve(body=b"secret")
    target = secret.url.replace("127.0.0.1", "inner.example")
    public = serve(answer_with(status=302, headers={"location": target}))
    # Only the first server is allowed; the second one's name resolves to loopback.
    guard = Guard.of(f"127.0.0.1:{public.port}")
    async with open_client(guard, resolver=Resolver(["127.0.0.1"])) as client:
        with pytest.raises(TaskError) as caught:
            async with answered(client, build({"url": public.url}, ""), follow_redirects=True):
                pass
    assert caught.value.code == codes.ADDRESS_REFUSED
    assert secret.requests == []


@pytest.mark.parametrize(
    ("entry", "host", "port", "address", "allowed"),
    [
        ("localhost", "localhost", 80, "127.0.0.1", True),
        ("localhost", "LOCALHOST.", 80, "::1", True),
        ("localhost:8000", "localhost", 8000, "127.0.0.1", True),
        ("localhost:8000", "localhost", 8001, "127.0.0.1", False),
        ("localhost", "127.0.0.1", 80, "127.0.0.1", False),
        ("127.0.0.1", "localhost", 80, "127.0.0.1", True),
        ("127.0.0.1:8000", "x", 8000, "127.0.0.1", True),
        ("127.0.0.1:8000", "x", 80, "127.0.0.1", False),
        ("[::1]:8000", "::1", 8000, "::1", True),
        ("[::1]", "::1", 1, "::1", True),
        ("::1", "::1", 1, "::1", True),
        ("10.0.0.0/8", "x", 1, "10.9.9.9", True),
        ("10.0.0.0/8", "x", 1, "11.0.0.1", False),
        ("10.0.0.0/8", "x", 1, "::ffff:10.0.0.1", False),
        ("127.0.0.0/8", "x", 1, "::ffff:127.0.0.1", False),
        ("fd00::/8", "x", 1, "fd00::1", True),
        ("bücher.example", "xn--bcher-kva.example", 1, "10.0.0.1", True),
        ("host", "host.evil.example", 1, "10.0.0.1", False),
    ],
)
def test_an_entry_allows_exactly_what_it_names(entry: str, host: str, port: int, address: str, allowed: bool) -> None:
    assert allow_entry(entry).allows(host, port, ip_address(address)) is allowed


@pytest.mark.parametrize(
    "entry",
    ["http://localhost", "a b", "localhost:", "localhost:0", "localhost:99999", "10.0.0.0/33", "*", "[::1", "h:x"],
)
def test_a_malformed_entry_is_said_with_where_it_stands(entry: str) -> None:
    with pytest.raises(ValueError, match="NIKA_HTTP_ALLOW: ") as caught:
        Guard.of(f"localhost, {entry}")
    assert entry in str(caught.value)
    with pytest.raises(ValueError, match=r"http\.allow in the project file: "):
        Guard.of(None, [entry])


async def test_a_malformed_variable_fails_the_task_as_configuration(context: Any) -> None:
    context.environ["NIKA_HTTP_ALLOW"] = "http://x"
    with pytest.raises(TaskError, match="NIKA_HTTP_ALLOW") as caught:
        await HttpStep().run({"url": "https://example.com"}, context)
    assert caught.value.category is Category.CONFIG


async def test_the_project_file_allows_like_the_variable(context: Any, serve: Any) -> None:
    server = serve(body=b"x")
    context.settings = {"allow": [f"127.0.0.1:{server.port}"]}
    async with asyncio.timeout(10):
        assert (await HttpStep().run({"url": server.url}, context)).value == "x"


async def test_the_environments_proxies_are_not_used(context: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server, proxy = serve(body=b"direct"), serve(body=b"proxied")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.setenv("NO_PROXY", "")
    context.environ["NIKA_HTTP_ALLOW"] = "127.0.0.1"
    assert (await HttpStep().run({"url": server.url}, context)).value == "direct"
    assert proxy.requests == []
