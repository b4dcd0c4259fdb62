"""Runs that are recorded, and runs that replay a recording: what is kept, what is called, and what is refused."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import nika_core as nika
from nika_core import codes
from nika_core.api.running import open_resumed
from nika_core.app.recording.recording import Recording, recorded_entry
from nika_core.errors import UsageError
from nika_core.model.message import ToolCall
from nika_core.model.usage import Usage
from nika_core.plugin import Keyword, StepContext, fields, hookimpl
from nika_core.testing import ScriptedModel, echo, model_reply, scripted
from nika_core.testing.scripted import script_in_environ

SECRET = "s3cr3t-value-of-a-key"


class Stamp:
    """A step of a third party, with an effect that a test can count, and a secret that it learns only when it runs."""

    calls: list[Any] = []

    async def run(self, payload: Any, context: StepContext) -> Any:
        self.calls.append(payload["text"])
        context.secret("learned-while-it-ran")
        return {"stamped": payload["text"], "by": "learned-while-it-ran"}


class _Hooks:
    NIKA_API = 1

    @hookimpl
    def nika_task_keywords(self) -> list[Keyword]:
        return [
            Keyword(
                name="stamp",
                summary="Stamps a text.",
                primary="text",
                payload=fields.Map({"text": fields.Anything()}),
                step=f"{__name__}:Stamp",
            )
        ]


@pytest.fixture
def stamps() -> list[Any]:

    Stamp.calls.clear()
    return Stamp.calls


def write(folder: Path, text: str, name: str = "flow") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.nika.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return path


def run(path: Path, environ: Mapping[str, str] | None = None, **options: Any) -> nika.RunResult:
    found = {"PATH": os.environ["PATH"], **(environ or {})}
    options.setdefault("journal", False)
    return nika.run(path, environ=found, plugins=[_Hooks(), echo, scripted], **options)


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def task(result: nika.RunResult, id_: str) -> nika.TaskResult:
    return next(each for each in result.tasks if each.id == id_)


TWO = """
    inputs: {name: {type: string, default: Ada}}
    tasks:
      - {id: mark, stamp: "${input.name}"}
      - {id: say, set: "{{mark.stamped}}!"}
