"""Results of earlier runs (`cache`): what is taken, what never is, and who may have written it."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.app.result_cache import RunCache, providers_of, result_cache
from nika_core.errors import ProblemsError, UsageError
from nika_core.journal import Journal, ResultStore, StoredResult
from nika_core.journal.patience import Patience
from nika_core.model.events import Event, EventKind
from nika_core.model.workflow import Task
from nika_core.registry import Kind
from nika_core.values import replace

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
COUNTED = """\
name: counted
inputs: {word: {default: a}, fail: {default: "0"}}
tasks:
  - id: work
    shell: 'echo x >> work; [ ${input.fail} = 0 ] && echo "$(wc -l < work) ${input.word}"'
    cache: CACHE
  - {id: use, shell: 'echo x >> use; echo {{work}}'}
"""


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "w.nika.yaml"
        self.write()

    def write(self, text: str = COUNTED, cache: str = "true") -> None:
        self.path.write_text(text.replace("CACHE", cache))

    def run(self, **options: Any) -> Any:
        return nika.run(self.path, **options)

    def times(self, name: str = "work") -> int:
        file = self.folder / name
        return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "p").mkdir()
    return Project(tmp_path / "p")


def work(result: Any) -> Any:
    return next(task for task in result.tasks if task.id == "work")


def test_a_later_run_takes_the_result_and_pays_nothing(project: Project) -> None:
    first, second = project.run(), project.run()

    assert (project.times(), project.times("use")) == (1, 2)
    assert work(second).output == work(first).output == "1 a"
    assert (work(first).reused, work(second).reused) == (False, True)


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": {"word": "b"}},
        {"text": COUNTED.replace("echo x", "echo  x")},
        {"no_cache": True},
        {"refresh": True},
        {"journal": False},
    ],
    ids=["what it is given", "what it is", "--no-cache", "--refresh", "--no-journal"],
)
def test_it_is_done_again_if(change: dict[str, Any], project: Project) -> None:
    project.run()
    if text := change.pop("text", None):
        project.write(text)
    assert work(project.run(**change)).reused is False
    assert project.times() == 2


def test_a_refreshed_result_is_taken_by_the_next_run_and_one_without_cache_is_not(project: Project) -> None:
    project.run()
    assert work(project.run(no_cache=True)).output == "2 a"
    assert work(project.run()).output == "1 a"
    assert work(project.run(refresh=True)).output == "3 a"
    assert work(project.run()).output == "3 a"


def test_no_cache_and_refresh_together_are_refused(project: Project) -> None:
    with pytest.raises(UsageError, match="cannot refresh") as refused:
        project.run(no_cache=True, refresh=True)
    assert "--no-cache" in (refused.value.hint or "")  # as it is written on the command line


def test_each_item_of_a_list_is_taken_by_itself(project: Project) -> None:
    each = "forEach: '${input.all}', shell: 'echo x >> each; echo ${each.item}'"
    project.write(f"inputs: {{all: {{type: json}}}}\ntasks:\n  - {{id: each, {each}, cache: true}}\n")
    project.run(inputs={"all": ["a", "b"]})
    result = project.run(inputs={"all": ["c", "b", "a"]})

    assert project.times("each") == 3
    assert result.tasks[0].output == ["c", "b", "a"]
    assert [item.reused for item in result.tasks[0].children] == [False, True, True]


def test_inside_a_workflow_too(project: Project) -> None:
    inner = "workflows:\n  part:\n    tasks:\n      - {id: w, shell: 'echo x >> work', cache: true}\n"
    project.write(inner + "tasks:\n  - {id: call, workflow: {use: part}}\n")
    project.run()
    project.run()
    assert project.times() == 1


def test_failures_mocked_results_and_values_that_stand_in_are_never_kept(project: Project) -> None:
    project.run(inputs={"fail": "1"})
    project.run(mock=True)
    project.run(outputs={"work": "stands in"})
    project.write(COUNTED.replace("cache:", "onError: {value: none}\n    cache:"))
    assert work(project.run(inputs={"fail": "1"})).output == "none"
    assert work(project.run(inputs={"fail": "1"})).reused is False
    assert project.times() == 3


def test_cut_outputs_and_outputs_with_a_secret_are_never_kept(project: Project) -> None:
    project.write(
        "tasks:\n  - {id: work, shell: 'echo x >> work; head -c 300000 /dev/zero | tr \"\\0\" a', cache: true}\n"
    )
    environ = {**os.environ, "NIKA_MAX_OUTPUT_TASK": "1000", "ACME_API_KEY": "s3cret-of-acme-42"}
    assert work(project.run(environ=environ)).truncated
    assert work(project.run(environ=environ)).reused is False

    project.write("tasks:\n  - {id: work, shell: 'echo x >> work; echo ${env.ACME_API_KEY}', cache: true}\n")
    project.run(environ=environ)
    assert work(project.run(environ=environ)).reused is False
    assert b"s3cret" not in b"".join(file.read_bytes() for file in (project.folder / ".nika").glob("cache.db*"))


def test_a_resumed_run_takes_it_over_and_does_nothing_that_depends_on_it_again(project: Project) -> None:
    project.run()
    second = project.run()
    again = nika.resume(second.run_id, folder=project.folder)

    assert again.succeeded
    assert [task.reused for task in again.tasks] == [True, True]
    assert (project.times(), project.times("use")) == (1, 2)


def test_from_passes_it_by(project: Project) -> None:
    run = project.run()
    nika.resume(run.run_id, rerun_from="work", folder=project.folder)
    assert project.times() == 2


def test_history_says_which_run_it_is_from(project: Project) -> None:
    first, second = project.run(), project.run()
    shown = nika.runs.get(second.run_id, folder=project.folder).json["tasks"][0]
    assert (shown["reused"], shown["keyword"], shown["output"]) == (True, "shell", "1 a")
    assert first.run_id in shown["reason"]


def test_a_result_that_somebody_else_has_written_is_not_taken(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.run()
    monkeypatch.setenv("HOME", str(project.folder.parent / "another-user"))
    assert work(project.run()).reused is False


def test_a_result_that_was_changed_or_moved_to_another_folder_is_not_taken(project: Project, tmp_path: Path) -> None:
    project.run()
    database = project.folder / ".nika" / "cache.db"
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE results SET value = ?", (json.dumps("evil"),))
    connection.close()
    assert work(project.run()).output == "2 a"

    other = Project(tmp_path / "other") if (tmp_path / "other").mkdir() is None else project
    (other.folder / ".nika").mkdir()
    database.rename(other.folder / ".nika" / "cache.db")
    assert work(other.run()).output == "1 a"


@pytest.mark.parametrize("what", ["text", "a link", "a folder", "more tables", "another column"])
def test_a_file_that_cannot_be_used_is_told_and_the_run_goes_on(what: str, project: Project) -> None:
    database = project.folder / ".nika" / "cache.db"
    database.parent.mkdir()
    if what == "text":
        database.write_text("no database " * 100)
    elif what == "a link":
        (project.folder / "elsewhere").write_text("")
        database.symlink_to(project.folder / "elsewhere")
    elif what == "a folder":
        database.mkdir()
    elif what == "more tables":
        with sqlite3.connect(database) as connection:
            connection.execute("CREATE TABLE others (x)")
        connection.close()
    else:  # it would take memory whenever a row is written
        nothing = ResultStore(database, Patience())
        nothing.put([], 0.0)
        nothing.close()
        with sqlite3.connect(database) as connection:
            connection.execute("ALTER TABLE results ADD COLUMN x AS (hex(zeroblob(400000000)))")
        connection.close()
    notices: list[str] = []
    result = project.run(on_event=lambda event: notices.append(event.data.get("message", "")))

    assert result.succeeded
    assert work(result).output == "1 a"
    assert any("cache.db" in notice for notice in notices)


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("agent: hi", "main conversation"),
        ("ask: ok?", "asks a person"),
        ("workflow: {use: part}", "stands for a workflow"),
        ("shell: x\n    repeat: {until: '${last.round} == 2', max: 3}", "with `repeat`"),
        ("shell: x\n    always: true", "cleanup"),
    ],
)
def test_it_is_refused_if_no_result_could_be_taken(task: str, why: str, project: Project) -> None:
    text = "agent: {model: mock}\nworkflows: {part: {tasks: [{id: t, set: 1}]}}\n"
    project.write(f"{text}tasks:\n  - id: t\n    cache: true\n    {task}\n")
    with pytest.raises(ProblemsError) as caught:
        project.run()
    assert any(why in problem.message and problem.place.line == 5 for problem in caught.value.problems)


@pytest.mark.parametrize("cache", ["yes please", "{for: soon}", "{for: 0s}", "{for: 1d, of: me}", "3"])
def test_a_wrong_value_is_an_error_at_its_place(cache: str, project: Project) -> None:
    project.write(cache=cache)
    with pytest.raises(ProblemsError) as caught:
        project.run()
    assert {problem.place.line for problem in caught.value.problems} == {6}


def test_false_is_the_same_as_nothing(project: Project) -> None:
    project.write(cache="false")
    project.run()
    project.run()
    assert project.times() == 2
    assert not (project.folder / ".nika" / "cache.db").exists()


def test_a_result_is_taken_until_it_is_too_old_and_never_before_it_was_made(tmp_path: Path) -> None:
    now = [1000.0]
    (tmp_path / ".nika").mkdir()
    assert nika.run(_own_key(tmp_path), environ=dict(os.environ)).succeeded
    cache = RunCache(Journal.open(tmp_path), lambda _: ["d 1"], lambda: now[0], lambda _: None)
    key = cache.key(Task("t", "shell", {}), ".", "d", "p")
    assert key != RunCache(Journal.open(tmp_path), lambda _: ["d 2"], lambda: 0.0, lambda _: None).key(
        Task("t", "shell", {}), ".", "d", "p"
    )
    cache.record([Event(1, "run", now[0], EventKind.TASK_STARTED, "t", {"cache": key})])
    cache.record([Event(2, "run", now[0], EventKind.TASK_SUCCEEDED, "t", {"output": [1, "ü\ud800"]})])
    assert cache.close() == ""

    later = RunCache(Journal.open(tmp_path), lambda _: ["d 1"], lambda: now[0], lambda _: None)
    for seconds, taken in ((0, True), (60, True), (61, False), (-1, False)):
        now[0] = 1000.0 + seconds
        assert (later.get(key, 60) is not None) is taken
    now[0] = 1e9
    found = later.get(key, float("inf"))
    assert found is not None
    assert (found.outcome.output, found.run_id, found.at) == ([1, "ü\ud800"], "run", 1000.0)
    later.close()


TWO_MODELS = """\
agent: {provider: mock, model: mock-1, fallback: [ollama/llama3.2]}
tasks:
  - {id: main, llm: hello, cache: true}
  - {id: own, llm: {prompt: hello, model: mock-2}, cache: true}
  - {id: shell, shell: echo, cache: true}
