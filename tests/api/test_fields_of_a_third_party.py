"""What the built-in keywords have is any keyword's: files for texts, templates in numbers, `env` and `idleTimeout`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.plugin import Facets, JsonObject, Keyword, StepContext, fields, hookimpl
from nika_core.toolbox.process import run

SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
WORKFLOW = """\
inputs: {n: {type: int, default: 3}}
env: {GREETING: hello}
tasks:
- id: query
  query: {sqlFile: q.sql, limit: "${input.n}", most: "${input.n}0"}
"""


class QueryStep:
    """Returns what it is given, and its variables."""

    async def run(self, payload: JsonObject, context: StepContext) -> Any:
        ended = await run(
            [sys.executable, "-c", SHOW],
            run_id=context.run_id,
            cwd=context.folder,
            env={**context.environ, **context.env},
            keep=100_000,
            on_output=context.heartbeat,
        )
        return {**payload, "greeting": json.loads(ended.stdout.text())["GREETING"]}


class SilentStep:
    """Gives signs of life for a while, and then no more."""

    async def run(self, payload: JsonObject, context: StepContext) -> Any:
        for _ in range(payload["signs"]):
            await context.clock.sleep(0.05)
            context.progress(1)
        await context.clock.sleep(30)


class QueryFacets(Facets):
    """Refuses a limit above a hundred."""

    def check(self, payload: Any, report: Any) -> None:
        if isinstance(payload.fields["limit"], int) and payload.fields["limit"] > 100:
            report("`limit` is above 100", payload.at("limit"))


class Plugin:
    __name__ = "acme"
    NIKA_API = 1

    @hookimpl
    def nika_task_keywords(self) -> Any:
        number = fields.Templated(fields.PositiveInt())
        payload = fields.Map(
            {
                "sql": fields.field(fields.Str(), "What is asked."),
                "sqlFile": fields.field(fields.TextFile("sql"), "A file with it."),
                "limit": fields.field(number, "Rows at most.", default=10),
                fields.Optional("most"): fields.Templated(fields.PositiveInt(), before_run=True),
            }
        )
        here = __name__
        yield Keyword(
            name="query",
            summary="Queries.",
            primary="sql",
            payload=payload,
            step=f"{here}:QueryStep",
            facets=f"{here}:QueryFacets",
        )
        yield Keyword(
            name="silent",
            summary="Says nothing.",
            primary="signs",
            payload=fields.Map({"signs": fields.PositiveInt()}),
            step=f"{here}:SilentStep",
        )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.nika.yaml").write_text(WORKFLOW)
    (tmp_path / "q.sql").write_text("select ${input.n}\n")
    return tmp_path


def test_a_third_partys_keyword_has_them_all(folder: Path) -> None:
    result = nika.run("w.nika.yaml", plugins=[Plugin()], journal=False)
    assert result.output == {
        "sqlFile": "q.sql",
        "sql": "select 3\n",
        "limit": 3,
        "most": 30,
        "greeting": "hello",
    }
    (task,) = nika.plan("w.nika.yaml", plugins=[Plugin()]).tasks
    assert (task.payload["limit"], task.payload["most"]) == (3, 30)


@pytest.mark.parametrize(
    ("n", "message"), [(0, "expected a whole number of at least 1"), (101, "`limit` is above 100")]
)
def test_its_numbers_are_checked_once_they_are_filled_in(folder: Path, n: int, message: str) -> None:
    with pytest.raises(nika.ProblemsError) as error:
        nika.run("w.nika.yaml", plugins=[Plugin()], inputs={"n": n}, journal=False)
    problem = error.value.problems[0]
    assert problem.message.startswith(message)
    assert (problem.place.line, problem.place.column) == (5, 34)


def test_its_file_has_problems_at_their_places(folder: Path) -> None:
    (folder / "q.sql").write_text("select 1\nfrom {{nix}}\n")
    (problem,) = nika.validate("w.nika.yaml", plugins=[Plugin()]).problems
    assert (str(problem.place.path), problem.place.line, problem.place.column) == ("q.sql", 2, 6)


def test_a_number_that_must_be_known_takes_no_tasks_output(folder: Path) -> None:
    (folder / "w.nika.yaml").write_text("tasks:\n- {id: a, set: 3}\n- {id: b, query: {sql: x, most: '{{a}}'}}\n")
    (problem,) = nika.validate("w.nika.yaml", plugins=[Plugin()]).problems
    assert "`most` cannot name a task's output" in problem.message


def test_its_silence_ends_it(folder: Path) -> None:
    (folder / "w.nika.yaml").write_text("tasks:\n- {id: a, silent: 4, idleTimeout: 200ms}\n")
    (task,) = nika.run("w.nika.yaml", plugins=[Plugin()], journal=False).tasks
    assert task.error is not None
    assert task.error.message == "`silent` gave no output or other sign of life for 0.2 s"
