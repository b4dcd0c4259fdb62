"""`--mock` answers in the shape that is read of each output: whole workflows can be tried without any effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nika_core.model.json import Json

from ..cli.conftest import Nika, folder, nika
from ..docs.pages import blocks
from ..environments import ROOT

__all__ = ["folder", "nika"]

EXAMPLES = sorted((ROOT / "examples").glob("*/*.nika.yaml"))
INPUTS = {
    "report": {"url": "http://tracker.example/issues"},
    "tour": {"tracker": "http://tracker.example/issues"},
    "release": {"project": ".", "version": "1.0.0", "target": "releases"},
}


def run(nika: Nika, path: Path, inputs: dict[str, Any]) -> Any:
    given = [part for name, value in inputs.items() for part in ("-i", f"{name}={value}")]
    done = nika("run", path, "--mock", "--no-journal", "--format", "json", *given)
    assert done.code == 0, done.err
    return done.json["output"]


@pytest.mark.parametrize(
    "path",
    [path for path in EXAMPLES if path.parent.name not in {"private-provider", "local"}],
    ids=lambda path: path.parent.name,
)
def test_every_example_runs_with_mock(nika: Nika, path: Path) -> None:
    run(nika, path, INPUTS.get(path.parent.name, {}))


def test_the_first_example_of_the_readme_runs_with_mock(nika: Nika, folder: Path) -> None:
    workflow = next(block for block in blocks(ROOT / "README.md") if block.language == "yaml")
    (folder / "triage.nika.yaml").write_text(workflow.text)
    assert "Is this urgent?" in run(nika, folder / "triage.nika.yaml", {"number": 1})


@pytest.mark.parametrize(
    ("tasks", "output"),
    [
        ('[{id: a, llm: x}, {id: b, set: "{{a.title.first}}"}]', "mock"),
        ('[{id: a, llm: x}, {id: b, set: "{{a.0.n}}"}]', "mock"),
        ("[{id: a, llm: x}, {id: b, set: \"{{a | pluck('n') | average}}\"}]", None),
        ("[{id: a, llm: x}, {id: b, set: \"{{a | join(', ')}}\"}]", "mock"),
        ("[{id: a, llm: x}, {id: b, set: \"{{a | then('yes', 'no')}}\"}]", "yes"),
        ("[{id: a, llm: x}, {id: b, set: \"{{a | where('s', 'open') | length}}\"}]", 1),
        ("[{id: a, llm: x}, {id: b, when: \"{{a.s}} == 'open'\", set: 1}]", 1),
        ('[{id: a, llm: x}, {id: b, when: "3 < {{a.n}}", set: 1}]', 1),
        ('[{id: a, llm: x}, {id: b, when: "{{a.ok}}", set: 1}]', 1),
        ('[{id: a, llm: x}, {id: b, forEach: "{{a}}", set: "${each.item.name}"}]', ["mock"]),
        ('[{id: a, shell: x, output: lines}, {id: b, forEach: "{{a}}", set: "${each.item.name}"}]', ["mock"]),
        ('[{id: a, llm: x, repeat: {until: "{{a.score}} >= 90", max: 2}}, {id: b, set: "{{a.score}}"}]', 90),
        ('[{id: a, forEach: [1], llm: x}, {id: b, set: "{{a.0.score}}"}]', "mock"),
        ('[{id: a, set: {n: 3}}, {id: b, set: "{{a.n}}"}]', 3),
    ],
)
def test_a_mocked_output_has_what_is_read_of_it(nika: Nika, folder: Path, tasks: str, output: Json) -> None:
    (folder / "w.nika.yaml").write_text(f"agent: {{model: mock, provider: mock}}\ntasks: {tasks}\n")
    found = run(nika, folder / "w.nika.yaml", {})
    assert output is None or found == output


def test_a_schema_counts_more_than_what_is_read(nika: Nika, folder: Path) -> None:
    schema = "{type: object, required: [n], properties: {n: {type: integer, minimum: 5}}}"
    (folder / "w.nika.yaml").write_text(
        "agent: {model: mock, provider: mock}\n"
        f"tasks:\n  - {{id: a, llm: x, output: {{format: json, schema: {schema}}}}}\n"
        '  - {id: b, set: ["{{a.n}}", "{{a}}"], when: "{{a.n}} > 7"}\n'
    )
    number, whole = run(nika, folder / "w.nika.yaml", {})
    assert number > 7
    assert whole == {"n": number}


def test_inner_workflows_are_mocked_alike(nika: Nika, folder: Path) -> None:
    (folder / "w.nika.yaml").write_text(
        "agent: {model: mock, provider: mock}\n"
        'workflows:\n  inner:\n    outputs: "{{b ?? null}}"\n'
        '    tasks: [{id: a, llm: x}, {id: b, set: "{{a.n}}", when: "{{a.n}} > 3"}]\n'
        "tasks:\n  - {id: t, forEach: [1, 2], workflow: inner}\n"
    )
    assert run(nika, folder / "w.nika.yaml", {}) == [4, 4]
