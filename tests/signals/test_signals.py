"""Tasks that wait for something outside: through pauses, kills and deadlines, by real processes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nika_core.model.text import seconds_since_epoch

from .conftest import LiveRun, Project

Live = Callable[..., LiveRun]


def test_a_running_process_is_given_a_signal_by_another_one(project: Project, live: Live) -> None:
    project.write('- {id: ask, callback: {key: k, patience: 60}}\n- {id: after, shell: "echo {{ask.received.n}}"}')
    run = live()
    run.until("task.waiting", "ask")
    sent = project.nika("signal", "last", "ask", '{"n": 7}')
    assert sent.code == 0, sent.err
    assert "'ask' was given the signal; the run takes it within a second" in sent.err
    result = run.end()
    assert (result["status"], result["output"]) == ("succeeded", "7")
    received = next(event for event in run.events if event["event"] == "signal.received")
    assert (received["data"]["key"], received["data"]["payload"]) == ("k", {"n": 7})
    assert received["data"]["sender"]["by"].endswith(", nika signal")
    waiting = next(event for event in run.events if event["event"] == "task.waiting")
    assert received["at"] - waiting["at"] < 30  # it did not wait for its patience
    assert project.steps == ["ask", "ask"]


def test_a_run_that_only_waits_pauses_and_says_for_what_and_resume_goes_on_with_the_signal(project: Project) -> None:
    project.write("- {id: ask, callback: {key: k, message: Shall we?}}\n- {id: after, shell: 'echo {{ask.received}}'}")
    paused = project.nika("run", "w.nika.yaml", "--format", "json")
    assert (paused.code, paused.json["status"]) == (4, "paused")
    run = paused.json["runId"]
    assert paused.tasks["ask"] == {
        "id": "ask",
        "keyword": "callback",
        "state": "cancelled",
        "attempts": 0,
        "durationMs": 0,
        "waitsFor": {"message": "Shall we?"},
    }
    (listed,) = project.nika("runs", "list", "--format", "json").json["runs"]
    (waiting,) = listed["tasks"]
    assert (listed["status"], waiting["id"], waiting["waitsFor"]) == ("paused", "ask", {"message": "Shall we?"})
    assert f"{run}: ask waits for Shall we?, since 20" in project.nika("runs", "list").out
    shown = project.nika("runs", "show", "last", "--format", "json")
    assert (shown.tasks["ask"]["state"], shown.tasks["ask"]["waitingSince"]) == ("waiting", waiting["waitingSince"])
    assert "      waits for Shall we?, since 20" in project.nika("runs", "show", run).out

    again = project.nika("resume", run)
    assert again.code == 4
    assert "paused in" in again.err
    assert "1 waiting, 1 not started" in again.err
    assert f"  ask waits for Shall we?\n    to answer: nika signal {run} ask JSON\n" in again.err
    assert project.nika("runs", "show", run, "--format", "json").tasks["ask"]["waitingSince"] == waiting["waitingSince"]

    sent = project.nika("signal", run, "ask", '"yes"')
    assert (sent.code, sent.err) == (0, f"'ask' was given the signal; go on: nika resume {run}\n")
    done = project.nika("resume", run, "--format", "json")
    assert (done.code, done.json["output"]) == (0, "yes")
    assert "waitsFor" not in done.tasks["ask"]


@pytest.mark.parametrize("sent_before", [True, False], ids=["signalled while it ran", "signalled after it was killed"])
def test_a_run_that_is_killed_while_it_waits_goes_on_with_its_signal(
    project: Project, live: Live, sent_before: bool
) -> None:
    ask = "- {id: ask, callback: {key: k, patience: 60}}\n"
    project.write(f"{ask}- {{id: after, shell: 'echo {{{{ask.received}}}}; sleep 60'}}")
    run = live()
    run.until("task.waiting", "ask")
    if sent_before:
        assert project.nika("signal", "last", "ask", "1").code == 0
        run.until("task.started", "after")
    run.process.kill()
    run.process.wait()
    if not sent_before:
        assert project.nika("runs", "show", "last", "--format", "json").tasks["ask"]["state"] == "waiting"
        assert "go on: nika resume" in project.nika("signal", "last", "ask", "1").err
    project.write(f"{ask}- {{id: after, shell: 'echo {{{{ask.received}}}}'}}")
    done = project.nika("resume", "last", "--format", "json")
    assert (done.code, done.json["output"]) == (0, "1"), done.err


def test_a_signal_may_come_before_its_task_waits(project: Project, live: Live) -> None:
    project.write(
        "- {id: slow, shell: 'while [ ! -e go ]; do sleep 0.05; done'}\n- {id: ask, callback: {key: k}}\n"
        "flows: [{source: slow, target: ask}]\n"
    )
    run = live()
    run.until("task.started", "slow")
    assert project.nika("signal", "last", "ask", "[1, 2]").code == 0
    (project.folder / "go").touch()
    result = run.end()
    assert (result["status"], result["output"]) == ("succeeded", {"received": [1, 2]})


def test_a_deadline_passes_also_while_nothing_runs(project: Project) -> None:
    project.write("- {id: ask, callback: {key: k, seconds: 0.05}}")
    assert project.nika("run", "w.nika.yaml").code == 4
    late = project.nika("signal", "last", "ask")  # the process before has taken longer than that to end
    assert late.code == 2
    assert "'ask' waited until" in late.err
    failed = project.nika("resume", "last", "--format", "json")
    assert failed.code == 1
    assert failed.tasks["ask"]["error"]["category"] == "timeout"


def test_a_deadline_counts_from_when_the_task_first_waited(project: Project) -> None:
    project.write("- {id: ask, callback: {key: k, seconds: 3600}}")
    assert project.nika("run", "w.nika.yaml").code == 4
    deadlines = []
    for _ in range(2):
        run = project.nika("resume", "last", "--format", "jsonl")
        assert run.code == 4
        deadlines += [line for line in run.out.splitlines() if '"task.waiting"' in line]
    first, second = (line.partition('"deadline":')[2].partition("}")[0] for line in deadlines)
    assert first == second != ""


def test_at_the_deadline_a_default_takes_the_place_of_the_signal(project: Project) -> None:
    project.write("- {id: ask, callback: {key: k, seconds: 0.05, default: nobody}}")
    assert project.nika("run", "w.nika.yaml").code == 4
    done = project.nika("resume", "last", "--format", "json")
    assert (done.code, done.json["output"]) == (0, {"received": "nobody"})


def test_a_signal_in_time_counts_although_the_run_goes_on_only_after_the_deadline(project: Project) -> None:
    project.write("- {id: ask, callback: {key: k, seconds: 2}}")
    assert project.nika("run", "w.nika.yaml").code == 4
    assert project.nika("signal", "last", "ask", "1").code == 0
    shown = project.nika("runs", "show", "last", "--format", "json").tasks["ask"]
    (project.folder / "site").mkdir()
    (project.folder / "site" / "sitecustomize.py").write_text(
        f"import time\nreal = time.time\nlate = {seconds_since_epoch(shown['waitingSince'])} + 3600 - real()\n"
        "time.time = lambda: real() + late\n"
    )
    project.environ["PYTHONPATH"] += f":{project.folder / 'site'}"
    done = project.nika("resume", "last", "--format", "json")
    assert (done.code, done.json["output"]) == (0, {"received": 1}), done.err


def test_two_tasks_wait_at_once_and_take_no_place_meanwhile(project: Project, live: Live) -> None:
    project.write(
        "- {id: one, callback: {key: k, patience: 60}}\n- {id: two, callback: {key: k, patience: 60}}\n"
        "- {id: work, shell: 'echo done'}\n"
    )
    run = live("run", "w.nika.yaml", "--max-concurrent", "1")
    run.until("task.succeeded", "work")
    waiting = [event["task"] for event in run.events if event["event"] == "task.waiting"]
    assert waiting == ["one", "two"]
    assert project.nika("signal", "last", "two", "2").code == 0
    run.until("task.succeeded", "two")
    assert project.nika("signal", "last", "one", "1").code == 0
    tasks = {task["id"]: task["output"] for task in run.end()["tasks"]}
    assert tasks == {"one": {"received": 1}, "two": {"received": 2}, "work": "done"}


def test_a_task_that_is_done_again_waits_again(project: Project) -> None:
    project.write("- {id: ask, callback: k}")
    assert project.nika("run", "w.nika.yaml").code == 4
    assert project.nika("signal", "last", "ask", "1").code == 0
    assert project.nika("resume", "last").code == 0
    again = project.nika("resume", "last", "--from", "ask")
    assert again.code == 4, again.err + again.out
    assert project.nika("signal", "last", "ask", "2").code == 0  # not held against the first one
    assert project.nika("resume", "last", "--format", "json").json["output"] == {"received": 2}


def test_without_a_history_a_run_cannot_wait_for_what_nobody_can_send(project: Project) -> None:
    project.write("- {id: ask, callback: k}")
    done = project.nika("run", "w.nika.yaml", "--no-journal")
    assert done.code == 1
    assert "a run without history cannot be paused" in done.err
