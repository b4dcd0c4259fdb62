"""Proxies and certificates, by the variables that other tools read, too."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from nika_core.errors import Category, TaskError
from nika_core.toolbox.proxies import proxy_for, tls_context

PROXY = "http://proxy:3128"


@pytest.mark.parametrize(
    ("url", "entries", "direct"),
    [
        ("http://127.0.0.1:80", "localhost,127.0.0.1,[::1],fd00::/8", True),
        ("http://[::1]:8080", "[::1]", True),
        ("http://[::1]:8080", "::1", True),
        ("http://[fd00::7]", "fd00::/8", True),
        ("http://[fd00::7]", "[fd00::]/8", True),
        ("http://[fe80::7]", "fd00::/8", False),
        ("http://10.1.2.3", "10.0.0.0/8", True),
        ("http://11.1.2.3", "10.0.0.0/8", False),
        ("https://api.acme.example", "acme.example", True),
        ("https://api.acme.example", ".acme.example", True),
        ("https://api.acme.example", "*.acme.example", True),
        ("https://myacme.example", "acme.example", False),
        ("https://acme.example:8443", "acme.example:8443", True),
        ("https://acme.example", "acme.example:8443", False),
        ("http://[::1]:8080", "[::1]:8081", False),
        ("https://ACME.example", " other , acme.EXAMPLE ", True),
        ("http://127.0.0.1:80", "localhost;127.0.0.1", True),
        ("http://127.0.0.1:80", "localhost\n127.0.0.1\t", True),
        ("http://127.0.0.1:80", "::ffff:127.0.0.1", True),
        ("http://127.0.0.1:80", "::ffff:127.0.0.0/104", True),
        ("http://127.0.0.1:80", "::/0", True),
        ("http://128.0.0.1:80", "::ffff:127.0.0.0/104", False),
        ("http://[::1]:80", "0.0.0.0/0", False),
        ("http://[::1]:9", "[0:0:0:0:0:0:0:1]:9", True),
        ("http://127.0.0.1:80", "[::1,/8,*.,::/999,127.0.0.1/33,[", False),
        ("https://acme.example", " * ", True),
        ("https://acme.example", "*", True),
        ("https://acme.example", "", False),
    ],
)
def test_no_proxy_names_hosts_addresses_and_blocks(url: str, entries: str, direct: bool) -> None:
    environ = {"ALL_PROXY": PROXY, "NO_PROXY": entries}
    assert proxy_for(url, environ) == (None if direct else PROXY)


def test_the_scheme_decides_which_variable_is_read() -> None:
    environ = {"HTTPS_PROXY": "secure:1", "http_proxy": "plain:2"}
    assert proxy_for("https://acme.example", environ) == "http://secure:1"
    assert proxy_for("http://acme.example", environ) == "http://plain:2"
    assert proxy_for("https://acme.example", {"HTTP_PROXY": "plain:2"}) is None


@pytest.mark.parametrize(
    "proxy",
    [
        *("gopher://x", "http://", "ftp://x:1", "http://x:port", "http://x:0", "http://x:99999", "http://[::1"),
        *("my proxy:1", ":3128", "x:1\ny", '"http://x:1"', "http://ada:secret@x:1:2"),
    ],
)
def test_a_proxy_that_cannot_be_used_names_its_variable(proxy: str) -> None:
    with pytest.raises(TaskError, match="HTTPS_PROXY") as caught:
        proxy_for("https://acme.example", {"HTTPS_PROXY": proxy})
    assert caught.value.category is Category.CONFIG
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("proxy", ["http://ada:p@ss@x:1", "http://[::1]:3128/", "https://x", "x"])
def test_a_proxy_may_be_written_in_any_usual_way(proxy: str) -> None:
    assert proxy_for("https://acme.example", {"HTTPS_PROXY": proxy}) in (proxy, f"http://{proxy}")


def default(*, trust_env: bool) -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_certificates_that_cannot_be_read_name_their_variable(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    environ = {"SSL_CERT_FILE": str(file)}
    with pytest.raises(TaskError, match="SSL_CERT_FILE") as caught:
        await tls_context("https://acme.example", environ, default)
    assert caught.value.category is Category.CONFIG
    assert await tls_context("http://acme.example", environ, default)  # no certificate is looked at there


async def test_a_folder_of_certificates_that_is_none_names_its_variable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(TaskError, match=f"SSL_CERT_DIR: no certificates can be read from {folder}") as caught:
            await tls_context("https://acme.example", {"SSL_CERT_DIR": str(folder)}, default)
        assert caught.value.category is Category.CONFIG
    assert await tls_context("https://acme.example", {"SSL_CERT_DIR": f"{tmp_path / 'none'}:{tmp_path}"}, default)
    assert await tls_context("https://acme.example", {"SSL_CERT_FILE": "  "}, default)
