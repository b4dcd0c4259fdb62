"""Limits hold on a backend as on one machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.testing.backend_checks import BackendRuns, without_times

pytestmark = pytest.mark.beside
DEEP = '{"a": {"b": {"c": {"d": 1}}}}'
LIST = "tasks:\n  - {id: list, shell: 'echo [1, 2, 3]', output: {format: json}}\n"
MODEL = f"""
agent: {{provider: mock, model: mock, maxTokens: 50}}
tasks:
  - {{id: one, llm: say}}
  - {{id: two, llm: {"word " * 30}}}
flows: [{{source: one, target: two}}]
"""
PRICES = "prices: {mock: {inputPerMillion: 1000, outputPerMillion: 2000}}\n"
CLEANUP = """
timeout: 1s
tasks:
  - {id: work, shell: sleep 600}
  - {id: remove, always: true, shell: sleep 600}
flows: [{source: work, target: remove}]
"""
NESTED = """
workflows:
  outer: {tasks: [{id: call, workflow: inner}]}
  inner: {tasks: [{id: one, set: 1}]}
tasks: [{id: call, workflow: outer}]
"""
TWO = """
tasks: [{id: one, set: 1}, {id: two, set: 2}, {id: last, set: 3}]
flows: [{source: one, target: two}, {source: two, target: last}]
"""


@pytest.mark.parametrize(
    ("name", "value", "text", "said"),
    [
        ("NIKA_MAX_OUTPUT", "200", "tasks:\n  - {id: one, shell: 'printf %0500d 1'}\n", "TRUNCATED"),
        ("NIKA_MAX_ERROR", "100", "tasks:\n  - {id: one, shell: 'printf %0500d 1 >&2; exit 3'}\n", "TRUNCATED"),
        ("NIKA_SHELL_TIMEOUT", "500ms", "tasks:\n  - {id: one, shell: sleep 600}\n", "timeout"),
        ("NIKA_MAX_JSON", "3", f"tasks:\n  - {{id: one, shell: 'echo ''{DEEP}'''}}\n", ""),
        ("NIKA_MAX_ITEMS", "2", f"{LIST}  - {{id: many, forEach: '{{{{list}}}}', shell: echo 1}}\n", "failed"),
        ("NIKA_MAX_NODES", "2", f"{LIST}  - {{id: many, forEach: '{{{{list}}}}', shell: echo 1}}\n", "failed"),
        ("NIKA_MAX_TOKENS_TASK", "60", MODEL, "budget"),
        ("NIKA_MAX_TOKENS_TOTAL", "60", MODEL, "budget"),
        ("NIKA_MAX_COST", "0.05", MODEL, "budget"),
        ("NIKA_MAX_SHELL", "200", "tasks:\n  - {id: one, shell: 'printf %0500d 1'}\n", "TRUNCATED"),
        ("NIKA_RETRY_DELAY", "1ms", "tasks:\n  - {id: one, shell: exit 3, retry: {max: 3}}\n", "'attempts': 3"),
        (
            "NIKA_MAX_RETRIES",
            "2",
            "tasks:\n  - {id: one, shell: exit 3, retry: {max: 3, backoff: 1ms}}\n",
            "'attempts': 2",
        ),
    ],
)
def test_a_limit_holds_as_on_one_machine(
    server: Any, worker: Any, folder: Path, name: str, value: str, text: str, said: str
) -> None:
    path = folder / "w.nika.yaml"
    path.write_text(text)
    (folder / "nika.yaml").write_text(PRICES)
    workspace = nika.Workspace.open(path, environ={**os.environ, "NIKA_TRUST": "1", name: value})
    prepared = nika.prepare(path, workspace=workspace, elsewhere=True)

    there, _ = BackendRuns(server.url, folder).run_prepared(prepared)
    here = nika.run(path, workspace=workspace)

    assert without_times(nika.to_json(there)) == without_times(nika.to_json(here))
    assert said in str(nika.to_json(there))


def test_a_budget_for_the_day_holds_for_the_calls_of_a_worker(server: Any, worker: Any, folder: Path) -> None:
    (folder / "nika.yaml").write_text(PRICES)
    path = folder / "w.nika.yaml"
    path.write_text(MODEL)
    budget = {"NIKA_MAX_COST_DAY": "0.11", "NIKA_SPEND_DATABASE": str(folder / "spend.db"), "NIKA_TRUST": "1"}
    workspace = nika.Workspace.open(path, environ={**os.environ, **budget})

    result, _ = BackendRuns(server.url, folder).run_prepared(nika.prepare(path, workspace=workspace, elsewhere=True))

    assert (result.task("one").state, result.task("two").state) == ("success", "failed")
    assert "NIKA_MAX_COST_DAY" in result.task("two").failure.message


def test_a_provider_that_fails_is_no_longer_called_by_a_worker(server: Any, worker: Any, folder: Path) -> None:
    script = folder / "script.json"
    script.write_text('{"replies": [{"error": {"category": "provider", "message": "down"}, "times": 9}]}')
    path = folder / "w.nika.yaml"
    tasks = "\n".join(f"  - {{id: t{number}, llm: say, onError: continue, retry: {{max: 1}}}}" for number in range(3))
    flows = "flows: [{source: t0, target: t1}, {source: t1, target: t2}]"
    path.write_text(f"agent: {{provider: mock, model: mock, maxTokens: 50}}\ntasks:\n{tasks}\n{flows}\n")
    environ = {"NIKA_MOCK_SCRIPT": str(script), "NIKA_BREAKER_FAILURES": "2", "NIKA_BREAKER_COOLDOWN": "1h"}
    workspace = nika.Workspace.open(path, environ={**os.environ, **environ})

    result, _ = BackendRuns(server.url, folder).run_prepared(nika.prepare(path, workspace=workspace, elsewhere=True))

    codes = [result.task(f"t{number}").failure.code for number in range(3)]
    assert codes == ["NIKA-083", "NIKA-083", "NIKA-086"]


def test_a_provider_is_called_again_after_the_cooldown_and_trusted_after_successes(
    server: Any, worker: Any, folder: Path
) -> None:
    script = folder / "script.json"
    down = '{"error": {"category": "provider", "message": "down"}}'
    script.write_text(f'[{down}, {down}, {{"text": "back"}}]')
    path = folder / "w.nika.yaml"
    path.write_text("agent: {provider: mock, model: mock, maxTokens: 50}\ntasks: [{id: one, llm: say}]\n")
    breaker = {"NIKA_BREAKER_FAILURES": "2", "NIKA_BREAKER_COOLDOWN": "0", "NIKA_BREAKER_SUCCESSES": "1"}
    environ = {"NIKA_MOCK_SCRIPT": str(script), "NIKA_RETRY_DELAY": "1ms", **breaker}
    workspace = nika.Workspace.open(path, environ={**os.environ, **environ})

    _, events = BackendRuns(server.url, folder).run_prepared(nika.prepare(path, workspace=workspace, elsewhere=True))

    changes = [event["data"]["state"] for event in events if event["kind"] == "breaker.changed"]
    assert changes == ["open", "halfOpen", "closed"]  # the first one in an attempt that failed


def test_cleanup_after_a_stop_is_ended_when_its_time_is_over(server: Any, worker: Any, folder: Path) -> None:
    path = folder / "w.nika.yaml"
    path.write_text(CLEANUP)
    workspace = nika.Workspace.open(path, environ={**os.environ, "NIKA_CLEANUP_TIMEOUT": "500ms"})

    result, _ = BackendRuns(server.url, folder).run_prepared(nika.prepare(path, workspace=workspace, elsewhere=True))

    assert result.status == "failed"  # by its timeout
    assert result.task("work").state == "cancelled"
    assert result.task("remove").state != "success"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("NIKA_MAX_YAML_SIZE", "20", TWO),
        ("NIKA_MAX_TASKS", "1", TWO),
        ("NIKA_MAX_FLOWS", "1", TWO),
        ("NIKA_MAX_ID_LEN", "2", TWO),
        ("NIKA_MAX_DEPTH", "1", "tasks: [{id: one, set: {a: {b: 1}}}, {id: two, set: '{{one.a.b}}'}]\n"),
        ("NIKA_MAX_RECURSION", "2", "tasks: [{id: one, set: {a: {b: {c: 1}}}}]\n"),
        ("NIKA_MAX_NESTING", "1", NESTED),
        ("NIKA_MAX_FILES", "1", "tasks: [{id: call, workflow: inner.nika.yaml}]\n"),
        ("NIKA_VALIDATE_TIMEOUT", "0.000001", TWO),
        ("NIKA_MAX_ROUNDS", "2", "tasks: [{id: one, shell: echo 1, repeat: {until: '{{one}} == 2', max: 9}}]\n"),
    ],
)
def test_a_limit_on_what_is_written_is_told_as_on_one_machine_before_anything_is_sent(
    nika: Any, folder: Path, name: str, value: str, text: str
) -> None:
    (folder / "w.nika.yaml").write_text(text)
    (folder / "inner.nika.yaml").write_text("tasks: [{id: one, set: 1}]\n")
    nobody = "temporal://127.0.0.1:1/default"

    here = nika("run", "w.nika.yaml", "--no-journal", folder=folder, environ={name: value})
    there = nika("run", "--on", nobody, "w.nika.yaml", folder=folder, environ={name: value})

    assert here.returncode != 0
    assert (there.returncode, there.stderr) == (here.returncode, here.stderr)
    assert "127.0.0.1" not in there.stderr


def test_no_more_run_at_once_than_max_concurrent_on_all_workers_together(
    server: Any, worker: Any, nika: Any, folder: Path
) -> None:
    log = folder / "log"
    text = "tasks:\n  - id: many\n    forEach: [1, 2, 3, 4, 5, 6]\n"
    text += f"    shell: 'echo + >> {log}; sleep 0.2; echo - >> {log}'\n"
    (folder / "w.nika.yaml").write_text(text)

    done = nika("run", "--on", server.url, "w.nika.yaml", "--max-concurrent", "2", folder=folder)

    assert done.returncode == 0, done.stderr
    signs = log.read_text().split()
    at_once = [signs[:end].count("+") - signs[:end].count("-") for end in range(len(signs))]
    assert len(signs) == 12
    assert max(at_once) == 2
