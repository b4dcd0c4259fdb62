"""The guide's recipes: each runs, and its output is what the page shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from nika_core.testing import call_nika, run_workflow, validate_workflow
from nika_core.testing.workbench import base_environ

from ..environments import ROOT
from .pages import Block, blocks

PAGE = ROOT / "docs" / "guide" / "recipes.md"
HEADINGS = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


class Recipe(NamedTuple):
    workflow: Block
    shown: Block
    files: list[Block]


def recipes() -> Iterator[Recipe]:
    """Each workflow with the output after it, and the files between them."""
    files: list[Block] = []
    for block in blocks(PAGE):
        if block.title:
            files.append(block)
        else:
            yield Recipe(files[0], block, files[1:])
            files = []


def write(recipe: Recipe, folder: Path) -> None:
    for block in recipe.files:
        (folder / block.title).write_text(block.text, encoding="utf-8")


RECIPES = [pytest.param(recipe, id=recipe.workflow.title) for recipe in recipes()]
WITH_OUTPUT = [each for each in RECIPES if each.values[0].shown.language == "json"]


def test_every_heading_has_one_recipe() -> None:
    assert len(RECIPES) == len(HEADINGS)
    assert [each.id for each in RECIPES if each not in WITH_OUTPUT] == ["stop.nika.yaml"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_has_no_error_and_no_warning(recipe: Recipe, tmp_path: Path) -> None:
    write(recipe, tmp_path)

    assert validate_workflow(recipe.workflow.text, folder=tmp_path) == ()


@pytest.mark.parametrize("recipe", WITH_OUTPUT)
def test_a_recipe_has_the_output_that_the_page_shows(recipe: Recipe, tmp_path: Path) -> None:
    write(recipe, tmp_path)

    environ = {**base_environ(), "NIKA_SECRETS_DIR": str(tmp_path)}
    assert run_workflow(recipe.workflow.text, folder=tmp_path, environ=environ).output == json.loads(recipe.shown.text)


def test_a_run_that_fails_early_prints_what_the_page_shows(tmp_path: Path) -> None:
    (recipe,) = [each.values[0] for each in RECIPES if each not in WITH_OUTPUT]
    (tmp_path / recipe.workflow.title).write_text(recipe.workflow.text, encoding="utf-8")

    done = call_nika("run", recipe.workflow.title, folder=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    printed = [line for line in done.stderr.splitlines() if line.startswith(("✗", "○"))]
    assert printed == recipe.shown.text.splitlines()
