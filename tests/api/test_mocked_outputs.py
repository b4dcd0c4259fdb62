"""With `--mock` each task's output fits the schema that it asks for, whatever its keyword returns without one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nika_core.testing import run_workflow

SCHEMA = {
    "type": "object",
    "required": ["title", "tags", "author", "rank"],
    "additionalProperties": False,
    "properties": {
        "title": {"type": "string", "minLength": 8},
        "tags": {"type": "array", "items": {"enum": ["bug", "idea"]}, "minItems": 2},
        "author": {"$ref": "#/definitions/person"},
        "rank": {"type": "number", "exclusiveMinimum": 1, "maximum": 2},
    },
    "definitions": {
        "person": {"type": "object", "required": ["id"], "properties": {"id": {"pattern": "^[A-Z]{2}-\\d+$"}}}
    },
}


@pytest.mark.parametrize("task", ["shell: echo", "llm: hello", "http: 'https://example.com/'", "agent: hello"])
def test_a_mocked_output_fits_the_schema_of_its_task(task: str) -> None:
    ran = run_workflow(
        f"agent: {{model: mock, provider: mock}}\n"
        f"tasks:\n  - id: a\n    {task}\n    output: {{format: json, schema: {json.dumps(SCHEMA)}}}\n",
        mock=True,
    )
    assert ran.result.tasks[0].failure is None
    output: Any = ran.output
    assert output["tags"] == ["bug", "bug"]
    assert len(output["title"]) == 8


def test_a_mocked_output_that_fits_stays_as_its_keyword_has_it() -> None:
    task = "tasks:\n  - {id: a, shell: echo, output: {format: json, schema: {type: [object, 'null']}}}\n"
    assert run_workflow(task, mock=True).output in ({}, None)
