"""Rules about requests: the host that is really called, and the method."""

from __future__ import annotations

from typing import Any

import pytest
from nika_keyword_http.facets import HttpFacets
from nika_keyword_http.request import build


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
        ("http://127.0.0.1:8000/", "127.0.0.1:8000"),
        ("http://127.1/", None),
        ("http://2130706433/", None),
        ("http://0x7f.0.0.1/", None),
        ("http://127.0.0.01/", None),
        ("https://[0:0:0:0:0:0:0:1]/", None),
        ("https://[::ffff:127.0.0.1]/", None),
        ("https://[::ffff:7f00:1]/", None),
        ("ftp://api.example.com/", None),
        ("api.example.com", None),
    ],
)
def test_the_host_is_the_one_that_is_called_or_unclear(url: str, host: str | None) -> None:
    assert described(url=url).get("host") == host


def test_the_method_is_in_capital_letters_and_get_by_default() -> None:
    assert described(url="https://a.example/")["method"] == "GET"
    assert described(url="https://a.example/", method="post")["method"] == "POST"


@pytest.mark.parametrize(
    "payload",
    [
        {"json": {}},
        {"json": None},
        {"body": ""},
        {"form": {}},
        {"method": " post "},
        {"method": "Post", "body": "x"},
        {},
    ],
)
def test_the_method_of_a_call_is_the_one_that_is_sent(payload: dict[str, Any]) -> None:
    call = {"url": "https://a.example/", **payload}
    assert described(**call)["method"] == build(call, "").method


def test_of_a_request_that_cannot_be_sent_nothing_can_be_said() -> None:
    assert described(url="https://a.example/", method="TRACE") == {}
    assert described(url="https://a.example/", json={}, body="x") == {}


def test_of_a_request_that_follows_redirects_nothing_can_be_said() -> None:
    assert described(url="https://a.example/", followRedirects=True) == {}


def test_a_traced_request_names_its_trace_unless_the_workflow_names_one() -> None:
    traced = build({"url": "https://example.org"}, "", "00-trace")
    own = build({"url": "https://example.org", "headers": {"Traceparent": "00-own"}}, "", "00-trace")
    untraced = build({"url": "https://example.org"}, "")

    assert [dict(request.headers).get("traceparent") for request in (traced, own, untraced)] == [
        "00-trace",
        "00-own",
        None,
    ]
