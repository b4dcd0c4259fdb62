"""The index of submitted runs: it belongs to the user and a folder, and a damaged line hides no other."""

from __future__ import annotations

from pathlib import Path

from nika_core.app.backend.run_index import RunIndex, SubmittedRun


def run(run_id: str, at: float = 1.0) -> SubmittedRun:
    return SubmittedRun(run_id=run_id, url="temporal://here", workflow="w", submitted_at=at)


def test_a_run_is_found_by_its_id_or_a_unique_beginning_of_it(tmp_path: Path) -> None:
    index = RunIndex(tmp_path / "state", tmp_path)
    for run_id in ("20260101-a", "20260101-b", "20260102-c"):
        index.add(run(run_id))

    assert index.find("20260101") is None
    assert index.find("20260101-b") == run("20260101-b")
    assert index.find("20260102") == run("20260102-c")
    assert index.find("2027") is None


def test_the_last_word_about_a_run_counts_and_the_newest_comes_first(tmp_path: Path) -> None:
    index = RunIndex(tmp_path, tmp_path)
    index.add(run("a", 1.0))
    index.add(run("b", 2.0))

    index.note_status("a", "succeeded")
    index.note_status("nobody", "failed")

    assert [(each.run_id, each.status) for each in index.runs()] == [("b", "running"), ("a", "succeeded")]


def test_a_run_of_another_folder_is_not_shown(tmp_path: Path) -> None:
    RunIndex(tmp_path, tmp_path / "one").add(run("a"))

    assert RunIndex(tmp_path, tmp_path / "two").runs() == []


def test_a_damaged_line_hides_no_other_run(tmp_path: Path) -> None:
    index = RunIndex(tmp_path, tmp_path)
    index.add(run("a"))
    with (tmp_path / "backend-runs.jsonl").open("ab") as file:
        file.write(b'{"run": "x", "url": 3}\n{"run"\n[]\n\xff\xfe\n')
    index.add(run("b"))

    assert {each.run_id for each in index.runs()} == {"a", "b"}


def test_the_file_is_the_users_alone_and_not_in_the_folder(tmp_path: Path) -> None:
    index = RunIndex(tmp_path / "state", tmp_path / "project")
    index.add(run("a"))

    assert (tmp_path / "state" / "backend-runs.jsonl").stat().st_mode & 0o077 == 0
    assert not (tmp_path / "project").exists()
