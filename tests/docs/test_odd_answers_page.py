"""The tables of odd answers name the scenarios that are shipped, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from nika_core.testing import read_scenarios

from ..environments import ROOT

FORMATS = {"o": "openai", "c": "claude", "l": "ollama"}
ROW = re.compile(r"^\| `([a-z0-9-]+)` \| ([ocl ]+) \| .+ \| .+ \|$", re.MULTILINE)
PAGE = (ROOT / "docs" / "plugins" / "odd-answers.md").read_text(encoding="utf-8")


def test_the_tables_have_one_row_for_each_scenario_of_each_format() -> None:
    shown = [(name, letter) for name, letters in ROW.findall(PAGE) for letter in letters.split()]
    shipped = [(each.name, letter) for letter, file in FORMATS.items() for each in read_scenarios(file)]
    assert sorted(shown) == sorted(shipped)


def test_the_scenario_file_that_is_shown_can_be_read(tmp_path: Path) -> None:
    (shown,) = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "slow-and-halved" in block]
    (tmp_path / "shown.yaml").write_text(shown, encoding="utf-8")
    (scenario,) = read_scenarios(tmp_path / "shown.yaml")
    assert scenario.outcome["requests"] == 1
