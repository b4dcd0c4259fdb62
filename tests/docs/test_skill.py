"""The skill for coding agents: its examples are valid without a warning and run, and its test file passes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import nika_core as nika
from nika_core.template.pipes import PIPES
from nika_core.testing import validate_workflow

from ..environments import ROOT
from .pages import Block, blocks

PAGE = ROOT / "docs" / "skills" / "nika-workflows" / "SKILL.md"
WORKFLOWS = [block for block in blocks(PAGE) if block.language == "yaml" and not block.title]


def name(block: Block) -> str:
    return str(yaml.safe_load(block.text)["name"])


def test_the_front_matter_says_when_to_use_it() -> None:
    head = yaml.safe_load(PAGE.read_text().split("---\n")[1])

    assert head["name"] == PAGE.parent.name
    assert 0 < len(head["description"]) <= 1024


@pytest.mark.parametrize("block", WORKFLOWS, ids=name)
def test_every_example_is_valid_without_a_warning(block: Block, tmp_path: Path) -> None:
    assert [str(problem) for problem in validate_workflow(block.text, folder=tmp_path)] == []


@pytest.mark.parametrize("block", WORKFLOWS, ids=name)
def test_every_example_runs_with_everything_mocked(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "example.nika.yaml"
    path.write_text(block.text)
    answers = {"approve": True} if name(block) == "deploy" else {}

    result = nika.run(path, mock=True, answers=answers)

    assert result.status == "succeeded", result.failure


def test_the_test_file_passes(tmp_path: Path) -> None:
    (workflow,) = [block for block in WORKFLOWS if name(block) == "triage"]
    (case,) = [block for block in blocks(PAGE) if block.title]
    (tmp_path / "triage.nika.yaml").write_text(workflow.text)
    path = tmp_path / case.title
    path.write_text(case.text)

    report = nika.test([path])

    assert len(report.cases) == 2
    assert [each.unmet for each in report.cases] == [(), ()]


def test_every_keyword_and_every_pipe_is_in_it() -> None:
    text = PAGE.read_text()
    keywords = [path.name.removeprefix("keyword-") for path in (ROOT / "plugins").glob("keyword-*")]

    assert [word for word in keywords if not re.search(rf"^\| `{word}` \|", text, re.MULTILINE)] == []
    assert [pipe for pipe in PIPES if not re.search(rf"`{pipe}[`(]", text)] == []
