"""The schemas of servers' forms: what MCP allows becomes typed fields, and anything else is refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nika_keyword_mcp.elicitation import Call, request_of
from nika_keyword_mcp.form import UnusableError, form_of

from nika_core.plugin import AnswerError, check_answer

CALL = Call("files", "delete", {"path": "/tmp/x"})


def unmasked(text: str) -> str:
    return text


def asked(schema: Any, message: str = "Sure?", **more: Any) -> Any:
    return request_of({"message": message, "requestedSchema": schema, **more}, CALL, 1, unmasked)


def fields(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "typed", "value"),
    [
        ({"type": "string"}, "x", "x"),
        ({"type": "string", "minLength": 2, "maxLength": 3}, "abc", "abc"),
        ({"type": "string", "format": "email"}, "ada@example.com", "ada@example.com"),
        ({"type": "string", "format": "uri"}, "https://example.com", "https://example.com"),
        ({"type": "string", "format": "date"}, "2026-11-26", "2026-11-26"),
        ({"type": "string", "format": "date-time"}, "2026-11-26T14:30:00Z", "2026-11-26T14:30:00Z"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, "3", 3),
        ({"type": "number"}, "2.5", 2.5),
        ({"type": "boolean"}, "true", True),
        ({"type": "string", "enum": ["a", "b"], "enumNames": ["A", "B"]}, "b", "b"),
        ({"type": "string", "oneOf": [{"const": "a", "title": "A"}, {"const": "b"}]}, "a", "a"),
        ({"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}, "a,b", ["a", "b"]),
        ({"type": "array", "items": {"anyOf": [{"const": "a"}, {"const": "b"}]}, "minItems": 1}, ["b"], ["b"]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}, "4", 4),
        ({"type": ["string", "null"]}, "x", "x"),
        ({"enum": ["a"]}, "a", "a"),
        ({"type": "array", "items": {"enum": ["piano", "flute"]}, "maxItems": 2}, '["piano"]', ["piano"]),
    ],
)
def test_a_field_has_the_type_of_its_schema(schema: dict[str, Any], typed: Any, value: Any) -> None:
    request = asked(fields(f=schema))
    answer = check_answer(request.question, {"f": typed})
    assert request.reply(answer).as_json() == {"action": "accept", "content": {"f": value}}


@pytest.mark.parametrize(
    ("schema", "typed", "told"),
    [
        ({"type": "string", "minLength": 2}, "x", "at least 2 characters"),
        ({"type": "string", "maxLength": 2}, "xyz", "at most 2 characters"),
        ({"type": "string", "format": "email"}, "ada", "an email address"),
        ({"type": "string", "format": "uri"}, "example com", "a URI"),
        ({"type": "string", "format": "date"}, "2026-02-30", "a date"),
        ({"type": "string", "format": "date-time"}, "2026-11-26", "a date and time"),
        ({"type": "integer", "maximum": 9}, "10", "at most 9"),
        ({"type": "integer", "minimum": 10**400}, "10", "at least 1000"),
        ({"type": "integer"}, "x", "a whole number"),
        ({"type": "boolean"}, "perhaps", "`true` or `false`"),
        ({"type": "string", "enum": ["a", "b"]}, "c", "one of `a`, `b`"),
        ({"type": "array", "items": {"enum": ["a", "b", "c"]}, "maxItems": 2}, "a,b,c", "at most 2 values"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, "a,c", "one of `a`, `b`"),
    ],
)
def test_what_does_not_fit_a_field_is_refused(schema: dict[str, Any], typed: Any, told: str) -> None:
    with pytest.raises(AnswerError, match=told):
        check_answer(asked(fields(f=schema)).question, {"f": typed})


def test_defaults_and_required_fields_are_those_of_the_schema() -> None:
    schema = fields(
        a={"type": "integer", "default": 4},
        b={"type": "string"},
        c={"type": "string"},
        d={"type": "array", "items": {"enum": ["x", "y"]}, "default": ["y"]},
    )
    question = asked({**schema, "required": ["b"]}).question
    assert check_answer(question, {"b": "B"}) == {"a": 4, "b": "B", "d": ["y"]}
    with pytest.raises(AnswerError, match="the field `b` is missing"):
        check_answer(question, {})


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (fields(f={"type": "object", "properties": {"g": {"type": "string"}}}), "the field `f` has the type 'object'"),
        (fields(f={"type": "array"}), "the field `f` is a list of anything"),
        (fields(f={"type": "array", "items": {"type": "string"}}), "the field `f` is a list without choices"),
        (fields(f={"type": "colour"}), "the field `f` has the type 'colour'"),
        (fields(f={}), "the field `f` has the type 'None'"),
        (fields(f={"anyOf": [{"type": "string"}, {"type": "integer"}]}), "one of several schemas"),
        (fields(f={"$ref": "#/$defs/x"}), "the field `f` has the type"),
        (fields(f=[]), "the field `f` has no schema"),
        (fields(f={"type": "string", "enum": []}), "has no choices"),
        (fields(f={"type": "string", "enum": [{"a": 1}]}), "the enum of the field `f`"),
        (fields(f={"type": "integer", "default": "x"}), "the default of the field `f`: expected a whole number"),
        (fields(f={"type": "integer", "default": 9, "maximum": 5}), "the default of the field `f`: expected at most 5"),
        (fields(f={"type": "string", "minLength": -1}), "the minLength of the field `f`"),
        (fields(f={"type": "integer", "minimum": "1"}), "the minimum of the field `f` is not a number"),
        (fields(**{"": {"type": "string"}}), "a field's name"),
        (fields(**{"a\x1b[31m": {"type": "string"}}), "a field's name"),
        (fields(**{f"f{number}": {"type": "string"} for number in range(101)}), "101 fields; at most 100"),
        ({"type": "array"}, "not one of an object"),
        ([], "not one of an object"),
        ({"type": "object", "properties": [1]}, "`properties` of its schema is not an object"),
        ({**fields(f={"type": "string"}), "required": "f"}, "`required` of its schema"),
        ({**fields(f={"type": "string"}), "required": ["g"]}, "requires `g`"),
    ],
)
def test_a_schema_that_is_not_flat_is_refused_with_the_reason(schema: Any, told: str) -> None:
    with pytest.raises(UnusableError) as refused:
        asked(schema)
    assert told in str(refused.value)


@pytest.mark.parametrize("schema", [None, {}, {"type": "object"}, {"properties": {}}, {"properties": []}])
def test_without_fields_the_question_is_yes_or_no(schema: Any) -> None:
    request = asked(schema)
    assert request.question.form is None
    replies = {word: request.reply(check_answer(request.question, word)).as_json() for word in ("yes", "no", "cancel")}
    assert replies == {
        "yes": {"action": "accept", "content": {}},
        "no": {"action": "decline"},
        "cancel": {"action": "cancel"},
    }


def test_a_question_is_marked_as_the_servers_and_shows_the_call() -> None:
    question = asked(fields(f={"type": "string"}), "Delete\n── approve asks ──\nall?").question
    assert question.message == "The MCP server 'files' asks: “Delete ── approve asks ── all?”"
    assert question.show == {
        "tool": "files::delete",
        "arguments": {"path": "/tmp/x"},
        "message": "Delete\n── approve asks ──\nall?",
    }
    assert question.words == ("decline", "cancel")


def test_titles_and_what_only_the_server_checks_are_told() -> None:
    form = form_of(
        fields(
            a={"type": "string", "title": "Name", "description": "Your\nname", "pattern": "^A"},
            b={"type": "string", "oneOf": [{"const": "h1", "title": "Superman"}, {"const": "h2", "title": "Robin"}]},
            c={"type": "string", "format": "hostname"},
        )
    )
    assert [spec.description for spec in form.values()] == [
        "Name; Your name; pattern ^A",
        "h1 is Superman, h2 is Robin",
        "format hostname",
    ]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"message": "x" * 1_000_000, "requestedSchema": {}}, "bytes; at most 65,536 can be shown"),
        ({"message": " ", "requestedSchema": {}}, "no message"),
        ({"message": 4, "requestedSchema": {}}, "no message"),
        ({"requestedSchema": {}}, "no message"),
        ({"message": "?", "mode": "voice"}, "its mode is 'voice'"),
        ({"message": "?", "mode": "url"}, "its url is not a text"),
        ({"message": "?", "mode": "url", "url": "javascript:alert(1)"}, "not an address of the web"),
        ({"message": "?", "mode": "url", "url": "file:///etc/passwd"}, "not an address of the web"),
        ({"message": "?", "mode": "url", "url": "https://"}, "not an address of the web"),
        ({"message": "?", "mode": "url", "url": "https://a.example/\u202egro"}, "control characters"),
        ([], "params are not an object"),
        (None, "params are not an object"),
    ],
)
def test_what_cannot_be_shown_is_refused(params: Any, told: str) -> None:
    with pytest.raises(UnusableError, match=told):
        request_of(params, CALL, 1, unmasked)


def test_a_page_is_shown_whole_with_its_host() -> None:
    url = "https://bank.example@bücher.example/log-in?state=1"
    question = asked(None, mode="url", url=url).question
    assert isinstance(question.show, dict)
    assert (question.show["url"], question.show["host"]) == (url, "xn--bcher-kva.example")
    assert question.form is None


def test_a_schema_with_a_secret_is_refused() -> None:
    with pytest.raises(UnusableError, match="contains a secret"):
        request_of(
            {"message": "?", "requestedSchema": fields(f={"type": "string", "enum": ["s3cret"]})},
            CALL,
            1,
            lambda text: text.replace("s3cret", "***"),
        )


def test_each_question_of_a_call_is_one_of_its_own() -> None:
    params = {"message": "?", "requestedSchema": {}}
    questions = [request_of(params, CALL, number, unmasked).question for number in (1, 2, 1)]
    assert questions[0] == questions[2] != questions[1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ("type", "enum", "oneOf", "anyOf", "items", "default", "minimum", "maxItems", "minLength", "format", "title")
)
VALUES = JSON | st.sampled_from(("string", "integer", "number", "boolean", "array", "email", "null"))


@given(st.dictionaries(st.text(min_size=1, max_size=4), JSON | st.dictionaries(KEYS, VALUES, max_size=5), max_size=3))
def test_whatever_a_schema_is_it_becomes_a_form_or_is_refused(properties: Any) -> None:
    try:
        request = asked({"type": "object", "properties": properties})
    except UnusableError:
        return
    assert request.question.form is None or set(request.question.form) == set(properties)
