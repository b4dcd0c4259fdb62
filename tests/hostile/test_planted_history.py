"""A history that came with a folder decides nothing: what it says of a run counts only if the user says so."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core import codes
from nika_core.app.own_runs import is_own, signed
from nika_core.errors import RefusedError
from nika_core.journal import Journal, RunInfo
from nika_core.model.codec import usage_of
from nika_core.toolbox.process.sweeping import marked

FLOW = 'tasks: [{id: a, shell: "echo a >> done"}, {id: b, shell: "[ -e go ]"}]\n'
As = Callable[[str], None]


@pytest.fixture
def as_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> As:
    """Become a user of this name, with a home of their own."""

    def become(name: str) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / name))

    return become


@pytest.fixture
def planted(tmp_path: Path, as_user: As, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project of Mallory's with the history of a run that failed at `b`; the user is Ada, and stands in it."""
    as_user("mallory")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "nika.yaml").write_text("")
    (folder / "w.nika.yaml").write_text(FLOW)
    monkeypatch.chdir(folder)
    assert nika.run("w.nika.yaml").status == "failed"
    (folder / "done").unlink()
    (folder / "go").touch()
    as_user("ada")
    return folder


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return a workflow of Ada's elsewhere, which would do harm."""
    path = tmp_path / "ada s" / "danger.nika.yaml"
    path.parent.mkdir()
    path.write_text(f'tasks: [{{id: a, shell: "touch {tmp_path}/harm"}}]\n')
    return path


def change_info(folder: Path, **values: Any) -> None:
    with closing(sqlite3.connect(folder / ".nika" / "journal.db")) as connection, connection:
        (text,) = connection.execute("SELECT info FROM runs").fetchone()
        connection.execute("UPDATE runs SET info = ?", (json.dumps(json.loads(text) | values),))


def lines(folder: Path) -> list[str]:
    path = folder / "done"
    return path.read_text().splitlines() if path.exists() else []


WAYS: dict[str, Callable[[Path, Path], str]] = {
    "absolute": lambda _, victim: str(victim),
    "upwards": lambda folder, victim: f"{folder}/../{victim.parent.name}/{victim.name}",
    "relative": lambda _, victim: f"../{victim.parent.name}/{victim.name}",
    "a link": lambda folder, victim: str(_link(folder / "link.nika.yaml", victim)),
    "a linked folder": lambda folder, victim: str(_link(folder / "sub", victim.parent) / victim.name),
}


def _link(path: Path, target: Path) -> Path:
    path.symlink_to(target)
    return path


@pytest.mark.parametrize(
    ("way", "trust"),
    [*((way, "nothing") for way in WAYS), ("absolute", "the option"), ("absolute", "the variable")],
)
def test_a_workflow_outside_of_a_planted_history_s_folder_is_not_opened_unless_it_is_named(
    planted: Path, victim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, trust: str
) -> None:
    path = WAYS[way](planted, victim)
    change_info(planted, path=path)
    text = victim.read_text()
    victim.write_text("no workflow: reading it would be another error")
    if trust == "the variable":
        monkeypatch.setenv("NIKA_TRUST", "1")
    with pytest.raises(RefusedError) as caught:
        nika.resume("last", trust_history=trust == "the option")
    assert caught.value.code == codes.UNTRUSTED_HISTORY
    assert repr(path) in caught.value.message
    assert "--workflow" in (caught.value.hint or "")
    assert ("--trust-history" in (caught.value.hint or "")) == (trust == "nothing")
    victim.write_text(text)
    assert nika.resume("last", workflow=path, trust_history=True).status == "succeeded"
    assert (tmp_path / "harm").exists()


def test_naming_the_workflow_does_not_trust_the_history(planted: Path, victim: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="its outputs, answers and approvals can be anybody's"):
        nika.resume("last", workflow=victim)
    assert not (tmp_path / "harm").exists()


