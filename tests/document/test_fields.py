"""`nika_core.plugin.fields`: defaults, documentation, and templates in fields that have a type."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import strictyaml
from jsonschema import Draft7Validator

from nika_core import codes
from nika_core.document.json_schema import schema_of
from nika_core.document.reading.payload_reader import PayloadReader
from nika_core.document.validation.compile_validators import compile_schema
from nika_core.document.validation.issues import ValidationIssue
from nika_core.errors import TemplateValueError
from nika_core.model.json import Json
from nika_core.model.payload_tree import placeholders_in
from nika_core.model.template import Template
from nika_core.plugin import Facets, Keyword
from nika_core.plugin.fields import (
    Anything,
    Bool,
    BoundedFloat,
    Checked,
    Duration,
    Email,
    EmptyDict,
    EmptyList,
    Enum,
    FixedSeq,
    Float,
    Int,
    Map,
    MapPattern,
    NonEmptyStr,
    Optional,
    PositiveInt,
    Regex,
    Scalar,
    Seq,
    Str,
    StrictBool,
    Templated,
    TextFile,
    UniqueSeq,
    Url,
    Validator,
    field,
    field_docs,
)
from nika_core.template import render_payload

WORD = Keyword(
    name="search",
    summary="Searches.",
    primary="text",
    payload=Map(
        {
            "text": field(Str(), "What is searched for."),
            "limit": field(Templated(PositiveInt()), "Lines at most.", default=10),
            Optional("exact"): field(Templated(StrictBool()), "Whether case counts."),
            Optional("wait"): Templated(Duration()),
            Optional("lines"): Templated(Seq(Int())),
            Optional("ranges"): Seq(Map({"first": Templated(Int())})),
        }
    ),
    step="x:Y",
)


def read(node: Any, keyword: Keyword = WORD) -> tuple[dict[str, Any], list[ValidationIssue]]:
    issues: list[ValidationIssue] = []
    return PayloadReader(keyword).read(node, issues), issues


def rendered(node: dict[str, Any], value: Json, keyword: Keyword = WORD) -> Any:
    payload, issues = read({"text": "x", **node}, keyword)
    assert issues == []
    return render_payload(keyword, Facets(), payload, lambda placeholder: value)


@pytest.mark.parametrize(
    ("node", "value", "field_name", "expected"),
    [
        ({"limit": "${input.n}"}, 6, "limit", 6),
        ({"limit": "${input.n}"}, "6", "limit", 6),
        ({"limit": "1{{n}}"}, 2, "limit", 12),
        ({"exact": "{{n}}"}, True, "exact", True),
        ({"exact": "{{n}}"}, "false", "exact", False),
        ({"wait": "{{n}}ms"}, 250, "wait", 0.25),
        ({"lines": "{{n}}"}, [1, 2], "lines", [1, 2]),
        ({"ranges": [{"first": "3"}, {"first": "{{n}}"}]}, 4, "ranges", [{"first": 3}, {"first": 4}]),
    ],
)
def test_a_template_in_a_typed_field_becomes_a_value_of_that_type(
    node: dict[str, Any], value: Json, field_name: str, expected: Json
) -> None:
    payload, _ = read({"text": "x", **node})
    assert list(placeholders_in(payload))  # they are edges of the graph, like any other

    found = rendered(node, value)[field_name]

    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("node", "value", "message"),
    [
        ({"limit": "${input.n}"}, "many", "in 'limit': expected a whole number of at least 1, found `many`"),
        ({"limit": "${input.n}"}, 0, "in 'limit': expected a whole number of at least 1, found `0`"),
        ({"limit": "${input.n}"}, None, "in 'limit': expected a whole number of at least 1, found `null`"),
        ({"limit": "${input.n}"}, {"a": 1}, "in 'limit': expected a whole number of at least 1, found a mapping"),
        ({"exact": "{{n}}"}, 1, "in 'exact': expected `true` or `false`, found `1`"),
        ({"lines": "{{n}}"}, [1, "b"], "in 'lines': 1: expected an integer, found `b`"),
        ({"ranges": [{"first": "{{n}}"}]}, "b", "in 'ranges.0.first': expected an integer, found `b`"),
    ],
)
def test_a_value_of_another_type_fails_with_the_fields_name(node: dict[str, Any], value: Json, message: str) -> None:
    with pytest.raises(TemplateValueError) as caught:
        rendered(node, value)

    assert (caught.value.message, caught.value.code) == (message, codes.VALUE_NOT_ALLOWED_HERE)


def test_what_is_no_template_is_checked_before_anything_runs() -> None:
    _, issues = read({"text": "x", "limit": "many"})
    assert [issue.message for issue in issues] == ["expected a whole number of at least 1, found `many`"]

    _, issues = read({"text": "x", "limit": r"\{{n}}"})
    assert [(issue.message, issue.path) for issue in issues] == [
        ("expected a whole number of at least 1, found `{{n}}`", ["limit"])
    ]

    _, issues = read({"text": "x", "limit": "{{n"})
    assert [issue.code for issue in issues] == [codes.TEMPLATE_SYNTAX]


def test_without_templated_a_typed_field_takes_no_template() -> None:
    _, issues = read({"text": "{{a}}", "n": "{{b}}"}, Keyword(
        name="w", summary="", primary="text", payload=Map({"text": Str(), "n": Int()}), step="x:Y"
    ))  # fmt: skip

    assert [(issue.path, issue.message) for issue in issues] == [(["n"], "expected an integer, found `{{b}}`")]


def test_a_missing_key_with_a_default_has_it_and_an_optional_one_stays_away() -> None:
    payload, issues = read("x")

    assert (payload, issues) == ({"text": "x", "limit": 10}, [])
    assert isinstance(read({"text": "{{a}}"})[0]["text"], Template)


@pytest.mark.parametrize(
    ("validator", "default"),
    [(Int(), 3), (Bool(), True), (StrictBool(), True), (Duration(), 2.5), (Enum(["a", "b"]), "a"), (Seq(Str()), ["x"]),
     (Templated(Float()), 0.5), (BoundedFloat(0, 2), 0.5)],
)  # fmt: skip
def test_a_default_is_what_the_validator_returns(validator: Validator, default: Any) -> None:
    payload = Map({Optional("text"): Str(), "it": field(validator, default=default)})
    assert read({}, Keyword(name="w", summary="", primary="text", payload=payload, step="x:Y"))[0] == {"it": default}


@pytest.mark.parametrize("validator", [PositiveInt(), Templated(PositiveInt()), Int(), Enum(["a"])])
def test_a_default_that_may_not_be_written_there_is_refused_with_its_key(validator: Validator) -> None:
    with pytest.raises(ValueError, match="the default of `it` is refused by its own validator"):
        compile_schema(Map({"it": field(validator, default="x")}))


def test_documentation_reaches_editors_at_every_depth() -> None:
    schema = schema_of(Map({"outer": field(Map({"inner": field(Templated(Int()), "Inside.")}), "Outside.")}))
    outer = schema["properties"]["outer"]

    assert field_docs(WORD.payload) == {
        "text": "What is searched for.", "limit": "Lines at most.", "exact": "Whether case counts.",
    }  # fmt: skip
    assert (outer["description"], outer["properties"]["inner"]["description"]) == ("Outside.", "Inside.")
    assert {"type": "string", "pattern": r"\{\{|\$\{"} in outer["properties"]["inner"]["anyOf"]
    assert schema["required"] == ["outer"]


class Even(Scalar):
    expects = "an even number"

    def parse(self, text: str) -> int:
        if not text.isdecimal() or int(text) % 2:
            raise ValueError(f"expected an even number, found `{text}`")
        return int(text)


ALIKE: list[tuple[Validator, Callable[[], Any], list[Any]]] = [
    (Str(), strictyaml.Str, ["a", ["a"], {"a": "b"}]),
    (Int(), strictyaml.Int, ["1", "x", "1_0"]),
    (Float(), strictyaml.Float, ["1.5", "x"]),
    (Bool(), strictyaml.Bool, ["yes", "off", "x"]),
    (Url(), strictyaml.Url, ["http://example.com", "x y"]),
    (Email(), strictyaml.Email, ["a@b.example", "x"]),
    (Anything(), strictyaml.Any, ["a", ["a"], {"a": {"b": "c"}}]),
    (Regex("[a-c]+"), lambda: strictyaml.Regex("[a-c]+"), ["abc", "x"]),
    (Enum(["a", "b"]), lambda: strictyaml.Enum(["a", "b"]), ["a", "c"]),
    (Seq(Int()), lambda: strictyaml.Seq(strictyaml.Int()), [["1", "2"], ["x"], "1"]),
    (UniqueSeq(Str()), lambda: strictyaml.UniqueSeq(strictyaml.Str()), [["1", "2"], ["1", "1"]]),
    (FixedSeq([Int(), Str()]), lambda: strictyaml.FixedSeq([strictyaml.Int(), strictyaml.Str()]), [["1", "a"], ["1"]]),
    (
        EmptyDict() | MapPattern(Str(), Int()),
        lambda: strictyaml.EmptyDict() | strictyaml.MapPattern(strictyaml.Str(), strictyaml.Int()),
        ["", {"a": "1"}, {"a": "x"}],
    ),
    (EmptyDict(), strictyaml.EmptyDict, ["", "x", ["a"], {"a": "b"}]),
    (EmptyList(), strictyaml.EmptyList, ["", "x", []]),
    (EmptyList() | Seq(Str()), lambda: strictyaml.EmptyList() | strictyaml.Seq(strictyaml.Str()), ["", ["a"]]),
    (
        MapPattern(Str(), Str(), maximum_keys=1),
        lambda: strictyaml.MapPattern(strictyaml.Str(), strictyaml.Str(), maximum_keys=1),
        [{"a": "1"}, {"a": "1", "b": "2"}],
    ),
    (
        Map({"a": Int(), Optional("b"): Str()}),
        lambda: strictyaml.Map({"a": strictyaml.Int(), strictyaml.Optional("b"): strictyaml.Str()}),
        [{"a": "1"}, {"b": "x"}, {"a": "1", "c": "x"}],
    ),
]


@pytest.mark.parametrize(("ours", "theirs", "nodes"), ALIKE, ids=lambda value: type(value).__name__)
def test_a_validator_means_what_strictyamls_own_means(
    ours: Validator, theirs: Callable[[], Any], nodes: list[Any]
) -> None:
    for node in nodes:
        found: list[ValidationIssue] = []
        expected: list[ValidationIssue] = []
        assert compile_schema(ours).check(node, found) == compile_schema(theirs()).check(node, expected)
        assert found == expected


def test_a_type_of_ones_own_works_in_our_schemas_and_in_strictyamls() -> None:
    issues: list[ValidationIssue] = []
    assert compile_schema(Seq(Even())).check(["2", "3"], issues) == [2]
    assert [(issue.message, issue.path) for issue in issues] == [("expected an even number, found `3`", [1])]

    assert strictyaml.load("a: 2\n", strictyaml.Map({"a": Even().strict()})).data == {"a": 2}
    with pytest.raises(strictyaml.YAMLValidationError, match="an even number"):
        strictyaml.load("a: 3\n", Map({"a": Even()}).strict())
    assert compile_schema(NonEmptyStr()).check(" ", issues) is None


def test_describing_a_payload_imports_no_strictyaml() -> None:
    code = (
        "import sys; from nika_core.plugin import fields as f\n"
        "f.Map({'a': f.field(f.Templated(f.Int()), 'A.', default=1), f.Optional('b'): f.Seq(f.Str()) | f.Str()})\n"
        "print('strictyaml' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "False\n"


FILES = Keyword(
    name="query",
    summary="Queries.",
    primary="sql",
    payload=Map(
        {
            "sql": field(Str(), "What is asked."),
            "sqlFile": field(TextFile("sql"), "A file with it."),
            Optional("note"): Str(),
            "noteFile": TextFile("note", max_bytes=10),
        }
    ),
    step="x:Y",
    rendered_fields=frozenset({"sql"}),
)


def test_any_keyword_may_take_a_files_text_for_a_field(tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text("select '{{a}}'")
    (tmp_path / "long.txt").write_text("x" * 11)
    reader = PayloadReader(FILES)
    issues: list[ValidationIssue] = []
    payload = reader.read({"sqlFile": "q.sql"}, issues, tmp_path)
    assert (issues, payload["sqlFile"], payload["sql"].text) == ([], "q.sql", "select '{{a}}'")
    assert "note" not in payload

    reader.read({"sql": "x", "noteFile": "long.txt"}, issues, tmp_path)
    assert [(issue.message, issue.path) for issue in issues] == [
        ("the file `long.txt` has 11 bytes; at most 10 are read", ["noteFile"])
    ]
    issues.clear()
    reader.read({"note": "x"}, issues, tmp_path)
    assert [issue.message for issue in issues] == ["the key `sql` is missing"]
    assert "sqlFile" in (issues[0].hint or "")


def test_an_editor_asks_for_one_of_the_two() -> None:
    schema = schema_of(FILES.payload)
    one, other, both = Draft7Validator(schema), {"sqlFile": "x.sql"}, {"sql": "x", "sqlFile": "x.sql"}
    assert [one.is_valid(each) for each in ({"sql": "x"}, other, both, {})] == [True, True, False, False]
    assert (schema["required"], schema["properties"]["sqlFile"]["description"]) == ([], "A file with it.")


def test_a_file_must_stand_for_a_field_beside_it() -> None:
    with pytest.raises(ValueError, match="stands for `text`, which is not a field beside it"):
        Map({"textFile": TextFile("text")})


def not_both(value: Any) -> str | None:
    return "either `a` or `b`" if len(value) == 2 else None


ONE_OF_BOTH = Checked(Map({Optional("a"): field(Int(), "The first."), Optional("b"): Int()}), not_both)


@pytest.mark.parametrize(
    ("node", "messages"),
    [
        ({"a": "1"}, []),
        ({"a": "1", "b": "2"}, ["either `a` or `b`"]),
        ({"a": "x", "b": "2"}, ["expected an integer, found `x`"]),  # what the fields say comes first
        ({"c": "1"}, ["unknown key `c`"]),
    ],
)
def test_a_value_that_is_checked_as_a_whole_is_what_its_fields_are_and_then_what_the_function_says(
    node: dict[str, str], messages: list[str]
) -> None:
    issues: list[ValidationIssue] = []
    compile_schema(ONE_OF_BOTH).check(node, issues)
    assert [issue.message for issue in issues] == messages
    assert all(issue.path == [] for issue in issues if issue.message == "either `a` or `b`")
    text = "\n".join(f"{key}: {value}" for key, value in node.items())
    if messages:
        with pytest.raises(strictyaml.YAMLValidationError):
            strictyaml.load(text, ONE_OF_BOTH.strict())
    else:
        assert strictyaml.load(text, ONE_OF_BOTH.strict()).data == {"a": 1}


def test_a_check_that_raises_is_an_issue_and_no_traceback() -> None:
    issues: list[ValidationIssue] = []
    compile_schema(Checked(Map({"a": Int()}), lambda value: value["b"])).check({"a": "1"}, issues)
    assert [issue.message for issue in issues] == ["the value cannot be read: 'b'"]


def test_what_is_checked_as_a_whole_is_documented_and_drawn_up_as_what_it_wraps() -> None:
    plain = Map({Optional("a"): field(Int(), "The first."), Optional("b"): Int()})
    assert field_docs(EmptyList() | Seq(ONE_OF_BOTH)) == field_docs(plain) == {"a": "The first."}
    assert schema_of(ONE_OF_BOTH.strict()) == schema_of(plain.strict())
