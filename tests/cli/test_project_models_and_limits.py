"""`models` and `limits` of the project file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Nika

Write = Callable[[str, str], Path]
MODELS = """\
inputs: {m: {default: small}}
agent: {model: small, provider: mock}
tasks:
- {id: a, llm: one}
- {id: b, llm: {prompt: "two {{a}}", model: large}}
- {id: c, llm: {prompt: "three {{b}}", model: "${input.m}"}}
"""


def models_of(done: object) -> dict[str, str]:
    import json

    events = [json.loads(line) for line in done.out.splitlines()]  # type: ignore[attr-defined]  # what `nika` returns
    return {each["task"]: each["data"]["model"] for each in events if each["event"] == "model.called"}


def test_names_stand_for_models_wherever_a_model_is_named(nika: Nika, write: Write) -> None:
    write("nika.yaml", "models: {small: cheap, cheap: mock-small, large: mock-large}\n")
    write("w.nika.yaml", MODELS)
    plan = nika("plan", "w.nika.yaml", "--format", "json").json
    shown = [(task["payload"].get("model"), task["effects"][0]["target"]) for task in plan["tasks"]]
    assert shown == [(None, "mock-small"), ("mock-large", "mock-large"), ("mock-small", "${input.m}")]
    assert models_of(nika("run", "w.nika.yaml", "--format", "jsonl")) == {
        "a": "mock-small",
        "b": "mock-large",
        "c": "mock-small",
    }
    given = nika("run", "w.nika.yaml", "-m", "large", "-i", "m=large", "--format", "jsonl")
    assert set(models_of(given).values()) == {"mock-large"}


def test_the_projects_own_model_may_be_such_a_name(nika: Nika, write: Write) -> None:
    write("nika.yaml", "model: small\nprovider: mock\nmodels: {small: mock-small}\n")
    write("w.nika.yaml", "tasks:\n- {id: a, llm: one}\n")
    assert models_of(nika("run", "w.nika.yaml", "--format", "jsonl")) == {"a": "mock-small"}


def test_a_name_that_stands_for_another_model_does_its_tasks_again(nika: Nika, write: Write) -> None:
    write("nika.yaml", "models: {small: mock-small, large: mock-small}\n")
    write("w.nika.yaml", MODELS.replace('"two {{a}}"', "two").replace('"three {{b}}"', "three"))
    assert nika("run", "w.nika.yaml").code == 0
    write("nika.yaml", "models: {small: mock-small, large: mock-large}\n")
    done = nika("resume", "last", "--format", "json")
    assert {name: task["reused"] for name, task in done.tasks.items()} == {"a": True, "b": False, "c": True}


@pytest.mark.parametrize(
    ("models", "problem"),
    [
        ("{small: large, large: small}", "nika.yaml:1:17: error NIKA-096: `small` stands for itself: small -> large"),
        ("{me: me}", "nika.yaml:1:14: error NIKA-096: `me` stands for itself: me -> me"),
        ("{mock-small: x}", "nika.yaml:1:22: error[NIKA-096]: `mock-small` is a model's own name: the provider 'mock'"),
        ("{small: [x]}", "nika.yaml:1:17: error NIKA-096: expected"),
        ("[small]", "nika.yaml:1:9: error NIKA-096: expected a mapping"),
    ],
)
def test_bad_names_are_errors_with_their_places(nika: Nika, write: Write, models: str, problem: str) -> None:
    write("nika.yaml", f"models: {models}\n")
    write("w.nika.yaml", "tasks:\n- {id: a, shell: x}\n")
    done = nika("validate", "w.nika.yaml", "--format", "compact")
    assert done.code == 2
    said = (done.out + done.err).replace("error[NIKA-096]", "error NIKA-096")
    assert problem.replace("error[NIKA-096]", "error NIKA-096") in said


def test_an_unknown_model_behind_a_name_is_an_error_and_so_is_an_unknown_name(nika: Nika, write: Write) -> None:
    write("nika.yaml", "models: {small: nix-model}\n")
    write("w.nika.yaml", "agent: {model: small}\ntasks:\n- {id: a, llm: x}\n- {id: b, llm: {prompt: x, model: smal}}\n")
    done = nika("plan", "w.nika.yaml")
    assert (done.code, "nika.yaml:1:17" in done.err, "w.nika.yaml:4:35" in done.err) == (2, True, True)
    assert "claims the model 'nix-model', which `small` stands for (task 'a')" in done.err
    assert "claims the model 'smal' (task 'b')" in done.err
    assert "did you mean `small`?" in done.err


def test_the_problem_of_one_model_names_the_tasks_that_use_it(nika: Nika, write: Write) -> None:
    tasks = "".join(f"- {{id: t{n}, llm: x}}\n" for n in range(7))
    write("w.nika.yaml", f"agent: {{model: nix}}\ntasks:\n{tasks}")
    done = nika("plan", "w.nika.yaml")
    assert "claims the model 'nix' (tasks 't0', 't1', 't2', 't3', 't4' and 2 more)" in done.err


def test_more_tokens_than_a_task_may_use_are_a_problem_before_the_run(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_MAX_TOKENS_TASK", "300")
    write(
        "w.nika.yaml",
        "inputs: {n: {type: int, default: 10}}\nagent: {model: mock-small, provider: mock, maxTokens: 350}\n"
        "tasks:\n- {id: a, llm: x}\n- {id: b, llm: {prompt: x, maxTokens: 400}}\n"
        "- {id: c, llm: {prompt: x, maxTokens: '${input.n}'}}\n",
    )
    done = nika("validate", "w.nika.yaml", "--format", "compact")
    assert done.code == 3
    said = "`maxTokens` is {}; NIKA_MAX_TOKENS_TASK allows a task 300 tokens (task '{}')"
    assert f"w.nika.yaml:2:55: error NIKA-064: {said.format(350, 'a')}" in done.out
    assert f"w.nika.yaml:5:39: error NIKA-064: {said.format(400, 'b')}" in done.out
    run = nika("run", "w.nika.yaml", "-i", "n=450")
    assert (run.code, said.format(450, "c") in run.err) == (3, True)


def test_limits_of_the_project_stand_in_for_defaults_and_variables_win(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("nika.yaml", "limits:\n  maxConcurrent: 3\n  shellTimeout: 2s\n  maxOutput: 10KB\n  maxTasks: 1000\n")

    def limits() -> dict[str, tuple[float, str]]:
        return {
            each["name"]: (each["value"], each["origin"]) for each in nika("limits", "--format", "json").json["limits"]
        }

    found = limits()
    assert found["NIKA_MAX_CONCURRENT"] == (3, "nika.yaml:2")
    assert found["NIKA_SHELL_TIMEOUT"] == (2, "nika.yaml:3")
    assert found["NIKA_MAX_OUTPUT"] == (10240, "nika.yaml:4")
    assert found["NIKA_MAX_TASKS"] == (1000, "nika.yaml:5")
    assert found["NIKA_MAX_FILES"] == (100, "default")
    monkeypatch.setenv("NIKA_MAX_CONCURRENT", "20")
    assert limits()["NIKA_MAX_CONCURRENT"] == (20, "environment")


def test_they_hold(nika: Nika, write: Write) -> None:
    write("nika.yaml", "limits: {shellTimeout: 200ms, maxTasks: 1}\n")
    write("w.nika.yaml", "tasks:\n- {id: a, shell: sleep 9}\n")
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.tasks["a"]["error"]["category"]) == (1, "timeout")
    write("w.nika.yaml", "tasks:\n- {id: a, shell: x}\n- {id: b, shell: x}\n")
    assert nika("run", "w.nika.yaml").code == 3


@pytest.mark.parametrize(
    ("limits", "problems"),
    [
        (
            "{maxTasks: many, maxFiles: 0}",
            [
                "1:20: error[NIKA-096]: `maxTasks` is 'many': expected a whole number",
                "1:36: error[NIKA-096]: `maxFiles` is '0': expected a whole number, at least 1",
            ],
        ),
        ("{maxTask: 3}", ["1:19: error[NIKA-004]: unknown limit `maxTask`"]),
        ("{NIKA_MAX_TASKS: 3}", ["1:26: error[NIKA-004]: unknown limit `NIKA_MAX_TASKS`"]),
        ("{maxTasks: [3]}", ["1:20: error"]),
    ],
)
def test_bad_limits_are_errors_with_their_places(
    nika: Nika, write: Write, folder: Path, limits: str, problems: list[str]
) -> None:
    write("nika.yaml", f"limits: {limits}\n")
    write("w.nika.yaml", "tasks:\n- {id: a, shell: x}\n")
    done = nika("plan", "w.nika.yaml")
    assert done.code == 2
    for problem in problems:
        assert f"{folder}/nika.yaml:{problem}" in done.err
    assert nika("validate", "w.nika.yaml").code == 2


@pytest.mark.parametrize(
    ("limits", "variable", "default", "raised"),
    [
        ("{maxConcurrent: 30}", "NIKA_MAX_CONCURRENT", "10", "30"),
        ("{shellTimeout: 2h}", "NIKA_SHELL_TIMEOUT", "30s", "7200s"),
    ],
)
def test_a_limit_above_its_default_counts_once_the_file_is_trusted(
    nika: Nika, write: Write, limits: str, variable: str, default: str, raised: str
) -> None:
    write("nika.yaml", f"limits: {limits}\n")
    write("w.nika.yaml", "tasks:\n- {id: a, shell: echo x}\n")

    def value() -> str:
        return next(line.split()[1] for line in nika("limits").out.splitlines() if line.startswith(variable))

    assert value() == default
    assert "warning[NIKA-105]: `limits." in nika("validate").out
    assert nika("trust").code == 0
    assert value() == raised
    assert "NIKA-105" not in nika("validate").out


def test_asking_for_more_at_once_than_the_limit_is_a_warning(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "tasks:\n- {id: a, shell: echo x}\n")
    done = nika("run", "w.nika.yaml", "--max-concurrent", "11")
    assert done.code == 0
    assert "--max-concurrent is 11, and NIKA_MAX_CONCURRENT allows 10" in done.err
    assert "--max-concurrent" not in nika("run", "w.nika.yaml", "--max-concurrent", "10").err
