"""`nika.run` and its kin: what they return, raise and leave alone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core import codes
from nika_core.model.json import Json, JsonObject
from nika_core.plugin import Keyword, StepContext, hookimpl

HELLO = """
inputs:
  name: {type: string, default: Ada}
tasks:
  - id: hello
    shell: "echo Hello, ${input.name}"
"""
LONG = """
tasks:
  - {id: long, shell: "echo begun; sleep 60; touch ended"}
"""
FAILS = """
tasks:
  - {id: bad, shell: "exit 3"}
  - {id: after, shell: "echo {{bad}}"}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Shout:
    async def run(self, payload: JsonObject, context: StepContext) -> Json:
        return str(payload["text"]).upper()


class Plugin:
    """A hook object, as a notebook may make one."""

    def __init__(self, word: str = "shout") -> None:
        self._word = word

    @hookimpl
    def nika_task_keywords(self) -> Iterable[Keyword]:
        from strictyaml import Map, Str

        return [
            Keyword(
                name=self._word,
                summary="Says it louder.",
                primary="text",
                payload=Map({"text": Str()}),
                step=f"{__name__}:Shout",
                facets="nika_core.plugin:Facets",
            )
        ]


SHOUTS = "tasks:\n  - {id: a, shout: hello}\n"


# -- results


def test_a_run_returns_its_output_and_how_each_task_ended() -> None:
    result = nika.run(HELLO, inputs={"name": "Eve"})

    assert (result.status, result.succeeded, result.output) == (nika.RunStatus.SUCCEEDED, True, "Hello, Eve")
    assert (result.task("hello").state, result.task("hello").attempts) == ("success", 1)
    assert nika.to_json(result)["tasks"][0]["output"] == "Hello, Eve"
    with pytest.raises(LookupError):
        result.task("nobody")


def test_a_task_that_fails_is_part_of_the_result() -> None:
    result = nika.run(FAILS)

    failure = result.task("bad").error
    assert (result.status, result.succeeded) == (nika.RunStatus.FAILED, False)
    assert failure is not None
    assert (failure.code, failure.category) == (codes.EXECUTION_FAILED, nika.Category.EXECUTION)
    assert result.task("after").skip_reason is nika.SkipReason.UPSTREAM_FAILED


def test_what_is_invalid_raises_with_all_its_problems_and_runs_nothing(folder: Path) -> None:
    with pytest.raises(nika.ProblemsError) as caught:
        nika.run("tasks:\n  - {id: a, shel: x}\n  - {id: b, shell: 'touch it; echo {{c}}'}\n")
    assert len(caught.value.problems) == 2
    assert not (folder / "it").exists()


def test_what_may_not_start_is_refused_before_the_stream_is_used() -> None:
    text = "agent: {model: mock}\ntasks:\n  - {id: a, llm: 'a prompt of more than one token'}\n"
    environ = {**os.environ, "NIKA_MAX_TOKENS_TOTAL": "1"}
    with pytest.raises(nika.RefusedError):
        nika.stream(text, environ=environ)


@pytest.mark.parametrize("timeout", ["soon", "-1s"])
def test_a_malformed_timeout_is_a_mistake_in_the_call(timeout: str) -> None:
    with pytest.raises(nika.UsageError, match="timeout: "):
        nika.run(HELLO, timeout=timeout)


# -- the process stays as it was


@pytest.mark.parametrize(
    "option", [{"max_concurrent": 0}, {"max_concurrent": -1}, {"timeout": 0}, {"timeout": float("nan")}, {"key": 5}]
)
def test_a_value_with_which_no_run_could_go_on_is_a_mistake_in_the_call(option: Any) -> None:
    with pytest.raises(nika.UsageError, match=next(iter(option))):
        nika.run(HELLO, **option)


def test_a_misspelt_option_is_refused_and_nothing_runs(folder: Path) -> None:
    flow = "tasks:\n  - {id: a, shell: touch it}\n"
    misspelt: Any = {"recordng": "folder"}
    for call in (nika.run, nika.stream, nika.plan, nika.validate, nika.limits):
        with pytest.raises(TypeError, match="unknown option 'recordng'"):
            call(*(() if call is nika.limits else (flow,)), **misspelt)
    with pytest.raises(TypeError, match="did you mean 'record'"):
        nika.resume("last", **misspelt)
    assert not (folder / "it").exists()


