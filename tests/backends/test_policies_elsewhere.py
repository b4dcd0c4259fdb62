"""Limit policies are asked and told on a backend as on one machine: by the worker that does the work."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.app.backend.kernel import Kernel
from nika_core.app.policy_facts import user_name
from nika_core.plugin import Admission, EndRun, LimitPolicy, Policy, Refusal, Spending, Stage, StartWork, hookimpl

TWO = """
name: two
agent: {provider: mock, model: mock, maxTokens: 50}
tasks:
  - {id: one, llm: say}
  - {id: two, llm: "say {{one}}"}
"""
PRICES = "prices: {mock: {inputPerMillion: 1000, outputPerMillion: 2000}}\n"


class Witness(Policy):
    """Admits all but what `refused` names, and remembers what it was asked and told."""

    heard: list[tuple[str, Any]] = []  # the registry makes the instance
    refused: Stage | None = None

    def stages(self, limits: Any) -> Collection[Stage]:
        return list(Stage)

    def admit(self, request: Admission) -> Refusal | None:
        Witness.heard.append((f"admit {request.stage.value}", request))
        return Refusal("not today") if request.stage is Witness.refused else None

    def sending(self, request: Admission) -> None:
        Witness.heard.append((f"sending {request.stage.value}", request))

    def settle(self, spending: Spending) -> None:
        Witness.heard.append((f"settle {spending.stage.value}", spending))

    def ended(self, spending: Spending) -> None:
        Witness.heard.append((f"ended {spending.stage.value}", spending))


class Plugin:
    """Brings the policy."""

    NIKA_API = 1

    @hookimpl
    def nika_limit_policies(self) -> Iterable[LimitPolicy]:
        return (LimitPolicy(name="witness", summary="Remembers.", policy=f"{__name__}:Witness"),)


def machine(folder: Path, **environ: str) -> nika.Workspace:
    known = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "XDG_STATE_HOME": str(folder / "state")}
    return nika.Workspace.open(folder, environ={**known, "NIKA_TRUST": "1", **environ}, plugins=[Plugin()])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "nika.yaml").write_text(PRICES)
    (tmp_path / "w.nika.yaml").write_text(TWO)
    Witness.heard = []
    Witness.refused = None
    return tmp_path


def submitted(folder: Path, **environ: str) -> Any:
    prepared = nika.prepare(folder / "w.nika.yaml", workspace=machine(folder, **environ), elsewhere=True)
    return json.loads(json.dumps(nika.backends.submission(prepared).definition))


async def carried_out(
    definition: Any, worker: nika.Workspace, *, made_again: bool = False, events: list[Any] | None = None
) -> Any:
    """Return the result of a run whose works are done one after the other, and put its events into `events`."""
    seconds = count(1000.0)

    def now() -> float:
        return next(seconds)

    kernel = Kernel(worker)
    driver, runner = kernel.driver(definition, now), kernel.runner(definition)
    actions = list(driver.start())
    while not isinstance(action := actions.pop(0), EndRun):
        if isinstance(action, StartWork):
            end = await runner.run(json.loads(json.dumps(action.work)))
            if made_again:
                driver = kernel.driver(definition, now, json.loads(json.dumps(driver.snapshot())))
                actions = [each for each in driver.resume() if getattr(each, "id", None) != action.id]
            actions += driver.ended(action.id, json.loads(json.dumps(end.report)))
    await runner.close()
    if events is not None:
        events += driver.view(0)["events"]
    return action.result


def said() -> list[tuple[Any, ...]]:
    """Return what the policy has heard: what, of which task, and how much the run had taken before."""
    return [
        (what, about.task_id, about.spent_tokens, str(about.spent_usd), getattr(about, "status", ""), about.user)
        for what, about in Witness.heard
    ]


@pytest.mark.parametrize("made_again", [False, True], ids=["one driver", "a driver made again"])
async def test_a_policy_hears_on_a_worker_what_it_hears_on_one_machine(folder: Path, *, made_again: bool) -> None:
    await nika.arun(folder / "w.nika.yaml", workspace=machine(folder), journal=False)
    here, Witness.heard = said(), []

    result = await carried_out(submitted(folder), machine(folder), made_again=made_again)

    there = said()
    assert result["status"] == "succeeded"
    assert [each[:2] for each in there] == [each[:2] for each in here]
    assert here[-1] == there[-1]  # the end: all that the run has taken
    assert {each[-1] for each in there} == {user_name()}
    spent = [about.spent_tokens for what, about in Witness.heard if what == "admit model"]
    assert spent[0] == 0
    assert spent[1] > 0


async def test_a_policy_hears_who_has_submitted_the_run_not_who_works_for_it(folder: Path) -> None:
    definition = submitted(folder)
    definition["policies"]["user"] = "ada"
    Witness.heard = []

    await carried_out(definition, machine(folder))

    assert {about.user for _, about in Witness.heard} == {"ada"}


async def test_what_a_policy_refuses_on_a_worker_fails_as_on_one_machine(folder: Path) -> None:
    definition = submitted(folder)
    Witness.refused = Stage.MODEL

    result = await carried_out(definition, machine(folder))

    assert result["status"] == "failed"
    failure = result["tasks"][0]["failure"]
    assert (failure["code"], failure["message"]) == ("NIKA-066", "not today")
    assert not [what for what, _ in Witness.heard if what.startswith("sending")]


def test_a_run_that_a_policy_refuses_is_not_submitted(folder: Path) -> None:
    Witness.refused = Stage.RUN

    with pytest.raises(nika.RefusedError, match="not today"):
        submitted(folder)


async def test_a_worker_without_a_policy_of_the_submission_does_none_of_its_work(folder: Path) -> None:
    definition = submitted(folder)
    without = nika.Workspace.open(folder, environ={**machine(folder).environ})

    events: list[Any] = []
    result = await carried_out(definition, without, events=events)

    failure = result["tasks"][0]["failure"]
    assert failure["code"] == "NIKA-066"
    assert "the limit policy 'witness', which this worker does not have" in failure["message"]
    assert any("not told of the run's end" in str(event["data"].get("message")) for event in events)


async def test_a_call_that_was_lost_with_its_worker_is_told_by_the_next_attempt(folder: Path) -> None:
    definition, states = submitted(folder), []
    kernel = Kernel(machine(folder))
    [work] = [each for each in kernel.driver(definition, lambda: 1.0).start() if isinstance(each, StartWork)]
    lost = kernel.runner(definition)
    await lost.run(work.work, keep=states.append)
    await lost.close()
    sent = next(state for state in states if any("unknown" in str(value) for *_, value in state["memo"]))
    Witness.heard = []

    again = Kernel(machine(folder)).runner(definition)
    end = await again.run(work.work, attempt=2, state=json.loads(json.dumps(sent)))
    await again.close()

    [told] = [about for what, about in Witness.heard if what == "settle model"]
    assert (told.recovered, told.exact) == (True, False)
    assert told.cost_usd > 0
    assert [value["settled"] for *_, value in end.report["memo"]] == [True]  # a third one does not tell it again


@pytest.mark.parametrize("where", ["the run's", "the worker's"])
async def test_a_budget_for_a_day_holds_whether_the_run_or_the_worker_has_it(folder: Path, where: str) -> None:
    budget = {"NIKA_MAX_COST_DAY": "0.11"}  # a call may cost a tenth of a dollar
    definition = submitted(folder, **(budget if where == "the run's" else {}))

    result = await carried_out(definition, machine(folder, **(budget if where == "the worker's" else {})))

    states = [task["state"] for task in result["tasks"]]
    assert states == ["success", "failed"]
    assert "NIKA_MAX_COST_DAY" in result["tasks"][1]["failure"]["message"]
    assert Decimal(str(result["usage"]["costUsd"])) <= Decimal("0.11")