"""


def test_a_replay_gives_what_a_third_party_s_keyword_gave_and_calls_it_no_more(tmp_path: Path, stamps: list[Any]):
    path = write(tmp_path, TWO)
    first = run(path, record=tmp_path / "rec")
    assert (first.output, stamps) == ("Ada!", ["Ada"])
    again = run(path, recording=tmp_path / "rec")
    assert (again.output, stamps) == ("Ada!", ["Ada"])
    assert not (tmp_path / ".nika").exists()


def test_no_secret_is_in_a_recording_not_even_one_that_is_learned_later(tmp_path: Path, stamps: list[Any]):
    path = write(tmp_path, 'tasks:\n  - {id: one, stamp: "${env.API_KEY}"}\n  - {id: two, stamp: "{{one.by}}"}\n')
    run(path, {"API_KEY": SECRET}, record=tmp_path / "rec")
    whole = "\n".join(contents(tmp_path / "rec").values())
    assert SECRET not in whole
    assert "learned-while-it-ran" not in whole
    other = run(path, {"API_KEY": "another-value-of-it"}, recording=tmp_path / "rec")
    assert other.succeeded
    assert len(stamps) == 2


def test_a_secret_that_is_a_word_of_nika_s_formats_damages_neither_the_history_nor_the_recording(tmp_path: Path):
    words = ["arguments", "assistant", "category", "content", "definition", "execution", "inputTokens", "keyword"]
    words += ["message", "messages", "models", "output", "payload", "provider", "stopReason"]
    secrets = {f"SERVICE_{number}_PASSWORD": word for number, word in enumerate(words)}
    path = write(
        tmp_path,
        """
        agent: {provider: mock, model: mock}
        tasks:
          - {id: bad, shell: exit 3, onError: {value: gone}}
          - {id: talk, agent: "{{bad}}"}
          - {id: hide, set: {key: "output, message"}}
        """,
    )
    result = run(path, secrets, record=tmp_path / "rec", journal=tmp_path / "history")
    assert result.succeeded
    assert [task.id for task in nika.runs.get(result.run_id, folder=tmp_path / "history").tasks] == [
        "bad",
        "talk",
        "hide",
    ]
    replayed = run(path, secrets, recording=tmp_path / "rec")
    assert task(replayed, "talk").output == "mock: gone"
    assert all("output, message" not in text for text in contents(tmp_path / "rec").values())


def test_a_recording_is_the_same_whenever_and_wherever_it_is_made(tmp_path: Path, stamps: list[Any]):
    text = 'tasks:\n  - {id: it, shell: "echo $PWD ${run.id} ${run.folder}"}\n  - {id: on, stamp: "{{it}}"}\n'
    found = []
    for name in ("here", "there"):
        run(write(tmp_path / name, text), record=tmp_path / name / "rec")
        found.append(contents(tmp_path / name / "rec"))
    assert found[0] == found[1]
    (tmp_path / "third").mkdir()
    (tmp_path / "here" / "rec").rename(tmp_path / "third" / "rec")
    result = run(write(tmp_path / "third", text), recording=tmp_path / "third" / "rec")
    assert str(task(result, "it").output).startswith(f"{tmp_path}/third {result.run_id} ")


def test_what_was_not_recorded_fails_and_shows_the_nearest_with_the_difference(tmp_path: Path, stamps: list[Any]):
    path = write(tmp_path, TWO)
    for name in ("Ada", "Grace Hopper"):
        run(path, record=tmp_path / "rec", inputs={"name": name})
    result = run(path, recording=tmp_path / "rec", inputs={"name": "Grace Hoper"})
    failure = task(result, "mark").failure
    assert failure is not None
    assert failure.code == codes.NOT_RECORDED
    assert "-    text: Grace Hopper\n+    text: Grace Hoper" in failure.message
    assert "nika test --update" in str(failure.hint)
    assert stamps == ["Ada", "Grace Hopper"]


def test_the_nearest_is_found_by_characters_and_not_by_lines(tmp_path: Path):
    texts = ["a red fish in the sea", "one tall tree on a hill", "the moon over a lake"]
    entries = [
        recorded_entry(asked(f"{text}, and {'x' * 200}", task=f"t{number}"), [{}], computed=False)
        for number, text in enumerate(texts)
    ]
    recording = Recording(tmp_path, "flow", entries)
    for number, changed in enumerate(("a red dish in the seas", "one tall tree on the hill", "the moon over lakes")):
        near = recording.nearest(asked(f"{changed}, and {'x' * 200}", task="other"))
        assert near is not None
        assert near.request["task"] == f"t{number}"


def test_the_nearest_of_many_is_looked_for_with_a_bound(tmp_path: Path):
    """What is compared in all is bounded: eight times as many requests do not take eight times eight times as long."""

    def seconds(count: int) -> float:
        texts = (f"{number} {'abcdefghij' * 500}" for number in range(count))
        entries = [recorded_entry(asked(text), [{}], computed=False) for text in texts]
        recording = Recording(tmp_path, "flow", entries)
        began = time.process_time()
        near = recording.nearest(asked("7 " + "abcdefghij" * 500 + "!"))
        assert near is not None
        return time.process_time() - began

    few, many = min(seconds(20) for _ in range(3)), min(seconds(160) for _ in range(2))
    assert many < 32 * few


def asked(text: str, task: str = "it") -> dict[str, Any]:
    return {"task": task, "keyword": "stamp", "given": {"payload": {"text": text}}}


def test_what_a_list_asks_and_is_not_recorded_is_said_once_with_a_count(tmp_path: Path, stamps: list[Any]):
    path = write(tmp_path, "tasks:\n  - {id: all, forEach: [a, b, c], stamp: 'v1 ${each.item}', onError: continue}\n")
    run(path, record=tmp_path / "rec")
    changed = write(tmp_path, path.read_text().replace("v1", "v2"))
    prepared = nika.prepare(changed, recording=tmp_path / "rec", plugins=[_Hooks()])
    execution = nika.start(prepared, journal=False)
    result = nika.run_to_end(execution.run())
    (message,) = execution.not_recorded
    assert message.startswith("`all[0]` and 2 more of the same task ask for what the recording in")
    assert "-    text: v1 a\n+    text: v2 a" in message
    failures = [child.failure for child in result.tasks[0].children]
    assert all(failure is not None and failure.code == codes.NOT_RECORDED for failure in failures)


def test_a_resumed_run_records_what_runs_and_says_what_is_missing(tmp_path: Path, stamps: list[Any]):
    path = write(tmp_path, "tasks:\n  - {id: first, shell: echo 1}\n  - {id: then, shell: 'echo {{first}}; exit 1'}\n")
    rec = tmp_path / "rec"
    first = nika.run(path)
    path.write_text(path.read_text().replace("exit 1", "exit 0"))
    half = resume(first.run_id, tmp_path, rec)
    assert [name.partition(".")[0] for name in sorted(contents(rec))] == ["recording", "then"]
    (warning,) = half.warnings
    assert "has nothing of first: reused, not run" in warning
    assert resume(first.run_id, tmp_path, rec, rerun_from="first").warnings == []
    assert run(path, recording=rec).output == "1"
    assert resume(first.run_id, tmp_path, rec).warnings == []  # the folder has what is reused


def resume(run_id: str, folder: Path, record: Path, rerun_from: str | None = None) -> nika.Execution:
    resumed = open_resumed(run_id, folder=folder, record=record, rerun_from=rerun_from)
    execution = nika.start(nika.prepare(resumed.path, resumed=resumed))
    assert nika.run_to_end(execution.run()).succeeded
    return execution


def test_models_and_tools_are_replayed_with_their_events_and_their_cost(tmp_path: Path):
    path = write(
        tmp_path,
        """
        agent: {provider: scripted, model: scripted, allowedTools: [shell]}
        tasks: [{id: look, agent: "Look around"}]
        """,
    )
    usage = Usage(input_tokens=11, output_tokens=7, calls=1)
    call = ToolCall("c1", "shell", {"command": "echo found > made; echo found"})
    model = ScriptedModel(model_reply("", call, usage=usage), model_reply("done", usage=usage))
    seen: list[tuple[Any, ...]] = []

    def see(event: nika.Event) -> None:
        if event.kind in ("model.called", "tool.called"):
            seen.append((event.kind, event.data.get("tool"), event.data.get("usage")))

    with script_in_environ(model) as environ:
        first = run(path, environ, record=tmp_path / "rec", on_event=see)
    assert first.output == "done"
    (tmp_path / "made").unlink()
    recorded, seen[:] = list(seen), []
    again = run(path, recording=tmp_path / "rec", on_event=see)
    assert (again.output, again.usage, seen) == ("done", first.usage, recorded)
    assert [kind for kind, *_ in seen] == ["model.called", "tool.called", "model.called"]
    assert not (tmp_path / "made").exists()


def test_attempts_that_failed_fail_again_and_the_replay_waits_for_none_of_them(tmp_path: Path):
    path = write(
        tmp_path,
        """
        tasks:
          - {id: it, shell: "test -e mark && echo there || { touch mark; exit 3; }", retry: {max: 2, backoff: 50ms}}
        """,
    )
    first = run(path, record=tmp_path / "rec")
    (tmp_path / "mark").unlink()
    again = run(path, recording=tmp_path / "rec")
    assert [(task(each, "it").attempts, each.output) for each in (first, again)] == [(2, "there")] * 2
    assert not (tmp_path / "mark").exists()


def test_a_time_out_and_a_failure_are_replayed_as_what_they_were(tmp_path: Path):
    path = write(
        tmp_path,
        """
        tasks:
          - {id: slow, shell: "sleep 60", timeout: 200ms}
          - {id: bad, shell: "echo partly; exit 7"}
        """,
    )
    first = run(path, record=tmp_path / "rec")
    again = run(path, recording=tmp_path / "rec")
    for id_ in ("slow", "bad"):
        assert task(again, id_).failure == task(first, id_).failure
        assert task(again, id_).output == task(first, id_).output


LOOP = """
    tasks:
      - id: poll
        shell: "echo x >> log; wc -l < log"
        repeat: {until: "{{poll}} >= %d", max: 9, every: %s}
