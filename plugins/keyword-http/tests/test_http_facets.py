"""What the kernel may ask about an http task, and the keyword as an agent's tool."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import strictyaml
from nika_keyword_http.facets import HttpFacets
from nika_keyword_http.plugin import HTTP
from nika_keyword_http.step import HttpStep

from nika_core import codes
from nika_core.errors import Place, TaskError, TemplateValueError
from nika_core.model.template import MISSING, Placeholder, Template
from nika_core.plugin import Effect
from nika_core.plugin.fields import field_docs
from nika_core.testing import FakePayload, FakeReport


def placeholder(text: str, start: int) -> Placeholder:
    return Placeholder("task", (text.strip("{}"),), MISSING, start, start + len(text), text)


def checked(**fields: Any) -> list[tuple[str, str, Place, str | None]]:
    found = FakeReport()
    HttpFacets().check(FakePayload(fields), found)
    return [(one.code, one.message, one.place, one.hint) for one in found if one.place is not None]


def test_a_good_task_has_no_problem() -> None:
    whole = Template("{{x}}", (placeholder("{{x}}", 0),))
    assert checked(url="https://h/a?b", method="post", headers={"X-A": "1"}, json=None, expectStatus=["2xx"]) == []
    assert checked(url=whole, query=whole, method=whole, form=whole) == []


def test_a_value_in_the_host_is_reported_at_its_place() -> None:
    url = Template("http://{{x}}/{{y}}", ("http://", placeholder("{{x}}", 7), "/", placeholder("{{y}}", 13)))
    [(code, message, place, _)] = checked(url=url)
    assert code == codes.VALUE_NOT_ALLOWED_HERE
    assert "{{x}}" in message
    assert (place.column, place.end_column) == (8, 13)


@pytest.mark.parametrize(
    ("fields", "where", "said"),
    [
        ({"url": "h"}, "url", "no scheme"),
        ({"method": "CONNECT"}, "method", "cannot be sent"),
        ({"method": "GTE"}, "method", "unusual"),
        ({"headers": {"Content-Length": "3"}}, "headers/Content-Length", "belongs to the connection"),
        ({"headers": {"a:b": "3"}}, "headers/a:b", "not the name of a header"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "headers/x-a", "the same one"),
        ({"headers": {"X-A": "a\nb"}}, "headers/X-A", "line break"),
        ({"json": 1, "body": "x"}, "body", "json and body"),
        ({"query": [1]}, "query", "names and values"),
        ({"form": "a=b"}, "form", "names and values"),
        ({"expectStatus": "abc"}, "expectStatus", "not a status"),
    ],
)
def test_each_mistake_is_reported_where_it_stands(fields: dict[str, Any], where: str, said: str) -> None:
    [(_, message, place, _)] = checked(**{"url": "https://h", **fields})
    assert said in message
    assert place.path == where


def test_the_host_is_the_effect() -> None:
    facets = HttpFacets()
    made = Template("https://H.example:1/{{x}}", ("https://H.example:1/", placeholder("{{x}}", 20)))
    whole = Template("{{x}}", (placeholder("{{x}}", 0),))
    for url, target in (("https://h/x", "h"), (made, "h.example:1"), (whole, "the host of {{x}}")):
        assert facets.effects(FakePayload({"url": url})) == (Effect("host", target),)


def test_a_mock_has_the_shape_of_the_answer() -> None:
    assert HttpFacets().mock({"url": "https://h"}) == "mock"
    full = HttpFacets().mock({"url": "https://h", "response": "full", "expectStatus": "404"})
    assert isinstance(full, dict)
    assert full["status"] == 404


def test_secrets_in_headers_are_not_shown() -> None:
    headers = {"Authorization": "Bearer s", "X-Api-Key": "k", "Set-Cookie": "c", "X-Auth-Token": "t", "Accept": "a/b"}
    shown = HttpFacets().redact({"url": "https://h", "headers": headers})
    assert set(shown["headers"].values()) == {"***", "a/b"}
    assert headers["Authorization"] == "Bearer s"


def test_render_puts_the_url_together() -> None:
    made = Template("https://h/{{x}}", ("https://h/", placeholder("{{x}}", 10)))
    assert HttpFacets().render("url", made, ["a/b"]) == "https://h/a%2Fb"
    assert HttpFacets().render("url", "https://h", []) == "https://h"
    with pytest.raises(TemplateValueError):
        HttpFacets().render("url", made, [".."])


async def test_as_a_tool_it_has_the_same_guard(context: Any, serve: Any) -> None:
    [tool] = await HttpFacets().tools("", context)
    assert (tool.name, tool.keyword, tool.spec.name) == ("http", "http", "http")
    server = serve(body=b"x")
    payload = tool.payload({"url": server.url, "headers": {"X-A": "1"}})
    with pytest.raises(TaskError) as caught:
        await HttpStep().run(payload, context)
    assert caught.value.code == codes.ADDRESS_REFUSED
    context.environ["NIKA_HTTP_ALLOW"] = "127.0.0.1"
    await context.aclose()  # what is allowed is fixed when a run's first request is sent
    assert (await HttpStep().run(payload, context)).value == "x"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "url is a text"),
        ({"url": "nowhere"}, "no scheme"),
        ({"url": "https://h", "verb": "GET"}, "no argument 'verb'"),
        ({"url": "https://h", "headers": ["a"]}, "headers is an object"),
        ({"url": "https://h", "headers": {"a": "b\nc"}}, "line break"),
        ({"url": "https://h", "json": 1, "body": "x"}, "both given"),
    ],
)
async def test_a_model_is_told_what_is_wrong_with_its_arguments(context: Any, arguments: Any, said: str) -> None:
    [tool] = await HttpFacets().tools("", context)
    with pytest.raises(ValueError, match=said):
        tool.payload(arguments)


async def test_there_is_no_other_tool(context: Any) -> None:
    with pytest.raises(TaskError, match="http::get"):
        await HttpFacets().tools("get", context)


def test_another_tool_is_told_before_a_run() -> None:
    found = FakeReport()
    for reference in ("", "*", "get"):
        HttpFacets().check_tool(reference, FakePayload(), found)
    assert [(one.message, one.code) for one in found] == [("there is no tool http::get", codes.UNKNOWN_TOOL)]


def test_every_field_is_documented_and_known_to_the_schema() -> None:
    fields = {"url", "method", "headers", "query", "json", "body", "form", "followRedirects", "expectStatus"}
    assert set(field_docs(HTTP.payload)) == fields | {"response", "idempotencyKey"}
    text = "url: a\nheaders:\n  a: b\nexpectStatus:\n- 2xx\njson:\n  a: 1\nresponse: full\nfollowRedirects: true\n"
    assert strictyaml.load(text, HTTP.payload.strict()).data["followRedirects"] is True


@pytest.mark.parametrize("entry", ["127.0.0.1:8000", "10.0.0.0/8", "[::1]:1"])
def test_settings_take_hosts_ports_and_networks(entry: str) -> None:
    assert strictyaml.load(f"allow:\n- '{entry}'\n", HTTP.settings.strict()).data == {"allow": [entry]}


def test_settings_refuse_what_is_no_host() -> None:
    with pytest.raises(strictyaml.YAMLValidationError, match="http://x"):
        strictyaml.load("allow:\n- http://x\n", HTTP.settings.strict())


def test_neither_plugin_nor_facets_import_an_http_client() -> None:
    code = "import sys, nika_keyword_http.plugin, nika_keyword_http.facets, nika_keyword_http.step; "
    code += "print([m for m in ('httpx2', 'httpcore2', 'anyio') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
