"""The guide's first steps: the workflow runs, and the mistake in it is told as the page shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nika_core.app.workspace import Workspace
from nika_core.document.diagnostics import render_pretty
from nika_core.testing import run_workflow

from ..environments import ROOT
from .pages import Block, blocks

PAGE = ROOT / "docs" / "guide" / "first-steps.md"


@pytest.fixture
def workflow() -> Block:
    (block,) = [block for block in blocks(PAGE) if block.title]
    return block


def test_the_workflow_runs_and_its_input_is_data(workflow: Block, tmp_path: Path) -> None:
    (tmp_path / "three words.txt").write_text("one two three")

    ran = run_workflow(workflow.text, folder=tmp_path, inputs={"file": "three words.txt"})
    hostile = run_workflow(workflow.text, folder=tmp_path, inputs={"file": "x; touch harm"})

    assert ran.task("words").output == "3"
    assert hostile.task("name").output == "x; touch harm"
    assert not (tmp_path / "harm").exists()


def test_the_mistake_is_told_as_the_page_shows_it(workflow: Block, tmp_path: Path) -> None:
    (shown,) = [block.text for block in blocks(PAGE) if block.text.startswith("error[")]
    path = tmp_path / workflow.title
    text = workflow.text.replace("{{text}}", "{{txt}}")

    loaded = Workspace.open(tmp_path, environ={}).load(path, text=text.encode())
    told = "\n".join(render_pretty(problem, loaded.text) for problem in loaded.problems)

    assert told.replace(f"{tmp_path}/", "") == shown.rstrip()
