"""The guide's page on the language: its tables are what is installed and what is refused, its files do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import strictyaml

from nika_core.app.workspace import Workspace
from nika_core.document import load_project
from nika_core.document.reading import workflow_schema
from nika_core.errors import Category
from nika_core.registry import Kind
from nika_core.testing import run_workflow, validate_workflow

from ..environments import ROOT
from .pages import blocks, files

PAGE = ROOT / "docs" / "guide" / "language.md"
TEXT = PAGE.read_text(encoding="utf-8")


def rows(heading: str) -> list[tuple[str, ...]]:
    """The cells of the table under a heading, without its head."""
    section = TEXT.split(f"## {heading}\n")[1].split("\n## ")[0] if heading else TEXT.split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [tuple(cell.strip() for cell in line.strip("| ").split(" | ")) for line in lines[1:]]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_installed_keyword_of_ours_is_in_the_table_with_its_primary_field(tmp_path: Path) -> None:
    registry = Workspace.open(tmp_path, environ={}).registry
    ours = [
        word for word in registry.words(Kind.KEYWORD) if registry.record(Kind.KEYWORD, word).distribution[:5] == "nika-"
    ]

    keywords = {word: registry.keyword(word) for word in ours}
    assert {words(row[0])[0]: words(row[1]) for row in rows("Keywords")} == {
        word: [] if keyword.short_form_only else [keyword.primary] for word, keyword in keywords.items()
    }


def test_every_key_of_a_document_and_of_a_task_is_in_its_table() -> None:
    assert {word for row in rows("") for word in words(row[0])} == {*workflow_schema.ROOT, "mcpServers"}
    assert {word for row in rows("Tasks") for word in words(row[0])} == {*workflow_schema.TASK} - {"id"}


def test_every_type_of_an_input_is_in_its_table() -> None:
    with pytest.raises(strictyaml.YAMLValidationError) as caught:
        strictyaml.load("a:\n  type: nothing\n", workflow_schema.INPUTS.strict())

    assert all(words(row[0])[0] in str(caught.value) for row in rows("Inputs"))
    assert len(rows("Inputs")) == 5


def test_every_category_of_a_failure_is_named() -> None:
    section = TEXT.split("## When a task fails\n")[1].split("\n## ")[0]

    assert set(words(section)) >= {category.value for category in Category}


@pytest.mark.parametrize(("written", "refused"), rows("Strict YAML"))
def test_what_the_page_says_is_refused_is_refused(written: str, refused: str, tmp_path: Path) -> None:
    (line,) = words(written)
    whole = line[:-1] + ", tasks: [{id: a, shell: date}]}" if line.startswith("{name") else None
    text = whole or f"{line}\ntasks:\n  - {{id: a, shell: date}}\n"

    assert refused in {problem.code for problem in validate_workflow(text, folder=tmp_path)}


def test_the_first_workflow_of_the_page_runs(tmp_path: Path) -> None:
    block = next(block for block in files(PAGE) if block.title == "release-notes.nika.yaml")

    result = run_workflow(block.text, folder=tmp_path).result

    assert {task.id: task.state for task in result.tasks} == {
        "log": "success",
        "count": "success",
        "notes": "success",
        "apology": "success",
    }


def test_the_failure_handler_of_the_page_runs(tmp_path: Path) -> None:
    block = next(block for block in files(PAGE) if block.title == "handler.nika.yaml")

    result = run_workflow(block.text, folder=tmp_path).result

    assert [task.state for task in result.tasks] == ["failed", "skipped", "success"]


def test_the_list_and_the_loop_of_the_page_run(tmp_path: Path) -> None:
    lists, loops = (
        run_workflow(block.text, folder=tmp_path).result
        for title in ("lists.nika.yaml", "loops.nika.yaml")
        for block in files(PAGE)
        if block.title == title
    )

    assert lists.output == {"greetings": ["1: ada", "2: bob"], "first": "1: ada"}
    assert loops.output == "3"


def test_the_other_workflows_of_the_page_are_valid(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "text.py").write_text("def count(text: str) -> int:\n    return len(text)\n")
    whole = [block for block in blocks(PAGE) if block.language == "yaml" and "\ntasks:" in block.text]

    assert len(whole) == 5
    assert [validate_workflow(block.text, folder=tmp_path) for block in whole] == [()] * 5


def test_the_project_file_of_the_page_is_read(tmp_path: Path) -> None:
    (block,) = [block for block in files(PAGE) if block.title == "nika.yaml"]
    (tmp_path / "nika.yaml").write_text(block.text)

    project = load_project(tmp_path)

    assert (project.main, project.secrets) == ("release-notes.nika.yaml", ("ACME_LOGIN",))
