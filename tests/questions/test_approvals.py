"""Tool calls that a person approves: asked whole, bound to their arguments, made once, through pauses and kills."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nika_core.journal import Journal
from nika_core.model.events import EventKind
from nika_core.testing import run_workflow

from ..signals.conftest import LiveRun, Project

Live = Callable[..., LiveRun]
AGENT = "agent: {model: mock, provider: mock, allowedTools: [%s], askTools: [%s]}\n"
WAIT = "while [ ! -e go ]; do sleep 0.05; done"


def write(project: Project, tasks: str, script: list[Any], allowed: str = "shell", asked: str = "shell") -> None:
    (project.folder / "w.nika.yaml").write_text(AGENT % (allowed, asked) + f"tasks:\n{tasks}")
    (project.folder / "script.json").write_text(json.dumps(script))
    project.environ["NIKA_MOCK_SCRIPT"] = str(project.folder / "script.json")


def calls(*arguments: Any, turn: int = 0, tool: str = "shell", **when: Any) -> dict[str, Any]:
    """A reply of the model that asks for tools; it is given as often as it is asked for."""
    wanted = [{"name": tool, "arguments": each} for each in arguments]
    return {"when": {"turn": turn, **when}, "toolCalls": wanted, "times": None}


def says(text: str, turn: int = 1, **when: Any) -> dict[str, Any]:
    return {"when": {"turn": turn, **when}, "text": text, "times": None}


def command(line: str) -> dict[str, str]:
    return {"command": line}


def paused(project: Project, *arguments: str) -> Any:
    done = project.nika(*(arguments or ("run", "w.nika.yaml")), "--format", "json")
    assert done.code == 4, done.err + done.out
    return done.json


def lines(project: Project, name: str) -> list[str]:
    path = project.folder / name
    return path.read_text().splitlines() if path.exists() else []


def events(project: Project, kind: EventKind) -> list[Any]:
    with Journal.open(project.folder) as journal:
        return [event for event in journal.load("last").events if event.kind is kind]


def paid(project: Project) -> int:
    """How many replies of the model were not taken from the history."""
    return sum(not event.data.get("reused") for event in events(project, EventKind.MODEL_CALLED))


TASK = "  - {id: work, agent: do it}\n"


def test_a_call_is_asked_with_its_whole_arguments_and_made_after_a_yes(project: Project) -> None:
    project.environ["SHOP_TOKEN"] = "hunter2-hunter2"
    line = "echo \u202ehunter2-hunter2 \x1b[1m" + "x" * 5000 + " >> out"
    write(project, TASK, [calls(command(line)), says("made")])
    run = paused(project)
    (question,) = run["questions"]
    assert question["message"] == "May the model call the tool shell?"
    assert question["form"]["answer"]["enum"] == ["yes", "always", "no"]
    assert lines(project, "out") == []
    told = project.nika("answer")
    shown = told.out
    assert "x" * 5000 in shown
    assert "hunter2" not in shown + json.dumps(run)
    assert "\\u202e***" in shown
    assert "\x1b" not in shown
    assert f"nika answer {run['runId']} work yes (or always, no)" in shown
    done = project.nika("answer", "work", "yes", "--resume", "--format", "json")
    assert (done.code, done.json["output"]) == (0, "made")
    assert len(lines(project, "out")) == 1
    (called,) = events(project, EventKind.TOOL_CALLED)
    assert called.data["isError"] is False
    answered = project.nika("runs", "show", "--format", "json").tasks["work"]["answered"]
    assert answered["answer"] == {"answer": "yes"}


def test_a_refused_call_goes_back_to_the_model(project: Project) -> None:
    write(project, TASK, [calls(command("echo a >> out")), says("then not", contains="said no"), says("made")])
    paused(project)
    done = project.nika("answer", "work", "-i", "answer=no", "--resume", "--format", "json")
    assert (done.code, done.json["output"]) == (0, "then not")
    assert lines(project, "out") == []


def test_calls_of_one_reply_are_asked_at_once_while_the_others_are_made(project: Project) -> None:
    (project.folder / "tools.py").write_text(
        "def free(n: int) -> str:\n    open('free', 'a').write(f'{n}\\n')\n    return 'ok'\n"
    )
    reply = calls(command("echo a >> out"), command("echo b >> out"))
    reply["toolCalls"].insert(1, {"name": "tools_free", "arguments": {"n": 1}})
    write(project, TASK, [reply, says("end")], allowed='shell, "function::tools.py::free"')
    run = paused(project)
    assert list(run["questions"][0]["form"]) == ["call1", "call2"]
    assert lines(project, "free") == ["1"]
    refused = project.nika("answer", "work", "-i", "call1=yes")
    assert (refused.code, "`call2` is missing" in refused.err) == (2, True)
    done = project.nika("answer", "work", "-i", "call1=no", "-i", "call2=yes", "--resume", "--format", "json")
    assert (done.code, done.json["output"]) == (0, "end")
    assert (lines(project, "out"), lines(project, "free"), paid(project)) == (["b"], ["1"], 2)


def test_the_same_call_again_is_asked_again(project: Project) -> None:
    again = calls(command("echo a >> out"), turn=1)
    write(project, TASK, [calls(command("echo a >> out")), again, says("end", turn=2)])
    first = paused(project)["questions"][0]
    second = paused(project, "answer", "work", "yes", "--resume")["questions"][0]
    assert first["digest"] != second["digest"]
    assert lines(project, "out") == ["a"]
    done = project.nika("answer", "work", "no", "--resume", "--format", "json")
    assert (done.code, done.json["output"], lines(project, "out"), paid(project)) == (0, "end", ["a"], 3)


def test_always_holds_for_other_tasks_by_its_rule_and_after_resume(project: Project) -> None:
    tasks = (
        "  - {id: one, subagent: first}\n  - {id: two, subagent: second}\n"
        '  - {id: three, subagent: "third {{one}}"}\n  - {id: gate, ask: "{{three}}?"}\n'
        '  - {id: four, subagent: "fourth {{gate}}"}\n'
    )
    script = [calls(command(f"echo {word} >> out"), prompt=word) for word in ("first", "second", "third", "fourth")]
    write(project, tasks, [*script, says("end")])
    run = paused(project)
    assert [each["task"] for each in run["questions"]] == ["one", "two"]
    run = paused(project, "answer", "one", "always", "--resume")
    assert [each["task"] for each in run["questions"]] == ["gate"]
    assert sorted(lines(project, "out")) == ["first", "second", "third"]
    (granted,) = events(project, EventKind.TOOL_GRANTED)
    assert (granted.data["tool"], granted.data["rule"]) == ("shell", "shell")
    answers = {event.data["key"]: event.data for event in events(project, EventKind.SIGNAL_RECEIVED)}
    assert answers[granted.data["key"]]["payload"] == {"answer": "always"}
    done = project.nika("answer", "gate", "yes", "--resume", "--format", "json")
    assert done.code == 0
    assert sorted(lines(project, "out")) == ["first", "fourth", "second", "third"]


def test_what_a_caller_asks_about_is_asked_inside_and_by_each_item(project: Project) -> None:
    tasks = (
        "  - {id: list, forEach: [one, two], subagent: '${each.item}'}\n"
        "  - {id: outer, workflow: inner}\n"
        "workflows:\n  inner:\n    agent: {model: mock, provider: mock, allowedTools: [shell]}\n"
        "    tasks: [{id: work, agent: three}]\n"
    )
    script = [calls(command(f"echo {word} >> out"), prompt=word) for word in ("one", "two", "three")]
    write(project, tasks, [*script, says("end")])
    run = paused(project)
    assert [each["task"] for each in run["questions"]] == ["list[0]", "list[1]", "outer/work"]
    assert project.nika("answer", "outer/work", "no").code == 0
    assert project.nika("answer", "list.0", "no").code == 0
    done = project.nika("answer", "list.1", "always", "--resume", "--format", "json")
    assert (done.code, lines(project, "out"), paid(project)) == (0, ["two"], 6)


def test_without_a_history_a_run_that_needs_an_approval_fails_and_calls_nothing(project: Project) -> None:
    write(project, TASK, [calls(command("echo a >> out")), says("end")])
    done = project.nika("run", "w.nika.yaml", "--no-journal", "--format", "json")
    assert (done.code, done.json["status"], lines(project, "out")) == (1, "failed", [])


def test_always_is_for_one_tool_and_one_rule(project: Project) -> None:
    (project.folder / "tools.py").write_text(
        "def one() -> str:\n    return '1'\n\n\ndef two() -> str:\n    return '2'\n"
    )
    reply = calls({}, tool="tools_one")
    write(
        project,
        TASK,
        [reply, calls({}, turn=1, tool="tools_two"), says("end", turn=2)],
        allowed='"function::tools.py::*"',
        asked='"function::tools.py::*"',
    )
    paused(project)
    run = paused(project, "answer", "work", "always", "--resume")
    assert "function::tools.py::two" in run["questions"][0]["message"]


def test_two_equal_calls_of_one_reply_are_two_calls(project: Project) -> None:
    write(project, TASK, [calls(*[command("echo a >> out")] * 2), says("end")], asked='"*"')
    assert list(paused(project)["questions"][0]["form"]) == ["call1", "call2"]
    done = project.nika("answer", "work", "-i", "call1=no", "-i", "call2=yes", "--resume", "--format", "json")
    assert (done.code, lines(project, "out")) == (0, ["a"])


def test_a_no_to_one_call_counts_more_than_an_always_to_another(project: Project) -> None:
    write(project, TASK, [calls(command("echo a >> out"), command("echo b >> out")), says("end")])
    paused(project)
    answer = ("-i", "call1=always", "-i", "call2=no")
    done = project.nika("answer", "work", *answer, "--resume", "--format", "json")
    assert (done.code, lines(project, "out")) == (0, ["a"])


def test_a_changed_call_voids_the_old_answer(project: Project) -> None:
    script = [
        calls(command("echo old >> out"), prompt="old"),
        calls(command("echo new >> out"), prompt="new"),
        says("end"),
    ]
    write(project, "  - {id: work, agent: old}\n", script)
    first = paused(project)["questions"][0]
    assert project.nika("answer", "work", "yes").code == 0
    write(project, "  - {id: work, agent: new}\n", script)
    again = project.nika("resume", "last", "--format", "json")
    assert again.code == 4, again.err
    notices = [event.data["message"] for event in events(project, EventKind.NOTICE)]
    assert any("is void: its question has changed since" in notice for notice in notices)
    assert again.json["questions"][0]["digest"] != first["digest"]
    assert lines(project, "out") == []
    done = project.nika("answer", "work", "yes", "--resume", "--format", "json")
    assert (done.code, lines(project, "out")) == (0, ["new"])


def test_the_same_call_of_a_task_that_is_done_again_is_asked_again(project: Project) -> None:
    write(project, TASK, [calls(command("echo a >> out")), says("end")])
    paused(project)
    assert project.nika("answer", "work", "yes", "--resume").code == 0
    assert paused(project, "resume", "last", "--from", "work")["questions"]
    assert lines(project, "out") == ["a"]


@pytest.mark.parametrize("moment", ["asked", "answered", "before", "within", "after"])
def test_a_kill_at_any_moment_makes_no_call_twice_and_none_without_its_answer(
    project: Project, live: Live, moment: str
) -> None:
    within = f"; {WAIT}" if moment == "within" else ""
    slow = f"  - {{id: slow, shell: '{WAIT}'}}\n"
    write(project, TASK + slow, [calls(command(f"echo $NIKA_TASK_KEY >> out{within}")), says("end")])
    if moment == "after":  # the second reply of the model never comes before the kill
        script = [calls(command("echo $NIKA_TASK_KEY >> out")), {"when": {"turn": 1}, "hang": True}]
        (project.folder / "script.json").write_text(json.dumps(script))
    run = live()
    run.until("task.waiting", "work")
    assert lines(project, "out") == []
    if moment != "asked":
        assert project.nika("answer", "work", "yes").code == 0
    if moment == "before":
        run.until("signal.received", "work")
    elif moment == "within":
        while not lines(project, "out"):
            assert run.process.poll() is None
    elif moment == "after":
        run.until("tool.called", "work")
    run.process.kill()
    run.process.wait()
    before = lines(project, "out")
    (project.folder / "go").touch()
    if moment == "after":
        write(project, TASK + slow, [calls(command("echo $NIKA_TASK_KEY >> out")), says("end")])
    if moment == "asked":
        again = paused(project, "resume", "last")
        assert (len(again["questions"]), lines(project, "out")) == (1, [])
        assert project.nika("answer", "work", "yes").code == 0
    done = project.nika("resume", "last", "--format", "json")
    assert (done.code, done.tasks["work"]["output"]) == (0, "end"), done.err
    made = lines(project, "out")
    assert len(set(made)) == 1  # one idempotency key
    assert len(made) == (2 if moment == "within" else 1) or (moment == "before" and len(before) == 1)
    assert paid(project) == 2
    assert len(events(project, EventKind.SIGNAL_RECEIVED)) == 1


@pytest.mark.parametrize("more", [2, 3])
def test_a_loop_that_is_killed_again_and_again_makes_each_call_by_its_own_answer(
    project: Project, live: Live, more: int
) -> None:
    """Each process is killed once it has told some more events than the one before; in between, a call is approved."""
    turns, answered = 3, 0
    script = [calls(command(f"echo {turn} $NIKA_TASK_KEY >> out"), turn=turn) for turn in range(turns)]
    write(project, TASK, [*script, says("end", turn=turns)])
    for number in range(40 // more):
        run = live(*(("resume", "last") if number else ("run", "w.nika.yaml")))
        told = run.process.stdout
        assert told is not None
        ended = any(not told.readline() for _ in range(1 + more * number))
        run.process.kill()
        run.process.wait()
        made = {int(line.split()[0]) for line in lines(project, "out")}
        assert made <= set(range(answered)), "a call was made without its answer"
        questions = project.nika("answer", "--format", "json").json["questions"]
        if any("answered" not in each for each in questions):
            assert project.nika("answer", "work", "yes").code == 0
            answered += 1
        elif ended and answered == turns:
            break
    calls_made = [line.split() for line in lines(project, "out")]
    assert [turn for turn, _ in calls_made] == sorted(turn for turn, _ in calls_made)
    assert len({turn for turn, _ in calls_made}) == len({key for _, key in calls_made}) == turns  # a key for each call
    shown = project.nika("runs", "show", "--format", "json")
    assert (shown.json["status"], shown.tasks["work"]["output"]) == ("succeeded", "end")
    assert paid(project) <= turns + 1  # a kill may leave a reply without its event


def test_while_it_waits_it_takes_no_place(project: Project) -> None:
    write(project, TASK + "  - {id: other, shell: echo other}\n", [calls(command("echo a")), says("end")])
    done = project.nika("run", "w.nika.yaml", "--format", "json", "--max-concurrent", "1")
    assert (done.code, done.tasks["other"]["state"]) == (4, "success")


def test_a_wrong_word_is_refused_and_the_question_stays_open(project: Project) -> None:
    write(project, TASK, [calls(command("echo a >> out")), says("end")])
    run = paused(project)
    refused = project.nika("answer", "work", "-i", "answer=maybe")
    assert refused.code == 2
    assert "the question is still open" in refused.err
    signalled = project.nika("signal", run["runId"], "work", '{"answer": "yes"}')
    assert (signalled.code, "asks a question" in signalled.err) == (2, True)
    assert lines(project, "out") == []


def test_a_call_that_only_may_match_its_rule_is_asked_and_cannot_be_granted(project: Project) -> None:
    rule = "{tool: shell, argv: [git, push, '*']}"
    line = command("git push && echo a >> out")
    write(project, TASK, [calls(command("touch free")), calls(line, turn=1), says("end", turn=2)], asked=rule)
    run = paused(project)
    assert (project.folder / "free").exists()
    assert run["questions"][0]["form"]["answer"]["enum"] == ["yes", "no"]
    assert project.nika("answer", "work", "always").code == 2


def test_a_call_without_a_rule_that_allows_it_is_told_to_the_model(project: Project) -> None:
    rule = "{tool: shell, argv: [echo, '*']}"
    reply = calls(command("echo a > out"), command("touch out"), command("echo b"))
    write(project, TASK, [reply, says("end")], allowed=rule, asked="")
    done = project.nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    outcomes = {
        event.data["arguments"]["command"]: event.data["isError"] for event in events(project, EventKind.TOOL_CALLED)
    }
    assert outcomes == {"echo a > out": True, "touch out": True, "echo b": False}
    assert not (project.folder / "out").exists()


def test_a_path_rule_cannot_be_left_by_dots_links_or_absolute_paths(project: Project) -> None:
    (project.folder / "docs").mkdir()
    (project.folder / "docs" / "a.txt").write_text("a")
    (project.folder / "secret.txt").write_text("s")
    (project.folder / "docs" / "link").symlink_to(project.folder)
    (project.folder / "tools.py").write_text(
        "def read(path: str) -> str:\n    open('read', 'a').write(f'{path}\\n')\n    return open(path).read()\n"
    )
    absolute = str(project.folder / "docs" / "a.txt")
    paths = ["docs/a.txt", "docs/../secret.txt", "docs/link/secret.txt", absolute, "secret.txt", "./docs//a.txt"]
    reply = calls(*({"path": path} for path in paths), tool="tools_read")
    rule = '{tool: "function::tools.py::read", args: {path: "docs/**"}}'
    write(project, TASK, [reply, says("end")], allowed=rule, asked="")
    assert project.nika("run", "w.nika.yaml").code == 0
    assert sorted(lines(project, "read")) == ["./docs//a.txt", "docs/a.txt"]


@pytest.mark.parametrize("key", ["askTools", "disallowedTools"])
def test_an_argument_that_is_left_out_may_be_the_one_that_a_rule_is_about(project: Project, key: str) -> None:
    (project.folder / "tools.py").write_text(
        "def wipe(path: str = 'docs/a') -> str:\n    open(path, 'w')\n    return ''\n"
    )
    (project.folder / "docs").mkdir()
    write(project, TASK, [calls({}, tool="tools_wipe"), says("end")], '"function::tools.py::wipe"', "")
    rule = "{tool: function::tools.py::wipe, args: {path: docs/**}}"
    workflow = project.folder / "w.nika.yaml"
    workflow.write_text(workflow.read_text().replace("askTools: []", f"{key}: [{rule}]"))
    done = project.nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == (4 if key == "askTools" else 0), done.err
    assert not (project.folder / "docs" / "a").exists()


def test_denying_goes_before_asking(project: Project) -> None:
    write(project, TASK, [calls(command("rm -r x"), command("echo a; rm x")), says("end")])
    text = (project.folder / "w.nika.yaml").read_text()
    rule = 'disallowedTools: [{tool: shell, argv: [rm, "*"]}], askTools'
    (project.folder / "w.nika.yaml").write_text(text.replace("askTools", rule))
    done = project.nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.json["output"]) == (0, "end")
    assert all(event.data["isError"] for event in events(project, EventKind.TOOL_CALLED))


def test_the_answers_of_the_test_kit_are_for_tool_calls_too(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps([calls(command("echo a >> out")), says("refused", contains="said no"), says("made")]))
    text = AGENT % ("shell", "shell") + "tasks:\n" + TASK
    environ = {"PATH": "/usr/bin:/bin", "NIKA_MOCK_SCRIPT": str(script)}
    for answer, output in ((True, "made"), ("always", "made"), ("no", "refused")):
        outcome = run_workflow(text, folder=tmp_path, environ=environ, answers={"work": answer})
        assert outcome.task("work").output == output
    assert (tmp_path / "out").read_text() == "a\na\n"


def test_a_history_of_an_approval_has_no_secret(project: Project) -> None:
    project.environ["SHOP_TOKEN"] = "hunter2-hunter2"
    write(project, TASK, [calls(command("echo hunter2-hunter2 >> out")), says("end")])
    paused(project)
    project.nika("answer", "work", "yes")
    with sqlite3.connect(project.folder / ".nika" / "journal.db") as connection:
        kept = "\n".join(connection.iterdump())
    assert "hunter2" not in kept
