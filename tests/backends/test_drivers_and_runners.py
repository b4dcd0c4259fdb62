"""What the kernel does for a backend: drivers that can be made again, runners that keep promises on any machine."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.app.backend.kernel import Kernel
from nika_core.errors import UsageError
from nika_core.plugin import EndRun, SetTimer, StartWork, codes
from nika_core.testing import backend_checks

CACHE = "XDG_CACHE_HOME"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that belongs to no project."""
    (tmp_path / ".git").mkdir()
    return tmp_path


def definition_of(folder: Path, text: str, environ: Mapping[str, str] | None = None, **options: Any) -> Any:
    """Return the definition of a workflow's run, as it is after a journey as JSON."""
    path = folder / "w.nika.yaml"
    path.write_text(text)
    workspace = nika.Workspace.open(path, environ=None if environ is None else {**environ})
    prepared = nika.prepare(path, workspace=workspace, elsewhere=True, **options)
    return json.loads(json.dumps(nika.backends.submission(prepared).definition))


def kernel_of(folder: Path, environ: Mapping[str, str] | None = None) -> Kernel:
    """Return the kernel of a machine with a cache of its own."""
    import os

    return Kernel(nika.Workspace.open(folder, environ={**os.environ, **(environ or {}), CACHE: str(folder / "cache")}))


async def run_to_end(kernel: Kernel, definition: Any, *, made_again: bool) -> Any:
    """Return a run's result: works one after the other, and a new driver from a snapshot before each, if wanted."""
    seconds = count(1000.0)

    def now() -> float:
        return next(seconds)

    driver, runner = kernel.driver(definition, now), kernel.runner(definition)
    actions = list(driver.start())
    while True:
        assert actions, "nothing is left to do, and the run has not ended"
        action = actions.pop(0)
        if isinstance(action, EndRun):
            await runner.close()
            return action.result
        if isinstance(action, StartWork):
            end = await runner.run(action.work)
            assert end.retry is None
            if made_again:
                snapshot = json.loads(json.dumps(driver.snapshot()))
                driver = kernel.driver(definition, now, snapshot)
                actions = [each for each in driver.resume() if getattr(each, "id", None) != action.id]
            actions += driver.ended(action.id, json.loads(json.dumps(end.report)))
            assert list(driver.ended(action.id, end.report)) == []  # a second report changes nothing
        elif isinstance(action, SetTimer):
            actions += driver.timer_fired(action.id)


def without_times(result: Any) -> Any:
    return backend_checks.comparable(nika.backends.result(result))


async def test_a_driver_from_a_snapshot_goes_on_like_the_one_that_lived(folder: Path) -> None:
    definition, kernel = definition_of(folder, backend_checks.EVERYTHING), kernel_of(folder)

    lived = await run_to_end(kernel, definition, made_again=False)
    again = await run_to_end(kernel, definition, made_again=True)

    assert without_times(again) == without_times(lived)
    assert lived["status"] == "succeeded"


async def first_end(folder: Path, definition: Any, environ: Mapping[str, str] | None = None, **more: Any) -> Any:
    """Return the report of a run's first work."""
    kernel = kernel_of(folder, environ)
    [work] = [action for action in kernel.driver(definition, lambda: 1.0).start() if isinstance(action, StartWork)]
    runner = kernel.runner(definition)
    end = await runner.run(work.work, **more)
    await runner.close()
    return end


async def test_a_worker_with_another_version_of_a_plugin_refuses_and_names_both(folder: Path) -> None:
    definition = definition_of(folder, "tasks:\n  - id: one\n    shell: echo 1\n")
    kernel = kernel_of(folder)
    [work] = [action for action in kernel.driver(definition, lambda: 1.0).start() if isinstance(action, StartWork)]
    planned = {**definition, "plugins": {"shell": ["nika-keyword-shell", "4.9.9"]}}

    end = await kernel.runner(planned).run(work.work)

    failure = end.report["event"]["outcome"]["failure"]
    assert failure["code"] == codes.PLUGIN_LOCK
    assert "nika-keyword-shell 4.9.9" in failure["message"]
    assert "this worker has nika-keyword-shell 5" in failure["message"]


async def test_a_worker_whose_files_lie_elsewhere_than_the_drivers_finds_them(folder: Path, tmp_path: Path) -> None:
    (folder / "say.py").write_text("def hello(): return __file__")
    definition = definition_of(folder, "tasks:\n  - id: one\n    function: {reference: say.py::hello}\n")
    there, here = tmp_path / "there", tmp_path / "here"
    driver = Kernel(nika.Workspace.open(folder, environ={CACHE: str(there)})).driver(definition, lambda: 1.0)
    [work] = [action for action in driver.start() if isinstance(action, StartWork)]
    runner = Kernel(nika.Workspace.open(folder, environ={CACHE: str(here)})).runner(definition)
    shutil.rmtree(there)

    end = await runner.run(json.loads(json.dumps(work.work)))
    await runner.close()

    assert end.report["event"]["outcome"]["output"].startswith(f"{here}/")