"""


def test_a_result_of_another_version_of_the_provider_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "w.nika.yaml"
    path.write_text(TWO_MODELS)
    prepared = nika.prepare(path)
    tasks = prepared.workflow.tasks
    assert [providers_of(task, prepared) for task in tasks] == [["mock", "ollama"], ["mock"], []]
    registry, journal = prepared.workspace.registry, Journal.open(tmp_path)

    def keys(upgraded: str = "") -> list[str]:
        records = [
            replace(each, version="99") if (each.kind, each.word) == (Kind.PROVIDER, upgraded) else each
            for each in registry.usable()
        ]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(registry, "usable", lambda: records)
            cache = result_cache(prepared, journal, lambda _: None)
        return [cache.key(task, ".", "d", "p") for task in tasks]

    before = keys()
    assert [one == other for one, other in zip(before, keys("ollama"), strict=True)] == [False, True, True]
    assert [one == other for one, other in zip(before, keys("mock"), strict=True)] == [False, False, True]


def _own_key(folder: Path) -> Path:
    """A run that makes the user's key, with which results are signed."""
    path = folder / "key.nika.yaml"
    path.write_text("tasks:\n  - {id: a, set: 1}\n")
    return path


def test_a_run_that_records_makes_every_step_although_results_are_kept(project: Project) -> None:
    project.run()
    assert work(project.run(record=project.folder / "rec")).reused is False
    assert list((project.folder / "rec").glob("work.*.yaml"))
    assert work(project.run()).output == "2 a"