"""


def test_rounds_that_ask_the_same_are_given_what_each_gave_at_once_and_not_one_more(tmp_path: Path):
    first = run(write(tmp_path, LOOP % (3, "1ms")), record=tmp_path / "rec")
    assert str(first.output).strip() == "3"
    (tmp_path / "log").unlink()
    assert run(write(tmp_path, LOOP % (3, "1h")), recording=tmp_path / "rec").output == first.output
    more = run(write(tmp_path, LOOP % (4, "1h")), recording=tmp_path / "rec")
    assert "asked 3 times" in str(task(more, "poll").failure)
    assert not (tmp_path / "log").exists()


def test_outputs_stand_in_for_tasks_and_the_others_play_their_parts(tmp_path: Path, stamps: list[Any]):
    path = write(tmp_path, TWO)
    assert run(path, outputs={"mark": {"stamped": "given"}}).output == "given!"
    run(path, record=tmp_path / "rec")
    assert run(path, recording=tmp_path / "rec", outputs={"mark": {"stamped": "given"}}).output == "given!"
    assert stamps == ["Ada"]
    with pytest.raises(UsageError, match="the outputs: the workflow has no task 'mrk'") as refused:
        run(path, outputs={"mrk": 1})
    assert refused.value.hint == "did you mean 'mark'?"


def test_a_person_is_asked_in_no_replay(tmp_path: Path):
    path = write(tmp_path, 'tasks:\n  - {id: ok, ask: "Go on?"}\n  - {id: say, set: "went on", when: "{{ok}}"}\n')
    run(path, record=tmp_path / "rec", mock=True, answers={"ok": "yes"})
    assert run(path, recording=tmp_path / "rec").output == "went on"
    assert task(run(path, recording=tmp_path / "rec", answers={"ok": "no"}), "say").state == "skipped"
    empty = run(path, outputs={})
    assert "there is no answer for it" in str(task(empty, "ok").failure)


def test_a_mocked_run_replaces_nothing_of_a_recording(tmp_path: Path):
    path = write(tmp_path, "tasks:\n  - {id: a, shell: echo real}\n")
    run(path, record=tmp_path / "rec")
    with pytest.raises(UsageError, match="a mocked run would replace values") as refused:
        run(path, record=tmp_path / "rec", mock=True)
    assert refused.value.hint == "name a new folder, or leave out --mock"
    assert run(path, recording=tmp_path / "rec").task("a").output == "real"


def test_the_decisions_of_a_main_agent_are_replayed(tmp_path: Path):
    path = write(
        tmp_path,
        """
        agent: {provider: scripted, model: scripted, mode: agentic}
        tasks:
          - {id: bad, shell: "exit 3"}
          - {id: after, set: "on", when: "${state.bad} != 'success'"}
        """,
    )
    decision = model_reply("", ToolCall("d", "skip_task", {"reason": "not needed"}))
    with script_in_environ(ScriptedModel(decision)) as environ:
        first = run(path, environ, record=tmp_path / "rec")
    again = run(path, recording=tmp_path / "rec")
    assert [each.state for each in again.tasks] == [each.state for each in first.tasks]
    assert [name for name in contents(tmp_path / "rec") if ".model." in name]
    assert again.usage == first.usage


def test_what_nothing_asks_for_is_named(tmp_path: Path, stamps: list[Any]):
    path = write(tmp_path, TWO)
    for name in ("Ada", "Bob"):
        run(path, record=tmp_path / "rec", inputs={"name": name})
    recording = nika.Recording.open(tmp_path / "rec")
    run(path, recording=recording)
    (stale,) = recording.unused
    assert "Bob" in stale.read_text()


def test_a_recording_that_is_not_this_workflow_s_or_cannot_be_read_is_refused(tmp_path: Path, stamps: list[Any]):
    path = write(tmp_path, TWO)
    run(path, record=tmp_path / "rec")
    with pytest.raises(UsageError, match="is of the workflow 'flow', and this is 'other'"):
        run(write(tmp_path, TWO, "other"), recording=tmp_path / "rec")
    with pytest.raises(UsageError, match="is of the workflow 'flow', and this is 'other'"):
        run(tmp_path / "other.nika.yaml", record=tmp_path / "rec")
    with pytest.raises(UsageError, match="there is no recording in"):
        run(path, recording=tmp_path)
    with pytest.raises(UsageError, match="holds something other than a recording"):
        run(path, record=tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        run(path, record=path)
    with pytest.raises(UsageError, match="cannot record another one"):
        run(path, record=tmp_path / "new", recording=tmp_path / "rec")
    (file,) = (tmp_path / "rec").glob("mark.*")
    file.write_text("task: mark\nkeyword: [stamp\n")
    with pytest.raises(UsageError) as refused:
        run(path, recording=tmp_path / "rec")
    assert refused.value.code == codes.BAD_RECORDING
    assert str(refused.value.place).startswith(f"{file}:3:")
    file.write_text("task: mark\nkeyword: stamp\ngiven: {}\n")
    with pytest.raises(UsageError, match="`gave` is missing"):
        run(path, recording=tmp_path / "rec")
    assert stamps == ["Ada"]


@pytest.mark.parametrize(
    ("gave", "says"),
    [
        ("7", "`gave[0]` is not a mapping"),
        ("{}", "`gave[0].output` is missing"),
        ("{output: 2020-01-01}", "`gave[0].output` is a date, which is not JSON: put it in quotes"),
        ("{output: {1: a}}", "the key `1` in `gave[0].output` is not text"),
        ("{output: &a [1], usage: {models: *a}}", "is an alias"),
        ("{error: {message: gone, category: bad luck}}", "`gave[0].error.category` is none of timeout"),
        ("{output: a, usage: {inputTokens: -1}}", "`gave[0].usage.inputTokens` is not a whole number from 0 on"),
        ("{output: a, usage: {costUsd: 'NaN'}}", "`gave[0].usage.costUsd` is not an amount"),
        ("{output: a, calls: [{model: m}]}", "`gave[0].calls[0].gave` is missing"),
        (
            "{output: a, messages: [{role: user, content: [{type: odd}]}]}",
            "`gave[0].messages[0].content[0].type` is none of",
        ),
    ],
)
def test_a_file_of_a_recording_with_a_value_of_the_wrong_kind_is_refused_with_its_place(
    tmp_path: Path, gave: str, says: str
):
    (tmp_path / "recording.yaml").write_text("version: 1\nworkflow: flow\n")
    (tmp_path / "mark.yaml").write_text(f"task: mark\nkeyword: stamp\ngiven: {{}}\ngave: [{gave}]\n")
    with pytest.raises(UsageError) as refused:
        Recording.open(tmp_path)
    assert says in refused.value.message
    assert str(refused.value.place) == str(tmp_path / "mark.yaml")


def test_a_folder_with_a_name_that_no_folder_has_is_no_recording():
    with pytest.raises(UsageError, match="there is no recording in"):
        Recording.open("x" * 5000)


def test_a_link_in_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path, stamps: list[Any]):
    path = write(tmp_path, TWO)
    run(path, record=tmp_path / "rec")
    (file,) = (tmp_path / "rec").glob("mark.*")
    recorded = file.read_text()
    (tmp_path / "other").write_text("of somebody else")
    file.unlink()
    file.symlink_to(tmp_path / "other")
    run(path, record=tmp_path / "rec")
    assert file.read_text() == recorded
    assert (tmp_path / "other").read_text() == "of somebody else"