def test_it_prints_nothing_and_leaves_the_process_alone(capfd: pytest.CaptureFixture[str]) -> None:
    numbers = [number for number in signal.Signals if number not in {signal.SIGKILL, signal.SIGSTOP}]
    before = {number: signal.getsignal(number) for number in numbers}
    environ = dict(os.environ)

    nika.run(FAILS)
    nika.validate("tasks: [\n")
    nika.plan(HELLO)

    assert {number: signal.getsignal(number) for number in numbers} == before
    assert dict(os.environ) == environ
    assert capfd.readouterr() == ("", "")


def test_no_signal_is_handled_while_it_runs() -> None:
    handlers: list[object] = []
    nika.run(HELLO, on_event=lambda _: handlers.append(signal.getsignal(signal.SIGINT)))
    assert set(handlers) == {signal.getsignal(signal.SIGINT)}


def test_it_runs_in_a_thread_that_is_not_the_main_one() -> None:
    outputs: list[Json] = []
    thread = threading.Thread(target=lambda: outputs.append(nika.run(HELLO).output))
    thread.start()
    thread.join(60)
    assert outputs == ["Hello, Ada"]


def test_the_environment_of_a_run_may_be_given() -> None:
    text = "tasks:\n  - {id: a, shell: 'echo ${env.WHO}'}\n"
    assert nika.run(text, environ={**os.environ, "WHO": "me"}).output == "me"
    assert "WHO" not in os.environ


# -- event loops


async def test_run_in_a_running_loop_names_arun() -> None:
    with pytest.raises(nika.UsageError) as caught:
        nika.run(HELLO)
    assert "arun" in str(caught.value.hint)


async def test_several_runs_share_a_loop() -> None:
    results = await asyncio.gather(*(nika.arun(HELLO, inputs={"name": str(number)}) for number in range(5)))
    assert [result.output for result in results] == [f"Hello, {number}" for number in range(5)]
    assert len({result.run_id for result in results}) == 5


async def test_a_stream_shows_the_events_in_order_and_then_has_the_result() -> None:
    stream = nika.stream(HELLO)
    with pytest.raises(nika.UsageError):
        _ = stream.result
    events = [event async for event in stream]

    assert (events[0].kind, events[-1].kind) == (nika.EventKind.RUN_STARTED, nika.EventKind.RUN_FINISHED)
    numbers = [event.seq for event in events if event.seq]
    assert numbers == sorted(numbers)
    assert stream.result.output == "Hello, Ada"


async def _begun(text: str = LONG) -> tuple[asyncio.Task[nika.RunResult], asyncio.Event]:
    loop, begun = asyncio.get_running_loop(), asyncio.Event()

    def show(event: nika.Event) -> None:
        if event.kind is nika.EventKind.CHUNK:
            loop.call_soon_threadsafe(begun.set)

    return asyncio.create_task(nika.arun(text, on_event=show, journal=True)), begun


async def test_cancelling_the_task_cancels_the_run_and_keeps_its_history(folder: Path) -> None:
    (folder / "w.nika.yaml").write_text(LONG)
    task, begun = await _begun("w.nika.yaml")
    async with asyncio.timeout(120):
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    (run,) = nika.runs.list()
    assert run.status == "cancelled"
    assert not (folder / "ended").exists()


async def test_a_timeout_around_it_cancels_it_too(folder: Path) -> None:
    task, begun = await _begun()
    await asyncio.wait_for(begun.wait(), 30)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(task, 0)
    assert task.cancelled()


@pytest.mark.parametrize("how", ["closed", "dropped"])
async def test_a_stream_that_is_left_early_cancels_its_run(folder: Path, how: str) -> None:
    (folder / "w.nika.yaml").write_text(LONG)
    stream = nika.stream("w.nika.yaml")
    async for event in stream:
        if event.kind is nika.EventKind.CHUNK:
            break
    if how == "closed":
        await stream.aclose()
    else:
        del stream
    async with asyncio.timeout(120):
        while (status := nika.runs.list()[0].status) in {"running", "interrupted"}:
            await asyncio.sleep(0)
    assert status == "cancelled"


