"""Rules about requests: the host that is really called, and the method."""

from __future__ import annotations

from typing import Any

import pytest
from nika_keyword_http.facets import HttpFacets


def described(**payload: Any) -> Any:
    return HttpFacets().call_fields(payload)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.example.com/x?y=https://evil.example", "api.example.com"),
        ("HTTPS://API.Example.com/", "api.example.com"),
        ("https://api.example.com:443/", "api.example.com"),
        ("http://api.example.com:443/", "api.example.com:443"),
        ("http://api.example.com:80", "api.example.com"),
        ("https://[::1]:8443/x", "[::1]:8443"),
        ("https://[::1]/x", "[::1]"),
        ("https://api.example.com@evil.example/", None),
        ("https://evil.example\\@api.example.com/", None),
        ("https://api.example.com./", None),
        ("https://ＡＰＩ.example.com/", None),
        ("https://api%2eexample.com/", None),
        ("ftp://api.example.com/", None),
        ("api.example.com", None),
    ],
)
def test_the_host_is_the_one_that_is_called_or_unclear(url: str, host: str | None) -> None:
    assert described(url=url).get("host") == host


def test_the_method_is_in_capital_letters_and_get_by_default() -> None:
    assert described(url="https://a.example/")["method"] == "GET"
    assert described(url="https://a.example/", method="post")["method"] == "POST"


def test_of_a_request_that_follows_redirects_nothing_can_be_said() -> None:
    assert described(url="https://a.example/", followRedirects=True) == {}
