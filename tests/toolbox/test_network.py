"""Which addresses a connection may reach: a table of hostile ones, and a resolver that changes its answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.toolbox.guarded_http import GuardedBackend
from nika_core.toolbox.network import (
    LINK_LOCAL_HINT,
    AddressGuard,
    guarded_client,
    parse_allow_entry,
    why_not_public,
)


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
    backend = GuardedBackend(AddressGuard("http"), resolver)
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
    backend = GuardedBackend(AddressGuard("http"), Resolver(addresses))
    backend._backend = recorder  # type: ignore[assignment]  # the seam where sockets begin
    with pytest.raises(TaskError):
        await backend.connect_tcp("mixed.example", 80)
    assert recorder.opened == []


async def test_sockets_of_this_machine_are_refused() -> None:
    with pytest.raises(TaskError) as caught:
        await GuardedBackend(AddressGuard("http")).connect_unix_socket("/var/run/docker.sock")
    assert caught.value.code == codes.ADDRESS_REFUSED


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
    assert parse_allow_entry(entry).allows(host, port, ip_address(address)) is allowed


@pytest.mark.parametrize(
    "entry",
    ["http://localhost", "a b", "localhost:", "localhost:0", "localhost:99999", "10.0.0.0/33", "*", "[::1", "h:x"],
)
def test_a_malformed_entry_is_reported_with_its_source(entry: str) -> None:
    with pytest.raises(ValueError, match="NIKA_HTTP_ALLOW: ") as caught:
        AddressGuard.from_configuration("http", {"NIKA_HTTP_ALLOW": f"localhost, {entry}"})
    assert entry in str(caught.value)
    with pytest.raises(ValueError, match=r"http\.allow in the project file: "):
        AddressGuard.from_configuration("http", {}, [entry])


def test_each_keyword_has_its_own_variable_setting_and_name_in_errors() -> None:
    environ = {"NIKA_WEB_HOOK_ALLOW": "localhost", "NIKA_HTTP_ALLOW": "*"}
    guard = AddressGuard.from_configuration("web-hook", environ, ["10.0.0.0/8"])
    guard.check("localhost", 80, ["127.0.0.1"])
    guard.check("inner", 80, ["10.1.1.1"])
    with pytest.raises(TaskError, match="web-hook does not connect to inner:80") as caught:
        guard.check("inner", 80, ["8.8.8.8", "192.168.0.1"])
    assert "NIKA_WEB_HOOK_ALLOW=inner:80, or with web-hook.allow" in (caught.value.hint or "")


@pytest.mark.parametrize("address", ["fe80::1", "fe80::1%2"])
def test_a_link_local_address_is_refused_with_what_helps_and_not_with_a_variable(address: str) -> None:
    with pytest.raises(TaskError) as caught:
        AddressGuard("http").check(address, 80, [address])
    assert caught.value.hint == LINK_LOCAL_HINT


async def test_a_client_without_httpx2_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx2", None)
    monkeypatch.delitem(sys.modules, "nika_core.toolbox.guarded_http", raising=False)
    with pytest.raises(TaskError, match="web-hook needs httpx2") as caught:
        async with guarded_client(AddressGuard("web-hook")):
            pass
    assert caught.value.category is Category.CONFIG
    assert "install httpx2" in (caught.value.hint or "")


def test_the_checks_need_neither_an_event_loop_nor_an_http_library() -> None:
    code = (
        "import sys, nika_core.toolbox.network; print(*sorted({'asyncio', 'httpx2', 'httpcore2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