@pytest.mark.parametrize("inside", [True, False])
async def test_a_project_in_the_shared_folder_is_used_where_it_lies(folder: Path, inside: bool) -> None:
    shared = folder if inside else folder / "other"
    shared.mkdir(exist_ok=True)
    (folder / "beside.txt").write_text("no task names this file")
    path = folder / "w.nika.yaml"
    path.write_text("tasks:\n  - id: one\n    shell: cat beside.txt || echo not there\n")
    prepared = nika.prepare(path, elsewhere=True)
    definition = json.loads(json.dumps(nika.backends.submission(prepared, shared=shared).definition))

    end = await first_end(folder, definition)

    assert end.report["event"]["outcome"]["output"] == ("no task names this file" if inside else "not there")


async def test_an_output_that_is_too_large_to_travel_fails_its_task(folder: Path) -> None:
    definition = definition_of(folder, "tasks:\n  - id: one\n    shell: head -c 5000 /dev/zero | tr '\\0' x\n")

    end = await first_end(folder, definition, max_bytes=3000)

    failure = end.report["event"]["outcome"]["failure"]
    assert failure["code"] == codes.SIZE_LIMIT
    assert "--shared DIR" in failure["hint"]
    assert "xxxx" not in json.dumps(end.report)


async def test_the_secrets_of_a_worker_are_masked_before_anything_leaves_it(folder: Path) -> None:
    definition = definition_of(folder, "tasks:\n  - id: one\n    shell: echo the value is s3cret-of-the-worker\n")

    end = await first_end(folder, definition, {"ACME_TOKEN": "s3cret-of-the-worker"})

    assert end.report["event"]["outcome"]["output"] == "the value is ***"
    assert "s3cret" not in json.dumps(end.report)
    assert any("has a secret in it" in event["data"].get("message", "") for event in end.report["events"])


async def test_an_attempt_that_fails_for_a_moment_leaves_the_next_one_to_the_backend(folder: Path) -> None:
    text = "tasks:\n  - id: one\n    shell: exit 3\n    retry: {max: 2, backoff: 100ms}\n"
    definition, states = definition_of(folder, text), []

    first = await first_end(folder, definition, keep=states.append)
    last = await first_end(folder, definition, attempt=2, state=json.loads(json.dumps(first.state)))

    assert first.retry is not None
    assert states[0]["attempt"] == 1
    assert not states[0]["closed"]  # if the worker dies now, the next attempt knows
    assert last.retry is None
    assert last.report["event"]["outcome"]["attempts"] == 2
    assert [each["is"] for each in last.report["before"]] == ["AttemptFailed", "AttemptStarted"]


async def test_an_attempt_after_one_that_was_lost_says_so(folder: Path) -> None:
    definition = definition_of(folder, "tasks:\n  - id: one\n    shell: echo 1\n")

    end = await first_end(folder, definition, attempt=2)

    assert end.report["event"]["outcome"]["output"] == "1"
    assert end.report["before"][0]["failure"]["message"] == "the worker was lost"


async def test_cancelling_an_attempt_ends_its_processes_and_is_reported(folder: Path) -> None:
    child = folder / "child"
    text = f"tasks:\n  - id: one\n    shell: 'echo $$ > {child}; sleep 600'\n    timeout: 20m\n"
    work = asyncio.ensure_future(first_end(folder, definition_of(folder, text)))
    async with asyncio.timeout(30):
        while not (child.exists() and child.read_text().strip()):
            await asyncio.sleep(0.01)
    pid = int(child.read_text())

    work.cancel()
    end = await work

    assert end.report["event"]["outcome"]["failure"]["code"] == codes.CANCELLED
    assert not Path(f"/proc/{pid}").exists()


def test_a_secret_input_does_not_travel(folder: Path) -> None:
    text = "inputs: {key: {type: string}}\ntasks:\n  - id: one\n    shell: {argv: [echo, '${input.key}']}\n"

    with pytest.raises(UsageError, match="a secret would travel"):
        definition_of(folder, text, {"ACME_TOKEN": "s3cret-value", "PATH": "/bin"}, inputs={"key": "s3cret-value"})


def test_only_variables_that_the_files_name_travel(folder: Path) -> None:
    text = "tasks:\n  - id: one\n    shell: {argv: [echo, '${env.GREETING}']}\n"
    environ = {"GREETING": "hello", "OTHER": "x", "PATH": "/bin", "NIKA_MAX_TASKS": "5", "NIKA_LOG": "json"}

    definition = definition_of(folder, text, environ)

    assert definition["environ"] == {"GREETING": "hello", "NIKA_MAX_TASKS": "5", "NIKA_TRUST": "0"}


