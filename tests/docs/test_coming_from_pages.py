"""The pages for people who come from other tools: their workflows are valid, and run."""

from __future__ import annotations

from pathlib import Path

import pytest

from nika_core.testing import run_workflow, validate_workflow

from ..environments import ROOT
from .pages import files

PAGES = sorted((ROOT / "docs" / "guide").glob("from-*.md"))


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_the_workflow_of_a_page_is_valid_and_runs(page: Path, tmp_path: Path) -> None:
    (workflow,) = files(page)

    assert validate_workflow(workflow.text, folder=tmp_path) == ()
    assert run_workflow(workflow.text, folder=tmp_path).result.succeeded
