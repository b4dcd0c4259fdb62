"""The guide's page on templates: every row of its tables is run, every workflow drawn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from nika_command_graph.drawing import draw

from nika_core.document import load_workflow
from nika_core.errors import TemplateValueError
from nika_core.model.json import Json
from nika_core.model.limits import Limits
from nika_core.model.path import read_path
from nika_core.model.template import Placeholder, Template
from nika_core.model.workflow import Workflow
from nika_core.plugin import Scope, SourceReport, Values
from nika_core.template import compile_condition, compile_template, render, resolve
from nika_core.template.pipes import PIPES

PAGE = (Path(__file__).parents[2] / "docs/guide/templates.md").read_text(encoding="utf-8")
OUTPUTS: dict[str, Any] = {
    "fetch": {"title": "Hello", "items": [{"name": "a b"}], "n": 3, "none": None, "content-type": "x"},
    "count": 7,
}
ROWS = [
    tuple(re.sub(r"^`(.*)`$", r"\1", cell.replace("\\|", "|")) for cell in re.split(r" (?<!\\)\| ", row[2:-2]))
    for row in re.findall(r"^\| .* \|$", PAGE, re.MULTILINE)
]
PIPE_ROWS = [row for row in ROWS if len(row) == 3]
CONDITIONS = [row for row in ROWS if row[1] in ("true", "false", "an error")]
TEMPLATES = [row for row in ROWS if row not in CONDITIONS + PIPE_ROWS and row[1] not in ("value", "result")]


class Page:
    """Tasks and inputs as the page has them."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None: ...

    def depends_on(self, placeholder: Placeholder) -> tuple[str, ...]:
        return placeholder.path[:1]

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        if placeholder.source == "input":
            return read_path({"topic": "cats"}, placeholder.path)
        return read_path(values.outputs[placeholder.path[0]], placeholder.path[1:])


def value_of(placeholder: Placeholder) -> Json:
    return resolve(placeholder, Values(outputs=OUTPUTS), lambda _: Page())


def test_the_page_has_its_tables():
    assert len(TEMPLATES) >= 12
    assert len(CONDITIONS) >= 15


def test_the_table_of_pipes_has_all_pipes():
    names = [re.split(r"\W", part.strip("` "))[0] for row in PIPE_ROWS[1:] for part in row[0].split("`, `")]
    assert sorted(names) == sorted(PIPES)


@pytest.mark.parametrize(("text", "expected"), TEMPLATES)
def test_templates_of_the_page(text: str, expected: str):
    template = compile_template(text)
    assert isinstance(template, Template)
    assert render(template, [value_of(one) for one in template.placeholders]) == expected


@pytest.mark.parametrize(("text", "expected"), CONDITIONS)
def test_conditions_of_the_page(text: str, expected: str):
    condition = compile_condition(text)
    if expected == "an error":
        with pytest.raises(TemplateValueError):
            condition.evaluate(value_of)
    else:
        assert condition.evaluate(value_of) is (expected == "true")


def test_the_workflow_of_the_page_is_drawn_as_it_says(tmp_path: Path):
    from nika_core.app.workspace import Workspace

    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (drawing,) = re.findall(r"```text\n(.*?)\n```", PAGE, re.DOTALL)
    nika = Workspace.open(tmp_path, environ={})
    loaded = load_workflow(tmp_path / "demo.nika.yaml", nika.registry, Limits(), text=text.encode())
    assert loaded.problems == ()
    assert isinstance(loaded.workflow, Workflow)
    assert draw(loaded.workflow, nika.graph(loaded.workflow)) == drawing