@pytest.mark.parametrize("made_again", [False, True])
async def test_a_batch_that_is_not_done_is_asked_for_again_by_one_work_for_all(
    folder: Path, *, made_again: bool
) -> None:
    script = folder / "script.json"
    reply = {"text": "fine", "usage": {"inputTokens": 10, "outputTokens": 5}, "times": 2}
    script.write_text(json.dumps({"replies": [reply], "batch": {"polls": 4}}))
    text = "agent: {model: mock, maxTokens: 50}\ntasks:\n  - {id: a, llm: one}\n  - {id: b, llm: two}\n"
    definition = definition_of(folder, text, {"NIKA_MOCK_SCRIPT": str(script)}, economy=True)

    result = await run_to_end(kernel_of(folder), definition, made_again=made_again)

    assert [task["output"] for task in result["tasks"]] == ["fine", "fine"]
    assert nika.to_json(nika.backends.result(result))["usage"]["totalTokens"] == 30


@pytest.mark.parametrize("made_again", [False, True])
async def test_a_run_that_has_waited_for_its_batch_for_long_does_nothing_but_wait(
    folder: Path, *, made_again: bool
) -> None:
    script = folder / "script.json"
    script.write_text(json.dumps({"replies": [{"text": "fine"}], "batch": {"polls": 9}}))
    environ = {"NIKA_MOCK_SCRIPT": str(script), "NIKA_BATCH_WAIT": "100s"}
    text = "agent: {model: mock, maxTokens: 50}\ntasks:\n  - {id: a, llm: one}\n"
    definition, time = definition_of(folder, text, environ, economy=True), [1000.0]
    kernel = kernel_of(folder)
    driver, runner = kernel.driver(definition, lambda: time[0]), kernel.runner(definition)
    [work] = driver.start()
    assert isinstance(work, StartWork)
    driver.ended(work.id, (await runner.run(work.work)).report)
    await runner.close()
    if made_again:
        driver = kernel.driver(definition, lambda: time[0], json.loads(json.dumps(driver.snapshot())))
        driver.resume()

    time[0] = 1099.0
    before = driver.view(0)
    time[0] = 1100.0
    after = driver.view(0)

    assert (before["idle"], after["idle"]) == (False, True)
    [waits] = after["waiting"]
    assert (waits["task"], waits["about"]) == ("a", {"kind": "batch", "provider": "mock"})
    result = nika.backends.paused("r", "w", after["waiting"])
    assert (result.status, result.task("a").waits_for) == (nika.RunStatus.PAUSED, waits["about"])


async def test_what_a_batch_may_take_stays_out_of_the_budget_until_it_is_done(folder: Path) -> None:
    script = folder / "script.json"
    script.write_text(json.dumps({"replies": [{"text": "fine", "times": 2}], "batch": {"polls": 1}}))
    text = "agent: {model: mock, maxTokens: 50, maxBudgetUsd: 1}\ntasks:\n  - {id: a, llm: one}\n"
    (folder / "nika.yaml").write_text("prices: {mock: {inputPerMillion: 1000, outputPerMillion: 2000}}\n")
    definition = definition_of(folder, text, {"NIKA_MOCK_SCRIPT": str(script), "NIKA_TRUST": "1"}, economy=True)
    kernel = kernel_of(folder)
    driver, runner = kernel.driver(definition, lambda: 1000.0), kernel.runner(definition)
    [first] = driver.start()
    assert isinstance(first, StartWork)

    sent = await runner.run(first.work)
    [pause] = driver.ended(first.id, sent.report)
    assert isinstance(pause, SetTimer)
    [again] = driver.timer_fired(pause.id)
    assert isinstance(again, StartWork)
    done = await runner.run(again.work)
    [end] = driver.ended(again.id, done.report)
    await runner.close()

    held = {name: Decimal(sent.report["held"][name]) for name in ("usd", "tokens")}
    assert held["usd"] > Decimal("0.05")  # half the price of 50 tokens, and the prompt
    assert Decimal(again.work["allowance"]["usd"]) == held["usd"]
    assert "held" not in done.report  # nothing any more
    assert isinstance(end, EndRun)
    assert end.result["status"] == "succeeded"


async def test_a_slow_machine_drives_a_run_that_was_checked_in_time(folder: Path) -> None:
    definition = definition_of(folder, "tasks: [{id: one, set: 1}]\n")
    definition["environ"]["NIKA_VALIDATE_TIMEOUT"] = "0.000001"

    result = await run_to_end(kernel_of(folder), definition, made_again=False)

    assert result["status"] == "succeeded"
