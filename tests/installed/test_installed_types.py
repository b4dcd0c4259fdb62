"""What a type checker sees of the installed packages: from a program that runs workflows, and from a plugin.

Each `type: ignore` below stands for a mistake that has to be found: `mypy --strict` reports those that are not needed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ..environments import Environment

PROGRAM = """\
from collections.abc import Mapping
from typing import Any, assert_type

import nika_core as nika


def report(path: str) -> list[str]:
    result = nika.run(path, inputs={"name": "Ada"}, timeout="10m", mock=True)
    assert_type(result, nika.RunResult)
    lines = [f"{task.id}: {task.usage.total_tokens + 1}" for task in result.tasks]
    found = nika.validate(path)
    assert_type(found.valid, bool)
    lines += [f"{problem.code} {problem.message}" for problem in found.problems]
    assert_type(nika.schema(), Mapping[str, Any])
    assert_type(nika.project_schema(folder=path), Mapping[str, Any])
    return lines


async def follow(path: str) -> nika.RunResult:
    return await nika.arun(path)


def mistakes(path: str) -> None:
    nika.run(path, tiemout="10m")  # type: ignore[call-arg]
    nika.run(3)  # type: ignore[arg-type]
    nika.run(path).ouput  # type: ignore[attr-defined]
    nika.runn(path)  # type: ignore[attr-defined]
"""
PLUGIN = """\
from collections.abc import Iterable
from typing import Any, assert_type

from nika_keyword_shell.plugin import NIKA_API as OTHER

from nika_core.errors import Category, TaskError
from nika_core.plugin import Facets, Json, Keyword, KeywordCategory, StepContext, fields, hookimpl

assert_type(OTHER + 1, int)


@hookimpl
def nika_keywords() -> Iterable[Keyword]:
    payload = fields.Map({"app": fields.field(fields.NonEmptyStr(), "What to deploy.")})
    yield Keyword(
        name="deploy",
        category=KeywordCategory.TOOL,
        summary="Deploys.",
        primary="app",
        payload=payload,
        facets="acme_deploy.plugin:DeployFacets",
        step="acme_deploy.plugin:DeployStep",
    )
    Keyword(nmae="deploy")  # type: ignore[call-arg]


class DeployFacets(Facets):
    pass


class DeployStep:
    async def run(self, payload: Any, context: StepContext) -> Json:
        if context.attempt > 3:
            raise TaskError("too often", category=Category.CONFIG)
        context.emit_txt("deploying")  # type: ignore[attr-defined]
        return {"app": str(payload["app"])}
"""


def test_mypy_in_strict_mode_knows_the_types_of_the_installed_packages(
    fresh: Callable[[], Environment], tmp_path: Path
) -> None:
    environment = fresh()
    package = tmp_path / "acme_deploy"
    package.mkdir()
    for name, text in {"__init__": "", "plugin": PLUGIN, "program": PROGRAM}.items():
        (package / f"{name}.py").write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file", os.devnull]
    command += ["--python-executable", str(environment.python), "acme_deploy"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)

    assert done.stdout == "Success: no issues found in 3 source files\n", done.stdout + done.stderr