def test_an_interrupt_from_the_keyboard_cancels_the_run_in_good_order(folder: Path) -> None:
    (folder / "w.nika.yaml").write_text(LONG)
    script = (
        "import nika_core as nika\n"
        "def show(event):\n"
        "    if event.kind == 'task.chunk': print('begun', flush=True)\n"
        "try:\n"
        "    nika.run('w.nika.yaml', on_event=show)\n"
        "except KeyboardInterrupt:\n"
        "    print(nika.runs.list()[0].status)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=folder)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert (out, process.returncode) == ("cancelled\n", 0)


# -- history


def test_the_history_of_a_file_is_kept_looked_at_resumed_and_removed(folder: Path) -> None:
    (folder / "w.nika.yaml").write_text("tasks:\n  - {id: a, shell: echo x >> done}\n  - {id: b, shell: '[ -e go ]'}\n")
    failed = nika.run("w.nika.yaml")
    (listed,) = nika.runs.list()
    shown = nika.runs.get(failed.run_id[:-1])

    assert (listed.run_id, listed.status, listed.tasks) == (failed.run_id, "failed", ())
    error = shown.task("b").error
    assert error is not None
    assert (shown.task("a").state, error.code) == ("success", codes.EXECUTION_FAILED)
    (folder / "go").touch()
    resumed = nika.resume(failed.run_id)
    assert (resumed.succeeded, resumed.task("a").reused) == (True, True)
    assert (folder / "done").read_text() == "x\n"
    assert all(task.reused for task in nika.resume(failed.run_id).tasks)
    assert (folder / "done").read_text() == "x\n"
    assert nika.resume(failed.run_id, rerun_from="a").succeeded
    assert (folder / "done").read_text() == "x\nx\n"
    assert nika.runs.remove(failed.run_id) == failed.run_id
    assert nika.runs.list() == ()


def test_a_text_keeps_no_history_unless_it_is_asked_for(folder: Path) -> None:
    nika.run(HELLO)
    assert nika.runs.list() == ()
    nika.run(HELLO, journal=folder / "kept")
    assert [run.status for run in nika.runs.list(folder=folder / "kept")] == ["succeeded"]


def test_a_file_keeps_none_if_it_is_told_so(folder: Path) -> None:
    (folder / "w.nika.yaml").write_text(HELLO)
    nika.run("w.nika.yaml", journal=False)
    assert not (folder / ".nika").exists()


# -- plugins as objects


def test_a_plugin_may_be_an_object() -> None:
    assert nika.run(SHOUTS, plugins=[Plugin()]).output == "HELLO"
    assert nika.validate(SHOUTS, plugins=[Plugin()]).valid
    assert not nika.validate(SHOUTS).valid  # nothing is left of it


def test_an_object_for_the_word_of_an_installed_plugin_is_refused() -> None:
    with pytest.raises(nika.UsageError, match="shell"):
        nika.run(SHOUTS, plugins=[Plugin("shell")])


def test_an_object_without_a_hook_is_refused() -> None:
    with pytest.raises(nika.UsageError, match="describes nothing") as caught:
        nika.run(SHOUTS, plugins=[object()])
    assert "nika_task_keywords" in str(caught.value.hint)


def test_an_object_whose_hook_fails_is_named() -> None:
    class Broken:
        def nika_task_keywords(self) -> list[Keyword]:
            raise ValueError("no words")

    with pytest.raises(nika.PluginError, match=r"Broken.* fails: ValueError: no words"):
        nika.run(SHOUTS, plugins=[Broken()])


# -- looked at without being run


def test_a_plan_says_what_a_run_would_do_and_runs_nothing(folder: Path) -> None:
    plan = nika.plan("tasks:\n  - {id: a, shell: touch it}\n  - {id: b, shell: 'echo {{a}}'}\n")

    assert [(task.id, task.wave, task.depends_on) for task in plan.tasks] == [("a", 1, ()), ("b", 2, ("a",))]
    assert (plan.tasks[0].payload, plan.refusals) == ({"command": "touch it"}, ())
    assert nika.to_json(plan)["tasks"][1]["dependsOn"] == ["a"]
    assert not (folder / "it").exists()


def test_validation_names_the_place_in_a_text() -> None:
    report = nika.validate("tasks:\n  - {id: a, shell: 'echo {{b}}'}\n")
    assert (report.valid, report.tasks) == (False, 1)
    assert str(report.problems[0].place).startswith("<text>:2:")


def test_a_relative_path_of_a_text_starts_from_its_folder(folder: Path) -> None:
    (folder / "inner").mkdir()
    nika.run("tasks:\n  - {id: a, shell: touch it}\n", folder=folder / "inner")
    assert (folder / "inner" / "it").exists()


async def test_limits_providers_plugins_schema_and_codes_can_be_asked_for() -> None:
    assert {limit.name for limit in nika.limits(environ={})} >= {"NIKA_MAX_CONCURRENT"}
    assert {provider.name for provider in nika.providers(environ={})} >= {"mock"}
    mock = next(provider for provider in await nika.check_providers(environ={}) if provider.name == "mock")
    assert mock.health is not None
    assert mock.health.ok
    assert {plugin.record.word for plugin in nika.plugins()} >= {"shell", "mock"}
    assert "tasks" in nika.schema()["properties"]
    assert nika.explain("50").code == "NIKA-050"
    with pytest.raises(nika.UsageError):
        nika.explain("NIKA-999")
