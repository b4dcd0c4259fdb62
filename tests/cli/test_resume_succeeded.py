"""`nika resume` of a run that succeeded: what has changed since, and what depends on it, runs again; nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import nika_core
from nika_core import codes

from .conftest import Done, Nika

Write = Callable[[str, str], Path]

WORKFLOW = """\
inputs:
  name: {type: string, default: Ada}
tasks:
  - {id: draft, shell: "echo draft >> done; echo one"}
  - {id: count, function: {reference: "count.py::count", args: {text: "{{draft}}"}}}
  - {id: greet, shell: "echo greet >> done; echo Hello ${input.name}"}
  - {id: lint, shell: "echo lint >> done"}
  - {id: publish, shell: "echo publish >> done; echo {{count}}"}
flows:
  - {source: lint, target: publish}
"""
FUNCTION = """\
def count(text: str) -> int:
    with open("done", "a") as done:
        done.write("count\\n")
    return len(text)
"""
ALL = ["count", "draft", "greet", "lint", "publish"]


@pytest.fixture
def run(nika: Nika, write: Write, folder: Path) -> str:
    """A run that succeeded; what it noted is cleared."""
    write("nika.yaml", "main: w.nika.yaml\n")
    write("w.nika.yaml", WORKFLOW)
    write("count.py", FUNCTION)
    done = nika("run", "--format", "json")
    assert done.code == 0, done.err
    _ran(folder)
    return str(done.json["runId"])


def _ran(folder: Path) -> list[str]:
    """Return what ran since this was asked last."""
    notes = folder / "done"
    ran = sorted(notes.read_text().split()) if notes.exists() else []
    notes.unlink(missing_ok=True)
    return ran


def _reused(done: Done) -> list[str]:
    return sorted(name for name, task in done.tasks.items() if task["reused"])


def test_a_list_and_a_loop_count_as_reused_if_all_in_them_is(nika: Nika, write: Write) -> None:
    lists = (
        "  - {id: a, forEach: [1, 2], shell: date}\n  - {id: b, repeat: {until: '{{b}} != 1', max: 2}, shell: date}\n"
    )
    write("w.nika.yaml", f"tasks:\n{lists}")
    nika("run", "w.nika.yaml")
    again = nika("resume").err
    assert "2 success (2 reused)" in again
    assert "nothing has changed since the run succeeded, so no task ran" in again


def test_nothing_runs_if_nothing_has_changed_and_it_says_so(nika: Nika, run: str, folder: Path) -> None:
    done = nika("resume", run)
    assert (done.code, done.out) == (0, "3\n")
    assert "nothing has changed since the run succeeded, so no task ran" in done.err
    assert f"nika resume {run} --from TASK" in done.err
    assert _ran(folder) == []
    again = nika("resume", run, "--format", "json")
    assert (again.code, again.json["status"], _reused(again), _ran(folder)) == (0, "succeeded", ALL, [])
    assert nika("runs", "show", run, "--format", "json").json["status"] == "succeeded"
    assert nika("runs", "show", run).out.count("reused (its definition and what it is given are unchanged)") == len(ALL)


@pytest.mark.parametrize(
    ("old", "new", "runs"),
    [
        ("echo one", "echo three", ["count", "draft", "publish"]),
        # The same output: what depends on the task still does.
        ("echo one", "echo one # as before", ["count", "draft", "publish"]),
        # No data goes from `lint` to `publish`, but it depends on it.
        ("echo lint >> done", "echo lint >> done # stricter", ["lint", "publish"]),
        ("Hello", "Welcome", ["greet"]),
    ],
)
def test_an_edited_task_and_what_depends_on_it_run_again(
    nika: Nika, write: Write, run: str, folder: Path, old: str, new: str, runs: list[str]
) -> None:
    write("w.nika.yaml", WORKFLOW.replace(old, new))
    done = nika("resume", run, "--format", "json")
    assert done.code == 0, done.err
    assert _ran(folder) == runs
    assert _reused(done) == sorted(set(ALL) - set(runs))
    assert _ran(folder) == []
    assert "nothing has changed" in nika("resume", run).err
    assert _ran(folder) == []


def test_a_run_on_a_backend_is_not_recorded_which_the_error_says(nika: Nika, folder: Path) -> None:
    done = nika("resume", "some-run", "--on", "temporal://localhost:7233/default", "--record", "rec")
    assert (done.code, "--record is for runs in this process" in done.err) == (2, True)
    assert not (folder / "rec").exists()


def test_a_changed_file_of_a_task_runs_it_again(nika: Nika, write: Write, run: str, folder: Path) -> None:
    write("count.py", FUNCTION.replace("len(text)", "len(text) + 1"))
    done = nika("resume", run)
    assert (done.code, done.out, _ran(folder)) == (0, "4\n", ["count", "publish"])
    assert "nothing has changed" not in done.err


def test_a_changed_input_runs_what_reads_it_again(nika: Nika, run: str, folder: Path) -> None:
    done = nika("resume", run, "-i", "name=Eve", "--format", "json")
    assert (done.tasks["greet"]["output"], _ran(folder)) == ("Hello Eve", ["greet"])
    assert nika("resume", run, "-i", "name=Eve", "--format", "json").tasks["greet"]["reused"]


def test_a_task_that_is_added_runs_and_one_that_is_removed_is_gone(
    nika: Nika, write: Write, run: str, folder: Path
) -> None:
    write("w.nika.yaml", WORKFLOW.replace("id: greet", "id: hail").replace("echo greet", "echo hail"))
    done = nika("resume", run, "--format", "json")
    assert (_ran(folder), sorted(done.tasks)) == (["hail"], ["count", "draft", "hail", "lint", "publish"])


def test_a_failure_that_the_run_accepted_is_not_repeated(nika: Nika, write: Write, folder: Path) -> None:
    text = """\
    tasks:
      - {id: bad, shell: "echo bad >> done; exit 3", onError: continue}
      - {id: good, shell: "echo good >> done; echo fine"}
    """
    write("w.nika.yaml", text)
    first = nika("run", "w.nika.yaml", "--format", "json")
    assert (first.code, _ran(folder)) == (0, ["bad", "good"])
    again = nika("resume", first.json["runId"])
    assert (again.code, _ran(folder)) == (0, [])
    assert "bad   shell     not repeated: it had failed, and the run succeeded all the same" in again.err
    kept = nika("resume", first.json["runId"], "--format", "json")
    assert (kept.tasks["bad"]["state"], kept.tasks["bad"]["reused"]) == ("failed", True)
    assert kept.tasks["bad"]["error"] == first.tasks["bad"]["error"]
    write("w.nika.yaml", text.replace("exit 3", "exit 4"))
    edited = nika("resume", first.json["runId"], "--format", "json")
    assert (edited.code, _ran(folder)) == (0, ["bad"])
    assert edited.tasks["bad"]["error"]["message"] != first.tasks["bad"]["error"]["message"]


def test_a_failure_that_was_accepted_is_repeated_if_the_run_failed(nika: Nika, write: Write, folder: Path) -> None:
    write(
        "w.nika.yaml",
        """\
        tasks:
          - {id: bad, shell: "echo bad >> done; exit 3", onError: continue}
          - {id: worse, shell: "echo worse >> done; exit 4"}
        """,
    )
    first = nika("run", "w.nika.yaml", "--format", "json")
    assert (first.code, _ran(folder)) == (1, ["bad", "worse"])
    assert nika("resume", first.json["runId"]).code == 1
    assert _ran(folder) == ["bad", "worse"]


def test_the_python_face_does_the_same(run: str, write: Write, folder: Path) -> None:
    assert all(task.reused for task in nika_core.resume(run).tasks)
    write("w.nika.yaml", WORKFLOW.replace("Hello", "Welcome"))
    resumed = nika_core.resume(run)
    assert [task.id for task in resumed.tasks if not task.reused] == ["greet"]
    assert resumed.task("greet").output == "Welcome Ada"
    assert _ran(folder) == ["greet"]


def test_a_task_that_the_workflow_does_not_have_is_refused(nika: Nika, run: str) -> None:
    done = nika("resume", run, "--from", "grete")
    assert (done.code, codes.NOT_RESUMABLE in done.err, "count, draft, greet, lint, publish" in done.err) == (
        2,
        True,
        True,
    )
