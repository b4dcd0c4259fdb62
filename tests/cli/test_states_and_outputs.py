"""How a run and its tasks ended: the same in every form in which it is printed, kept and returned."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nika_core

from .conftest import Nika

Write = Callable[[str, str], Path]


def test_a_run_that_failed_has_no_output_wherever_it_is_shown(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        agent: {model: mock, provider: mock, output: good}
        tasks:
          - {id: good, shell: "echo made"}
          - {id: bad, shell: "echo partly; exit 3"}
          - {id: after, shell: "echo {{bad}}"}
        """,
    )
    printed = nika("run", "w.nika.yaml", "--no-journal")
    assert (printed.code, printed.out) == (1, "")
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, "output" in done.json) == (1, False)
    assert {name: "output" in task for name, task in done.tasks.items()} == {"good": True, "bad": False, "after": False}
    run = done.json["runId"]
    resumed = nika("resume", run)
    assert (resumed.code, resumed.out) == (1, "")
    assert "output" not in nika("resume", run, "--format", "json").json
    last = nika("run", "w.nika.yaml", "--format", "jsonl").out.splitlines()[-1]
    assert "output" not in json.loads(last)["data"]
    shown = nika("runs", "show", run, "--format", "json")
    assert ("output" in shown.json, shown.json["status"]) == (False, "failed")
    assert {name: (task["state"], task.get("output")) for name, task in shown.tasks.items()} == {
        "good": ("success", "made"),
        "bad": ("failed", None),
        "after": ("skipped", None),
    }
    result = nika_core.run("w.nika.yaml", journal=False)
    assert (result.has_output, result.output, result.task("bad").output) == (False, None, None)
    recorded = nika_core.runs.get(run)
    assert (recorded.task("bad").state, recorded.task("bad").output) == ("failed", None)


def test_states_are_the_same_four_in_results_and_in_the_history(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        tasks:
          - {id: good, shell: "echo made"}
          - {id: bad, shell: "exit 3", onError: continue}
          - {id: left, shell: "echo {{bad}}"}
          - {id: long, shell: "echo {{good}}; sleep 60"}
          - {id: never, shell: "echo {{long}}"}
        """,
    )
    done = nika("run", "w.nika.yaml", "--timeout", "2s", "--format", "json")
    states = {name: (task["state"], task.get("skipReason")) for name, task in done.tasks.items()}
    assert states == {
        "good": ("success", None),
        "bad": ("failed", None),
        "left": ("skipped", "upstreamFailed"),
        "long": ("cancelled", None),
        "never": ("skipped", "runCancelled"),
    }
    run = done.json["runId"]
    shown = nika("runs", "show", run, "--format", "json").tasks
    assert {name: (task["state"], task.get("skipReason")) for name, task in shown.items()} == states
    pretty = nika("runs", "show", run).out
    assert "long  shell  cancelled" in pretty
    recorded = nika_core.runs.get(run)
    assert {task.id: (task.state, task.skip_reason) for task in recorded.tasks} == states
    again = nika("resume", run, "--timeout", "1s")
    assert "1 success (1 reused), 1 failed (bad), 1 cancelled, 1 skipped, 1 not started" in again.err
    assert again.err.count("the run took longer than 1 s") == 1


def test_a_warning_says_that_the_last_tasks_were_skipped_and_the_output_is_that_of_an_earlier_one(
    nika: Nika, write: Write
) -> None:
    tasks = (
        "tasks:\n  - {id: a, set: 1}\n  - {id: b, set: '{{a}}', when: '{{a}} == 2'}\n  - {id: c, set: '{{b}}'}\n"
        "  - {id: done, set: 3, always: true}\n"
    )
    write("w.nika.yaml", tasks)
    done = nika("run", "w.nika.yaml", "--no-journal")
    assert (done.out, "the output is that of 'a', since 'b', 'c' after it were skipped" in done.err) == ("1\n", True)
    write("w.nika.yaml", tasks + "outputs: '{{a}}'\n")
    assert "warning: the output" not in nika("run", "w.nika.yaml", "--no-journal").err