def test_a_planted_run_asks_for_no_secret(planted: Path) -> None:
    change_info(planted, options={"withheld": ["password"]})
    with pytest.raises(RefusedError) as caught:
        nika.resume("last")
    assert "password" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("path", ["\0", "", "x" * 5000, "/", "w\ud800.nika.yaml"])
def test_a_planted_path_that_no_workflow_can_have_is_an_error(planted: Path, path: str) -> None:
    change_info(planted, path=path)
    for trusted in (False, True):
        with pytest.raises(nika.NikaError):
            nika.resume("last", trust_history=trusted)


def test_a_planted_run_is_resumed_only_if_the_user_says_so_and_then_it_is_theirs(planted: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        nika.resume("last")
    assert caught.value.exit_code == 3
    run = nika.runs.list()[0].run_id
    hint = f"if you agree: nika resume {run} --trust-history (in CI: NIKA_TRUST={planted})"
    assert hint in (caught.value.hint or "")
    assert lines(planted) == []
    first = nika.resume("last", trust_history=True)
    assert [(task.id, task.reused) for task in first.tasks] == [("a", True), ("b", False)]
    again = nika.resume("last", rerun_from="a")  # Ada's own now
    assert again.status == "succeeded"
    assert lines(planted) == ["a"]


@pytest.mark.parametrize("value", ["1", "the folder", "above"])
def test_the_variable_trusts_histories_of_its_folders(
    planted: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    named = {"the folder": str(planted), "above": str(planted.parent)}.get(value, value)
    monkeypatch.setenv("NIKA_TRUST", named)
    assert nika.resume("last").status == "succeeded"


def test_the_variable_for_another_folder_trusts_no_history(planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (planted / "sub").mkdir()
    monkeypatch.setenv("NIKA_TRUST", str(planted / "sub"))
    with pytest.raises(RefusedError):
        nika.resume("last")


def test_a_planted_history_can_be_looked_at_and_removed(planted: Path) -> None:
    (run,) = nika.runs.list()
    assert [task.state for task in nika.runs.get(run.run_id).tasks] == ["success", "failed"]
    assert nika.questions() == ()
    nika.runs.remove(run.run_id)
    assert nika.runs.list() == ()


@pytest.mark.parametrize("trusted", [False, True])
def test_removing_a_planted_run_ends_no_process_of_the_run_whose_id_it_has(
    planted: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    (run,) = nika.runs.list()
    environ = {**os.environ, **marked({}, run.run_id)}
    with subprocess.Popen(["sleep", "60"], env=environ) as process:
        try:
            monkeypatch.setenv("NIKA_TRUST", str(int(trusted)))
            nika.runs.remove(run.run_id)
            assert (process.poll() is not None) == trusted
        finally:
            process.kill()


CHANGES: dict[str, dict[str, Any]] = {
    "an input": {"inputs": {"x": "1"}},
    "the provider": {"options": {"provider": "mock"}},
    "a mocked run": {"options": {"mock": True}},
    "the time": {"options": {"timeout": 1e9}},
    "no signature": {"signature": ""},
    "a signature that is none": {"signature": "é\ud800"},
    "another type": {"signature": 7},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_one_s_own_run_was_started_with_is_as_it_was(planted: Path, as_user: As, change: dict[str, Any]) -> None:
    as_user("mallory")
    change_info(planted, **change)
    with pytest.raises(RefusedError):
        nika.resume("last")


def test_a_signature_of_another_run_or_for_another_folder_is_wrong(tmp_path: Path, as_user: As) -> None:
    as_user("ada")
    info = RunInfo("w", str(tmp_path / "w"), "tasks: []", {"x": float("nan"), "ü": [1.5, None]}, {}, 1.7e9)
    with Journal.open(tmp_path) as journal, Journal.open(tmp_path / "other") as other:
        own = signed(info, journal, "one")
        journal.begin(own, "one").release()
        read = journal.load("one").info
        assert is_own(read, journal, "one")
        assert not is_own(read, journal, "two")
        assert not is_own(read, other, "one")


def test_a_moved_folder_s_run_is_resumed_with_the_workflow_s_new_place(planted: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.move(planted, moved)
    os.chdir(moved)
    with pytest.raises(RefusedError, match="lies outside"):
        nika.resume("last")
    assert nika.resume("last", workflow="w.nika.yaml", trust_history=True).status == "succeeded"
    assert nika.resume("last", rerun_from="b").status == "succeeded"


def test_one_s_own_run_of_a_workflow_elsewhere_is_resumed_without_a_word(
    planted: Path, victim: Path, tmp_path: Path
) -> None:
    """The history's folder was named (`journal=`), or the workflow is a link: the user did both."""
    kept = tmp_path / "kept"
    link = _link(planted / "link.nika.yaml", victim)
    for path, folder in ((victim, kept), (link, planted)):
        run = nika.run(path, journal=folder).run_id
        assert nika.resume(run, folder=folder, rerun_from="a").status == "succeeded"


def test_an_approval_for_the_rest_of_a_planted_run_is_none(
    planted: Path, as_user: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_user("mallory")
    (planted / "script.json").write_text(
        json.dumps(
            [
                {
                    "when": {"turn": 0},
                    "toolCalls": [{"name": "shell", "arguments": {"command": "echo tool >> done"}}],
                    "times": None,
                },
                {"when": {"turn": 1}, "text": "done", "times": None},
            ]
        )
    )
    monkeypatch.setenv("NIKA_MOCK_SCRIPT", "script.json")
    (planted / "w.nika.yaml").write_text(
        "agent: {model: mock, provider: mock, allowedTools: [shell], askTools: [shell]}\n"
        "tasks: [{id: a, agent: work}]\n"
    )
    paused = nika.run("w.nika.yaml")
    assert paused.status == "paused"
    nika.answer(paused.run_id, "a", {"answer": "always"})
    as_user("ada")
    with pytest.raises(RefusedError):
        nika.resume(paused.run_id)
    assert lines(planted) == []
    as_user("mallory")
    assert nika.resume(paused.run_id).status == "succeeded"
    assert lines(planted) == ["tool"]


@pytest.mark.parametrize("usage", [{"inputTokens": -1}, {"costUsd": "-1"}, {"calls": -1}, {"costUsd": "NaN"}])
def test_a_history_gives_nothing_back_to_a_budget(usage: dict[str, Any]) -> None:
    with pytest.raises((ValueError, ArithmeticError)):  # which readers of histories tell as damage
        usage_of(usage)


def test_the_key_is_its_user_s_alone_and_one_for_all_processes(tmp_path: Path, as_user: As) -> None:
    as_user("ada")
    info = RunInfo("w", "w", "")
    with Journal.open(tmp_path) as journal, ThreadPoolExecutor(8) as pool:
        signatures = list(pool.map(lambda _: signed(info, journal, "r").signature, range(32)))
    assert len(set(signatures)) == 1
    assert signatures[0]
    (key,) = (tmp_path / "ada" / "nika").iterdir()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.parametrize("what", ["a file in place of the folder", "a key that is too short", "a folder", "a pipe"])
def test_without_a_key_runs_are_recorded_and_resumed_by_a_word(
    planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    key = tmp_path / "ada" / "nika" / "history-key"
    key.parent.parent.mkdir(exist_ok=True)
    if what == "a file in place of the folder":
        key.parent.touch()
    else:
        key.parent.mkdir()
        {"a key that is too short": key.touch, "a folder": key.mkdir, "a pipe": lambda: os.mkfifo(key)}[what]()
    assert nika.run("w.nika.yaml").status == "succeeded"
    with pytest.raises(RefusedError):
        nika.resume("last")
    monkeypatch.setenv("NIKA_TRUST", "1")
    assert nika.resume("last").status == "succeeded"
