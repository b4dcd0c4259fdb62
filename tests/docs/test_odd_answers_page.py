"""The tables of odd answers name the scenarios that are shipped, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from nika_core.testing import read_mcp_scenarios, read_scenarios

from ..environments import ROOT

FORMATS = {"o": "openai", "c": "claude", "l": "ollama", "r": "openai-responses"}
TRANSPORTS = {"s": "stdio", "h": "http"}
ROW = re.compile(r"^\| `([a-z0-9-]+)` \| ([oclrsh ]+) \| .+ \| .+ \|$", re.MULTILINE)
PAGE = (ROOT / "docs" / "plugins" / "odd-answers.md").read_text(encoding="utf-8")


def test_the_tables_have_one_row_for_each_scenario_of_each_format() -> None:
    shown = [(name, letter) for name, letters in ROW.findall(PAGE) for letter in letters.split()]
    shipped = [(each.name, letter) for letter, file in FORMATS.items() for each in read_scenarios(file)]
    letters = {transport: letter for letter, transport in TRANSPORTS.items()}
    shipped += [(each.name, letters[transport]) for each in read_mcp_scenarios() for transport in each.transports]
    assert sorted(shown) == sorted(shipped)


def test_the_scenario_files_that_are_shown_can_be_read(tmp_path: Path) -> None:
    shown = re.findall(r"```yaml\n(scenarios:.*?)```", PAGE, re.DOTALL)
    for number, block in enumerate(shown):
        (tmp_path / f"{number}.yaml").write_text(block, encoding="utf-8")
    (scenario,), (mcp,) = read_scenarios(tmp_path / "0.yaml"), read_mcp_scenarios(tmp_path / "1.yaml")
    assert scenario.outcome["requests"] == 1
    assert len(mcp.answers["tools/call"]) == 7
