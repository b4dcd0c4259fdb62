"""`{{task}}`: what is known before a run, and what a value is in it."""

from __future__ import annotations

from typing import Any

import pytest
from nika_template_task.plugin import NIKA_API, nika_template_sources
from nika_template_task.source import TaskSource

from nika_core import codes
from nika_core.errors import TemplateValueError
from nika_core.model.template import MISSING, Placeholder
from nika_core.model.workflow import OutputSpec, Task
from nika_core.plugin import Scope, Values
from nika_core.testing import Workbench

SCHEMA = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "title": {"type": "string"},
        "score": {"type": "number"},
        "items": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        "pair": {"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "object", "properties": {}}},
        "open": {"type": "object", "properties": {"a": {}}, "additionalProperties": True},
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
        "either": {"anyOf": [{"type": "string"}, {"type": "object"}]},
        "maybe": {"type": ["object", "null"], "properties": {"x": {}}},
        "closed": {"type": "object", "additionalProperties": False},
    },
}


TEXT = "only a whole output that is JSON text is read by path, not text inside of one"


def placeholder(path: str, default: Any = MISSING) -> Placeholder:
    return Placeholder("task", tuple(path.split(".")), default, 0, 0, f"{{{{{path}}}}}")


def problems(path: str, default: Any = MISSING, schema: Any = SCHEMA) -> list[tuple[str, str, str | None]]:
    tasks = {
        "fetch": Task("fetch", "http", {}),
        "report": Task("report", "llm", {}, output=OutputSpec("json", schema)),
    }
    found: list[tuple[str, str, str | None]] = []

    def report(message: str, *, code: str = "", hint: str | None = None) -> None:
        found.append((code, message, hint))

    TaskSource().check(placeholder(path, default), Scope(tasks), report)
    return found


def test_the_plugin_declares_the_one_source_that_braces_ask():
    (found,) = nika_template_sources()
    assert (found.name, found.default_source, NIKA_API) == ("task", True, 1)


def test_known_tasks_are_fine_with_any_path_where_no_schema_is_declared():
    assert problems("fetch") == []
    assert problems("fetch.a.0.b") == []


def test_an_unknown_task_is_reported_with_the_nearest_name_or_all_of_them():
    ((code, message, hint),) = problems("fetsh.title")
    assert (code, message, hint) == (codes.UNKNOWN_REFERENCE, "there is no task 'fetsh'", "did you mean 'fetch'?")
    ((_, _, hint),) = problems("zzz")
    assert hint == r"the tasks are: fetch, report; for literal braces write \{{"
    ((_, _, hint),) = problems("tasks.fetch.output")
    assert hint == "a task is named by its id alone: {{fetch}}"


@pytest.mark.parametrize(
    "path",
    [
        "report",
        "report.id",
        "report.title",
        "report.items.0.name",
        "report.pair.0",
        "report.open.whatever.x",
        "report.map.any",
        "report.either.x.y",
        "report.maybe.zzz",
    ],
)
def test_fields_that_the_schema_declares_or_leaves_open_are_fine(path: str):
    assert problems(path) == []


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("report.titel", "declares no 'titel'", "did you mean 'title'?"),
        ("report.items.0.nam", "declares no 'nam' in 'items.0'", "did you mean 'name'?"),
        ("report.items.first", "says that 'items' is a list, and 'first' is not an index", "write .0"),
        ("report.score.x", "says that 'score' is number, which has no 'x'", "end the path there"),
        ("report.title.x", "says that 'title' is string, which has no 'x'", TEXT),
        ("report.pair.1.x", "declares no 'x' in 'pair.1'", "it declares none"),
        ("report.closed.x", "declares no 'x' in 'closed'", "it declares none"),
    ],
)
def test_fields_that_the_schema_does_not_have_are_reported(path: str, message: str, hint: str):
    ((code, found, how),) = problems(path)
    assert code == codes.UNKNOWN_REFERENCE
    assert found == f"the schema of the output of 'report' {message}"
    assert how is not None
    assert hint in how


def test_a_default_says_that_a_field_may_be_missing():
    assert problems("report.titel", "none") == []


@pytest.mark.parametrize(
    "schema", [{}, {"properties": 3}, {"type": 3}, {"type": "array", "items": True}, {"$ref": "#"}]
)
def test_a_schema_that_says_nothing_reports_nothing(schema: Any):
    assert problems("report.0.x", schema=schema) == []


def test_it_depends_on_the_task():
    assert tuple(TaskSource().depends_on(placeholder("fetch.a"))) == ("fetch",)


def test_values_are_outputs_and_paths_into_them():
    values = Values(outputs={"fetch": '{"items": [{"name": "a"}]}', "n": 3})
    assert TaskSource().resolve(placeholder("n"), values) == 3
    assert TaskSource().resolve(placeholder("fetch.items.0.name"), values) == "a"
    with pytest.raises(TemplateValueError, match="the output of 'fetch' has no field 'x'"):
        TaskSource().resolve(placeholder("fetch.x"), values)


def test_a_task_without_an_output_has_no_value():
    with pytest.raises(TemplateValueError, match="task 'fetch' has no output") as caught:
        TaskSource().resolve(placeholder("fetch"), Values())
    assert caught.value.code == codes.MISSING_VALUE


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("report", SCHEMA),
        ("report.title", {"type": "string"}),
        ("report.items.0.name", {"type": "string"}),
        ("report.pair.0", {"type": "integer"}),
        ("report.pair.1", {"type": "object", "properties": {}}),
        ("report.maybe.x", {}),
        ("report.open.whatever", None),
        ("report.either.x", None),
        ("report.items.x", None),
        ("report.map.any", None),
        ("fetch.x", None),
        ("nobody", None),
    ],
)
def test_the_schema_of_a_value_is_that_part_of_the_outputs(path: str, schema: Any):
    tasks = {"fetch": Task("fetch", "http", {}), "report": Task("report", "llm", {}, output=OutputSpec("json", SCHEMA))}
    assert TaskSource().schema(placeholder(path), Scope(tasks)) == schema


def test_a_condition_that_compares_with_another_word_than_the_schemas_is_refused():
    (problem,) = Workbench().validate("""
        tasks:
          - id: review
            echo: x
            output: {format: json, schema: {type: object, properties: {verdict: {enum: [ok, bad]}}}}
          - {id: deploy, echo: x, when: "{{review.verdict}} == 'okay'"}
    """)
    assert (problem.code, problem.message) == (codes.BAD_CONDITION, "{{review.verdict}} is never the text 'okay'")
    assert problem.hint == "did you mean 'ok'?"
    assert problem.place is not None
    assert (problem.place.line, problem.place.column) == (6, 56)


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("report.0.name", None),  # a line may be JSON text
        ("report.0.name.first", None),
        ("report.length", "write | length for how long it is"),
        ("report.name", "write .0 for the first item, or | pluck('name') for a list of that part of all items"),
    ],
)
def test_a_line_may_be_json_text_and_a_list_of_lines_has_no_fields(path: str, hint: str | None):
    found = problems(path, schema={"type": "array", "items": {"type": "string"}})
    assert [each for _, _, each in found] == ([hint] if hint else [])


def test_a_text_inside_of_an_object_has_no_fields():
    found = problems("report.text.x", schema={"type": "object", "properties": {"text": {"type": "string"}}})
    assert [hint for _, _, hint in found] == [TEXT]
