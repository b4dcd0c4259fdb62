"""Numbers, times and variables that are templates: filled in before the run, checked again, shown by the plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Nika

Write = Callable[[str, str], Path]
WORKFLOW = """\
inputs: {n: {type: int, default: 2}, t: {default: 20s}}
timeout: "${input.t}"
agent: {model: mock-small, provider: mock, maxTokens: "${input.n}00", temperature: "${env.WARM ?? 1}"}
tasks:
- id: a
  shell: echo x
  timeout: "${input.t}"
  idleTimeout: "${input.n}m"
  retry: {max: "${input.n}", backoff: "${input.n}00ms"}
- id: each
  forEach: {items: [5, 6], max: "${input.n}", maxConcurrent: "${input.n}"}
  llm: {prompt: hi, maxTokens: "${each.item}0", temperature: "${env.WARM ?? 1}"}
- id: loop
  shell: echo x
  repeat: {until: "{{loop}} == 'x'", max: "${input.n}", every: "${input.n}s"}
"""


def test_the_plan_shows_them_filled_in(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", WORKFLOW)
    plan = nika("plan", "w.nika.yaml", "-i", "n=3", "--format", "json").json
    tasks = {task["id"]: task for task in plan["tasks"]}
    assert plan["settings"] == {"timeout": 20.0, "agent": {"maxTokens": 300, "temperature": 1.0}}
    assert tasks["a"]["settings"] == {"timeout": 20.0, "idleTimeout": 180.0, "retry": {"max": 3, "backoff": 0.3}}
    assert tasks["each"]["settings"] == {"forEach": {"max": 3, "maxConcurrent": 3}}
    assert tasks["each"]["payload"] == {"prompt": "hi", "maxTokens": "${each.item}0", "temperature": 1.0}
    assert (tasks["loop"]["settings"], tasks["loop"]["rounds"]) == (
        {"repeat": {"max": 3, "every": 3.0}},
        {"atMost": 3},
    )
    text = nika("plan", "w.nika.yaml", "-i", "n=3").out
    assert "      retry.backoff: 0.3s\n" in text
    assert "\ntimeout: 20s\nagent.maxTokens: 300\n" in text


def test_they_hold_in_the_run(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", WORKFLOW)
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.tasks["each"]["output"]) == (0, ["mock: hi", "mock: hi"])
    refused = nika("run", "w.nika.yaml", "-i", "n=1", "--format", "json")
    assert (refused.code, "the list has 2 items; at most 1 are allowed" in refused.err) == (3, True)


def test_values_that_do_not_fit_are_problems_with_their_places_and_nothing_runs(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", WORKFLOW)
    done = nika("run", "w.nika.yaml", "-i", "n=0", "-i", "t=soon")
    assert done.code == 2
    places = [line.split("w.nika.yaml:")[1] for line in done.err.splitlines() if "--> w.nika.yaml:" in line]
    assert places == ["2:10", "3:55", "7:12", "8:16", "9:16", "11:33", "11:62", "15:43"]
    assert "expected a whole number of at least 1, found `0` (from ${input.n})" in done.err
    assert "expected a duration such as `250ms`, `10s`, `5m`, `1h` or `7d`, found `soon` (from ${input.t})" in done.err


def test_a_keywords_own_rules_are_asked_again(nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("w.nika.yaml", WORKFLOW)
    monkeypatch.setenv("WARM", "3")
    done = nika("plan", "w.nika.yaml")
    assert done.code == 2
    assert "expected a number of at least 0 and of at most 2, found `3`" in done.err
    write("w.nika.yaml", WORKFLOW.replace(', temperature: "${env.WARM ?? 1}"}\ntasks', "}\ntasks"))
    done = nika("plan", "w.nika.yaml")
    assert "`temperature` is 3.0; it goes from 0 to 2" in done.err
    assert "w.nika.yaml:12:" in done.err


def test_the_value_of_a_secret_is_not_shown(nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("w.nika.yaml", "tasks:\n- {id: a, shell: x, timeout: '${env.MY_TOKEN}'}\n")
    monkeypatch.setenv("MY_TOKEN", "sesame-sesame")
    done = nika("plan", "w.nika.yaml")
    assert (done.code, "found `***`" in done.err, "sesame" in done.err) == (2, True, False)


def test_limits_hold_for_what_is_filled_in(nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("w.nika.yaml", WORKFLOW)
    monkeypatch.setenv("NIKA_MAX_ROUNDS", "4")
    done = nika("plan", "w.nika.yaml", "-i", "n=5")
    assert (done.code, "`max` is 5; at most 4 rounds are allowed" in done.err) == (3, True)
    assert "task 'a' asks for 5 attempts, and NIKA_MAX_RETRIES allows 3" in done.err


def test_an_item_may_be_in_the_payload_but_not_in_the_tasks_own_numbers(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", WORKFLOW.replace("  llm:", "  timeout: '${each.item}'\n  llm:"))
    done = nika("validate", "w.nika.yaml", "--format", "compact")
    assert (done.code, done.out.count("error")) == (2, 1)
    assert (
        "w.nika.yaml:12:13: error NIKA-050: ${each.item}: `timeout` cannot name what is only known in a run" in done.out
    )