def test_what_a_run_yielded_goes_with_the_run(project: Project) -> None:
    first = project.run()
    kept = project.run(inputs={"word": "b"})
    nika.runs.remove(first.run_id, folder=project.folder)

    assert work(project.run()).reused is False
    assert kept.run_id in _runs(project.folder / ".nika" / "cache.db")
    assert first.run_id not in _runs(project.folder / ".nika" / "cache.db")


def test_a_run_is_removed_beside_a_file_that_is_no_cache(project: Project) -> None:
    run = project.run(no_cache=True)
    (project.folder / ".nika" / "cache.db").write_text("no database " * 100)
    assert nika.runs.remove(run.run_id, folder=project.folder) == run.run_id


def test_beyond_its_size_results_that_were_not_taken_for_longest_go_first(tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "cache.db", Patience(), largest=200_000)
    for number in range(100):
        store.put([StoredResult(f"{number:03}", "run", 1.0, "x" * 10_000, "")], float(number))
    kept = [number for number in range(100) if store.get(f"{number:03}") is not None]
    store.close()

    assert kept == list(range(kept[0], 100))
    assert 5 <= len(kept) <= 20


def test_what_no_run_takes_for_90_days_goes_and_what_one_takes_stays(tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "cache.db", Patience())
    day = 86400.0
    store.put([StoredResult(key, "run", 0.0, "1", "") for key in ("taken", "not taken")], 0.0)
    store.end(["taken"], 60 * day)
    assert store.get("not taken") is not None
    store.end([], 91 * day)
    assert (store.get("taken") is None, store.get("not taken") is None) == (False, True)
    store.close()


def test_a_result_that_is_taken_writes_nothing_until_the_run_ends(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write for each would read the whole file each time."""
    each = "forEach: '${input.all}', set: '${each.item}'"
    project.write(f"inputs: {{all: {{type: json}}}}\ntasks:\n  - {{id: each, {each}, cache: true}}\n")
    project.run(inputs={"all": list(range(50))})
    written: list[str] = []

    def end(_store: ResultStore, used: set[str], _now: float) -> None:
        written.append(f"{len(used)} used")

    monkeypatch.setattr(ResultStore, "put", lambda *_: written.append("results"))
    monkeypatch.setattr(ResultStore, "end", end)
    result = project.run(inputs={"all": list(range(50))})

    assert all(item.reused for item in result.tasks[0].children)
    assert written == ["50 used"]


def _runs(database: Path) -> set[str]:
    connection = sqlite3.connect(database)
    found = {run for (run,) in connection.execute("SELECT run FROM results")}
    connection.close()
    return found
