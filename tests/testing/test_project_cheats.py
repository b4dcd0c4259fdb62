"""Every project template that cheats is caught by exactly the checks whose rules it breaks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nika_core import trust_decisions
from nika_core.testing import NotConformant, project_checks

PLUGIN = """
from nika_core.plugin import ProjectTemplate, hookimpl
NIKA_API = 1
@hookimpl
def nika_project_templates():
    return [ProjectTemplate(name="cheat", summary="Cheats.", files="acme_cheat:files")]
def files():
    return {FILES!r}
"""
GOOD = {"cheat.nika.yaml": "inputs: {who: {type: string}}\ntasks: [{id: a, set: '${input.who}'}]"}
CHEATS = {
    "honest": (GOOD, set()),
    "no project": ({"../up": ""}, {project_checks.MADE}),
    "a workflow that is invalid": ({**GOOD, "more/b.nika.yaml": "tasks: [{id: a, sett: 1}]"}, {project_checks.VALID}),
    "a project file that is invalid": (
        {**GOOD, "nika.yaml": "main: cheat.nika.yaml\nmodle: x"},
        {project_checks.VALID, project_checks.RUNS},
    ),
    "no workflow to run": ({"nika.yaml": "provider: mock"}, {project_checks.RUNS}),
    "a workflow that fails": ({"cheat.nika.yaml": "tasks: [{id: a, fail: x}]"}, {project_checks.RUNS}),
}


@pytest.mark.parametrize("case", CHEATS)
def test_it_is_caught(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, rules = CHEATS[case]
    info = tmp_path / "site" / "acme_cheat-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-cheat\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nika.project_templates]\ncheat = acme_cheat\n")
    (info.parent / "acme_cheat.py").write_text(PLUGIN.replace("{FILES!r}", repr(files)))
    monkeypatch.syspath_prepend(info.parent)
    monkeypatch.delitem(sys.modules, "acme_cheat", raising=False)

    caught = [
        *broken_rule(lambda: project_checks.check_project("cheat", tmp_path / "one")),
        *broken_rule(lambda: project_checks.check_project_runs("cheat", tmp_path / "two", {"who": "Ada"})),
    ]

    assert set(caught) == rules
    assert [each for each in trust_decisions() if str(each.path).startswith(str(tmp_path))] == []


def broken_rule(check: Callable[[], None]) -> list[str]:
    try:
        check()
    except NotConformant as error:
        return [error.rule]
    return []
