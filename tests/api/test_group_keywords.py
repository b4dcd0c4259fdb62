"""A third party's keyword stands for a workflow by its facet alone, and is then like any other task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

import nika_core as nika
from nika_core.plugin import Facets, Keyword, KeywordCategory, PayloadValue, WorkflowCall, fields, hookimpl
from nika_core.testing import ScriptedModel, Workbench, run_workflow

BROUGHT = "inputs: {name: {type: string}}\ntasks:\n  - {id: greet, set: 'Hello ${input.name}'}\n"


class GreetFacets(Facets):
    """`greet: Ada` is a workflow that the plugin brings."""

    file = Path("/nowhere.nika.yaml")

    def workflow(self, fields: Mapping[str, PayloadValue]) -> WorkflowCall:
        return WorkflowCall(self.file, {"name": fields["who"]})


class Plugin:
    @hookimpl
    def nika_task_keywords(self) -> Iterable[Keyword]:
        return [
            Keyword(
                name="greet",
                summary="Greets.",
                category=KeywordCategory.GROUP,
                primary="who",
                payload=fields.Map({"who": fields.field(fields.Str(), "Whom.")}),
                facets=f"{__name__}:GreetFacets",
                json_fields=("who",),
            )
        ]


@pytest.fixture
def greet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugin:
    monkeypatch.setattr(GreetFacets, "file", tmp_path / "elsewhere" / "greet.nika.yaml")
    GreetFacets.file.parent.mkdir()
    GreetFacets.file.write_text(BROUGHT)
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Plugin()


def test_its_workflow_runs_in_a_list_and_is_planned(greet: Plugin) -> None:
    text = "tasks:\n  - {id: all, forEach: [Ada, Bob], greet: '${each.item}'}\n"
    ran = nika.run(text, plugins=[greet])
    assert (ran.status, ran.output) == ("succeeded", ["Hello Ada", "Hello Bob"])
    assert ran.task("all[1]/greet").state == "success"
    (task,) = nika.plan(text, plugins=[greet]).tasks
    assert [inner.id for inner in task.tasks] == ["all/greet"]


def test_what_is_wrong_with_its_payload_is_known_before_a_run(greet: Plugin) -> None:
    loaded = nika.validate("tasks:\n  - {id: a, greet: 3}\n", plugins=[greet])
    (problem,) = loaded.problems
    assert (problem.message, problem.place and problem.place.line) == ("input `name`: expected a text, found `3`", 2)


def test_a_facet_that_names_no_workflow_is_the_plugin_s_fault(greet: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GreetFacets, "workflow", lambda self, fields: None)
    (problem,) = nika.validate("tasks:\n  - {id: a, greet: Ada}\n", plugins=[greet]).problems
    assert (problem.code, "from `workflow`, not WorkflowCall" in problem.message) == ("NIKA-073", True)


ASKS = """\
agent: {model: scripted, systemPrompt: "Outside.", allowedTools: [shell, http], maxBudgetUsd: 5}
workflows:
  own:
    inputs: {who: {type: string}}
    agent: {model: scripted, systemPrompt: "You are ${input.who}.", maxBudgetUsd: 0.001}
    tasks: [{id: say, llm: "Hello"}]
  inherits: {tasks: [{id: say, llm: "Hello"}]}
tasks:
"""


def test_a_workflow_has_its_own_agent_block_or_else_its_caller_s() -> None:
    model = ScriptedModel("one", "two", "three")
    tasks = """\
  - {id: a, workflow: {use: own, with: {who: Ada}}}
  - {id: b, workflow: {use: own, with: {who: "{{a}}"}}}
  - {id: c, workflow: inherits, when: "{{b}} != ''"}
"""
    ran = run_workflow(ASKS.replace(", maxBudgetUsd: 0.001", "") + tasks, model=model)
    assert ran.output == "three"
    assert [request.system for request in model.requests] == ["You are Ada.", "You are one.", "Outside."]


def test_the_budget_of_a_workflow_bounds_each_time_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "nika.yaml").write_text("prices: {scripted: {inputPerMillion: 1, outputPerMillion: 1000}}\n")
    tasks = """\
  - {id: a, workflow: {use: own, with: {who: Ada}}, onError: continue}
  - {id: why, set: "${error.a.category} ${error.a.task}"}
"""
    ran = Workbench(folder=tmp_path, model=ScriptedModel("one")).run(ASKS + tasks)
    assert (ran.result.status, ran.output) == ("succeeded", "budget a/say")
    failure = ran.task("a").failure
    assert failure is not None
    assert "the workflow of 'a' has" in failure.message
