"""Values in a URL are data: whatever they hold, they stay in the part in which their placeholder stands."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nika_keyword_http import urls

from nika_core import codes
from nika_core.errors import TemplateValueError
from nika_core.model.template import MISSING, Placeholder, Template
from nika_core.template.compiler import compile_template


def template(text: str) -> Template:
    """`{x}` is a placeholder."""
    parts: list[str | Placeholder] = []
    rest, offset = text, 0
    while "{" in rest:
        before, _, after = rest.partition("{")
        name, _, rest = after.partition("}")
        if before:
            parts.append(before)
        start = offset + len(before)
        offset = start + len(name) + 2
        parts.append(Placeholder("task", (name,), MISSING, start, offset, f"{{{name}}}"))
    if rest:
        parts.append(rest)
    return Template(text, tuple(parts))


NASTY: list[Any] = [
    "/", "//evil.example", "\\", "?x=1", "&admin=1", "=", "#frag", "@evil.example", ":80", "a b", "%2e%2e", "%2F", "+",
    "\n", "\r\nHost: evil", "\0", "é€😀", "{{x}}", "${env.X}", ";p=1", "..;", "../..", "%", "", "'\"<>`|^{}[]",
    3, 2.5, True, None, [1, "a"], {"k": "v&w"},
]  # fmt: skip


@pytest.mark.parametrize("value", NASTY)
@pytest.mark.parametrize(
    "text",
    ["https://h.example/a/{x}/b?q=1", "https://h.example/a-{x}", "https://h.example/?n={x}&m=2", "https://h.example/?{x}=1",
     "https://h.example/p#{x}", "https://h.example?{x}", "https://h.example:8443/{x}?y={x}"],
)  # fmt: skip
def test_a_value_changes_nothing_but_its_own_part(text: str, value: Any) -> None:
    made = template(text)
    url = urls.render(made, [value] * len(made.placeholders))
    assert urls.why_not_a_url(url) is None
    plain = urlsplit(urls.render(made, ["safe"] * len(made.placeholders)))
    found = urlsplit(url)
    assert (found.scheme, found.netloc) == (plain.scheme, plain.netloc)
    assert found.path.count("/") == plain.path.count("/")
    parameters = len(parse_qsl(found.query, True))
    assert parameters == len(parse_qsl(plain.query, True)) or (parameters == 0 and value == "")
    sent = httpx2.URL(url)
    assert sent.raw_path.decode().partition("?")[0].count("/") == plain.path.count("/") or plain.path == ""
    assert sent.host == "h.example"
    assert urls.as_text(value) in unquote(url)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_arrives_as_it_was(value: str) -> None:
    url = urls.render(template("https://h.example/?n={x}&m=2"), [value])
    assert parse_qsl(urlsplit(url).query, keep_blank_values=True) == [("n", value), ("m", "2")]
    assert httpx2.URL(url).params.multi_items() == [("n", value), ("m", "2")]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("https://h/a/{x}/b", [".."]),
        ("https://h/a/{x}", ["."]),
        ("https://h/{x}{y}", [".", "."]),
        ("https://h/.{x}/y", ["."]),
        ("https://h/%2e{x}?q", ["."]),
        ("https://h/a/{x}.#f", ["."]),
        ("https://h/a/{x}{y}/c", ["", ".."]),
    ],
)
def test_a_value_cannot_lead_to_another_folder(text: str, values: list[str]) -> None:
    with pytest.raises(TemplateValueError, match="another folder") as caught:
        urls.render(template(text), values)
    assert caught.value.code == codes.VALUE_NOT_ALLOWED_HERE


@pytest.mark.parametrize("value", ["..", "."])
def test_dots_elsewhere_are_plain_data(value: str) -> None:
    assert urls.render(template("https://h/a{x}/?q={x}#{x}"), [value] * 3) == f"https://h/a{value}/?q={value}#{value}"
    assert urls.render(template("https://h/v{x}"), ["1.2..3"]) == "https://h/v1.2..3"


@pytest.mark.parametrize(
    "text",
    ["https://{x}/", "https://{x}.example/", "https://h.example{x}", "https://h.example:{x}/", "{x}://h/", "{x}/path",
     "{x}h.example/", "https://{x}@h/", "https:{x}", "ht{x}://h/", "https://h{x}?q=1", "{x}{y}"],
)  # fmt: skip
def test_a_value_never_says_where_a_request_goes(text: str) -> None:
    made = template(text)
    found = list(urls.problems(made))
    assert found
    assert found[0].placeholder is made.placeholders[0]
    with pytest.raises(TemplateValueError) as caught:
        urls.render(made, ["evil.example"] * len(made.placeholders))
    assert caught.value.code == codes.VALUE_NOT_ALLOWED_HERE


def test_a_whole_url_may_be_one_value() -> None:
    made = template("{x}")
    assert list(urls.problems(made)) == []
    assert urls.render(made, ["https://h/a?b=c#d"]) == "https://h/a?b=c#d"
    for value in (3, None, {"url": "https://h"}):
        with pytest.raises(TemplateValueError, match="a URL is a text"):
            urls.render(made, [value])


def _from_the_environment(text: str) -> Template:
    compiled = compile_template(text)
    assert isinstance(compiled, Template)
    return compiled


@pytest.mark.parametrize(
    ("text", "values", "url"),
    [
        ("${env.API}/items/{{x}}", ["https://h:8/v1/", "../a?b"], "https://h:8/v1/items/..%2Fa%3Fb"),
        ("${env.API}/items?q={{x}}", ["http://h", "a&b"], "http://h/items?q=a%26b"),
        ("${env.API}?q={{x}}", ["http://h/p", "#"], "http://h/p?q=%23"),
        ("${env.A ?? env.B}/", ["http://h"], "http://h/"),
    ],
)
def test_an_environment_variable_may_begin_a_url(text: str, values: list[str], url: str) -> None:
    assert list(urls.problems(_from_the_environment(text))) == []
    assert urls.render(_from_the_environment(text), values) == url


@pytest.mark.parametrize(
    "base", ["h", "ftp://h", "http://u:p@h", "http://h?a=b", "http://h#a", "http://", "", "http://h h"]
)
def test_a_variable_that_cannot_begin_a_url_is_refused(base: str) -> None:
    with pytest.raises(TemplateValueError, match="cannot be the beginning of a URL"):
        urls.render(_from_the_environment("${env.API}/items"), [base])


@pytest.mark.parametrize(
    "text", ["${env.A}{{x}}/", "${env.A}.evil/", "${input.a}/x", "${env.A ?? input.a}/x", "{{a}}/x", "a${env.A}/x"]
)
def test_nothing_else_begins_a_url(text: str) -> None:
    assert [problem.placeholder is not None for problem in urls.problems(_from_the_environment(text))][:1] == [True]


def test_half_a_character_is_said() -> None:
    with pytest.raises(TemplateValueError, match="half a character"):
        urls.render(template("https://h/{x}"), ["\ud800"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("example.com/x", "no scheme and host"),
        ("ftp://h/", "'ftp'"),
        ("https://", "no host"),
        ("https:///x", "no host"),
        ("https://h /", "a space"),
        ("https://h/a b", "a space"),
        ("https://u:p@h/", "a user or a password"),
        ("https://h:x/", "not a port"),
        ("https://h:70000/", "not a port"),
        ("https://h%41/", "percent-encoded"),
        ("https://[::1/", "not a host"),
        ("https://[fe80::1%25eth0]/", "zone"),
        ("https://h\\x", "backslash"),
        ("https://h/" + "x" * 20_000, "characters"),
    ],
)
def test_what_is_no_url_is_said(text: str, said: str) -> None:
    found = list(urls.problems(text))
    assert len(found) == 1
    assert said in found[0].message


@pytest.mark.parametrize(
    "text", ["https://h", "http://h:80/?", "https://[2606:4700::1]:443/x", "https://bücher.example/é"]
)
def test_what_is_a_url_is_left_alone(text: str) -> None:
    assert list(urls.problems(text)) == []
    assert urls.render(text, []) == text


def test_a_message_shows_no_query_and_no_password() -> None:
    assert urls.without_query("https://u:p@h.example:1/a?key=1#x") == "https://h.example:1/a"
    assert urls.without_query("/next?token=1") == "/next"


def test_a_very_long_template_is_said_at_once() -> None:
    made = template("https://h/" + "{x}/" * 10_000)
    assert "characters" in next(iter(urls.problems(made))).message
    with pytest.raises(TemplateValueError, match="characters"):
        urls.render(made, ["x"] * 10_000)
