"""Large outputs are in memory until history has them; whoever needs one later reads it from there."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.errors import JournalError
from nika_core.model.events import Event, EventKind
from nika_core.model.large_values import LARGE, LargeValue, size_if_large

MANY = 60
SIZE = 1_000_000  # characters of each output
ROOM = 40_000  # kilobytes for what is not yet in history, and for what was read last
# In a small process between: a new process counts the memory of the one that it was forked from as its own.
MEASURED = """
import os, subprocess, sys
process = subprocess.Popen([sys.executable, "-m", "nika_core", *sys.argv[1:]])
_, status, used = os.wait4(process.pid, 0)
print(used.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def workflow(folder: Path, count: int, size: int, *more: str) -> Path:
    """Write a workflow with so many different outputs, each of so many characters."""
    (folder / "nika.yaml").write_text("")
    path = folder / "w.nika.yaml"
    copies = "".join(f'  - {{id: t{number}, set: "{number} {{{{base}}}}"}}\n' for number in range(count))
    base = f'  - {{id: part, set: {"x" * (size // 100)}}}\n  - {{id: base, set: "{"{{part}}" * 100}"}}\n'
    path.write_text(f"tasks:\n{base}{copies}{''.join(more)}")
    return path


def peak(folder: Path, *arguments: str) -> tuple[int, Path]:
    """Return the most kilobytes that a command took, and the file with what it printed."""
    printed = folder / "printed"
    with printed.open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, *arguments], cwd=folder, stdout=out, stderr=subprocess.PIPE, check=True
        )
    return int(done.stderr.split()[-1]) // (1024 if sys.platform == "darwin" else 1), printed


def written(format_: str, printed: Path) -> dict[str, Any]:
    text = printed.read_text()
    found: dict[str, Any] = json.loads(text if format_ == "json" else text.splitlines()[-1])
    return found if format_ == "json" else found["data"]


@pytest.mark.skipif(sys.platform == "win32", reason="wait4 is of POSIX")
@pytest.mark.parametrize("format_", ["json", "jsonl", "pretty"])
def test_neither_a_run_nor_its_resume_needs_no_memory_for_all_outputs_together(tmp_path: Path, format_: str) -> None:
    workflow(tmp_path, 1, SIZE)
    few, _ = peak(tmp_path, "run", "w.nika.yaml", "--format", format_)
    workflow(tmp_path, MANY, SIZE)
    for command in (("run", "w.nika.yaml"), ("resume", "last"))[: 2 if format_ == "json" else 1]:
        many, printed = peak(tmp_path, *command, "--format", format_)
        assert many - few < ROOM, f"{MANY} outputs of 1 MB took {(many - few) // 1024} MB"
        if format_ == "pretty":
            assert printed.read_text().startswith(f"{MANY - 1} xxx")
        else:
            tasks = {task["id"]: task["output"] for task in written(format_, printed)["tasks"]}
            assert all(tasks[f"t{number}"] == f"{number} {'x' * SIZE}" for number in range(MANY))


def test_outputs_are_read_from_the_history_by_later_tasks_the_result_and_a_resume(tmp_path: Path) -> None:
    last = 19  # so many are more than may wait for history
    late = f'  - {{id: late, when: "{{{{t{last}}}}} != 1", set: {{first: "{{{{t0}}}}"}}}}\n'
    path = workflow(tmp_path, last + 1, SIZE, late)
    result = nika.run(path)
    assert result.succeeded, [task.failure for task in result.tasks]
    kept = {task.id: task.kept_output for task in result.tasks}
    assert all(isinstance(kept[task], LargeValue) and kept[task].name for task in ("base", "t0", "t1", "late"))
    expected = f"0 {'x' * SIZE}"
    assert result.task("t0").output == expected
    assert result.output == {"first": expected}
    resumed = nika.resume(result.run_id, folder=tmp_path)
    assert [task.reused for task in resumed.tasks] == [True] * (last + 4)
    assert resumed.task("t0").output == expected
    nika.runs.remove(result.run_id, folder=tmp_path)
    with pytest.raises(JournalError, match="is lost"):
        _ = resumed.task("t9").output


def test_without_a_history_outputs_stay_in_memory(tmp_path: Path) -> None:
    result = nika.run(workflow(tmp_path, 2, SIZE), journal=False)
    assert result.task("t1").output == f"1 {'x' * SIZE}"


def test_observers_are_shown_outputs_as_they_are(tmp_path: Path) -> None:
    shown: list[Event] = []
    nika.run(workflow(tmp_path, 2, SIZE), on_event=shown.append)
    ended = {event.task: event for event in shown if event.kind is EventKind.TASK_SUCCEEDED}
    assert ended["t1"].data["output"] == f"1 {'x' * SIZE}"
    assert json.loads(json.dumps(nika.to_json(ended["t1"])))["data"]["output"] == f"1 {'x' * SIZE}"


def test_an_output_whose_file_is_lost_is_made_again_by_a_resume(tmp_path: Path) -> None:
    result = nika.run(workflow(tmp_path, 2, SIZE))
    kept = result.task("t1").kept_output
    assert isinstance(kept, LargeValue)
    next((tmp_path / ".nika" / "blobs").rglob(kept.name)).unlink()
    resumed = nika.resume(result.run_id, folder=tmp_path)
    assert {task.id for task in resumed.tasks if not task.reused} == {"t1"}
    assert resumed.task("t1").output == f"1 {'x' * SIZE}"


def test_a_large_value_is_equal_to_what_it_stands_for_wherever_that_is() -> None:
    value, other = LargeValue("x" * LARGE), LargeValue("x" * LARGE)
    assert value == other == "x" * LARGE
    other.keep(lambda: "x" * LARGE, "name")
    assert (value, pickle.loads(pickle.dumps(other)).get()) == (other, "x" * LARGE)
    assert value.through(len).get() == LARGE  # type: ignore[arg-type]  # of a text
    assert value != LargeValue("y" * LARGE)


@pytest.mark.parametrize(
    ("value", "large"),
    [
        ("x" * LARGE, False),
        ("x" * (LARGE + 1), True),
        ({"a": ["x" * LARGE]}, True),
        ([1] * (LARGE // 8 + 1), True),
        ([[]] * 100, False),
        (None, False),
    ],
    ids=["a short text", "a text", "a text inside", "many numbers", "lists", "nothing"],
)
def test_what_is_large_as_json_is_large(value: Any, large: bool) -> None:
    assert bool(size_if_large(value)) is large
