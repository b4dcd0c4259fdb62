"""Values that are wrong in a place of their own: said with line and column, and never a fault of Nika."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nika_core.document import LoadedWorkflow, load_workflow
from nika_core.model.limits import Limits


def said(loaded: LoadedWorkflow) -> list[tuple[str, int | None]]:
    assert loaded.workflow is None
    return [(problem.code, problem.place.line) for problem in loaded.problems]


@pytest.mark.parametrize("key", ["mode: weird", "overflow: weird"])
def test_an_unknown_word_in_the_agent_block_is_an_error_of_its_place(
    load: Callable[..., LoadedWorkflow], key: str
) -> None:
    assert said(load(f"agent:\n  model: m\n  {key}\ntasks:\n  - {{id: a, shell: x}}\n")) == [("NIKA-005", 3)]


@pytest.mark.parametrize("text", ["tasks:\n\t- {id: a, shell: x}\n", "name: x\n\ttasks: 1\n"])
def test_what_broke_the_only_key_is_said_and_not_that_the_file_is_empty(
    load: Callable[..., LoadedWorkflow], text: str
) -> None:
    assert said(load(text)) == [("NIKA-001", 2)]


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ("{type: objekt}", "'objekt' is not valid"),
        ("{type: object, required: score}", "'score' is not of type 'array'"),
        ('{properties: {a: {pattern: "("}}}', "`(` is not a regular expression"),
        ('{items: {$ref: "#/$defs/none"}}', "the reference `#/$defs/none` has no target"),
        ('{$ref: "https://example.com/schema.json"}', "has no target in this schema"),
        ("{$schema: 3}", "`$schema` is not text"),
    ],
)
def test_a_schema_that_makes_no_sense_is_found_before_anything_runs(
    load: Callable[..., LoadedWorkflow], schema: str, why: str
) -> None:
    text = f"tasks:\n  - id: a\n    shell: x\n    output:\n      format: json\n      schema: {schema}\n"
    loaded = load(text)
    assert said(loaded) == [("NIKA-005", 6)]
    assert why in loaded.problems[0].message


@pytest.mark.parametrize(
    "schema",
    [
        "{}",
        "{type: object, properties: {pattern: {type: string}, $ref: {type: integer}}}",
        '{const: {pattern: "("}, enum: [{$ref: "#/none"}]}',
        '{properties: {a: {$ref: "#/$defs/a~1b"}}, $defs: {a/b: {type: integer}}}',
        '{$ref: "#/allOf/0", allOf: [{type: string}]}',
        '{$ref: "#here", $defs: {x: {$anchor: here}}}',
        '{$schema: "http://json-schema.org/draft-07/schema#", exclusiveMinimum: 3}',
    ],
)
def test_a_schema_that_makes_sense_is_taken(load: Callable[..., LoadedWorkflow], schema: str) -> None:
    text = f"tasks:\n  - id: a\n    shell: x\n    output: {{format: json, schema: {schema}}}\n"
    assert load(text).problems == ()


def test_a_schema_may_stand_in_a_file_beside_the_workflow(tmp_path: Path, catalog: Any) -> None:
    (tmp_path / "score.json").write_text('{"type": "object", "properties": {"score": {"type": "integer"}}}')
    text = b"tasks:\n  - id: a\n    shell: x\n    output: {format: json, schema: score.json}\n"
    loaded = load_workflow(tmp_path / "w.nika.yaml", catalog, Limits(), text=text)
    assert loaded.workflow is not None, loaded.problems
    assert loaded.workflow.tasks[0].output.schema == {"type": "object", "properties": {"score": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "does not exist"),
        ("", "is not JSON"),
        ("{type: object}", "is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[1]", "holds no object"),
        ('{"type": "objekt"}', "'objekt' is not valid"),
    ],
)
def test_a_file_that_holds_no_schema_is_found_before_anything_runs(
    tmp_path: Path, catalog: Any, content: str | None, why: str
) -> None:
    if content is not None:
        (tmp_path / "s.json").write_text(content)
    text = (
        b"tasks:\n  - id: a\n    shell: {command: x, nix: 1}\n    output:\n      format: json\n      schema: s.json\n"
    )
    loaded = load_workflow(tmp_path / "w.nika.yaml", catalog, Limits(), text=text)
    assert said(loaded) == [("NIKA-014", 3), ("NIKA-005", 6)]
    assert why in loaded.problems[1].message
    assert "`s.json`" in loaded.problems[1].message
    assert loaded.problems[1].hint


def test_a_text_where_a_mapping_belongs_is_told_so(load: Callable[..., LoadedWorkflow]) -> None:
    loaded = load("tasks:\n  - id: a\n    shell: {command: x, env: PATH}\n")
    assert [problem.message for problem in loaded.problems] == ["expected a mapping, found `PATH`"]
