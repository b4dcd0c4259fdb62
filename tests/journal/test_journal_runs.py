"""What was recorded comes back, run by run; nothing is made before a run begins; removing leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nika_core as nika
from nika_core import codes
from nika_core.engine.core.ports import CallCache
from nika_core.engine.local.services import Services
from nika_core.errors import JournalError
from nika_core.journal import Journal, RunInfo, new_run_id
from nika_core.journal.blobs import LARGE
from nika_core.model.events import Event, EventKind


def info(name: str = "w", started: float = 1.7e9, document: str = "tasks: []\n") -> RunInfo:
    return RunInfo(name, f"/project/{name}.nika.yaml", document, {"topic": "x"}, {"provider": "mock"}, started)


def event(seq: int, run_id: str, **data: object) -> Event:
    return Event(seq, run_id, 1.7e9 + seq, EventKind.TASK_SUCCEEDED, "t", data)


def blobs(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / ".nika" / "blobs").rglob("*") if path.is_file())


async def test_a_run_comes_back_as_it_was_recorded(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info())
        recorded = [
            event(1, log.run_id, output="é\ud800 {}"),
            event(2, log.run_id, output=[1, None, {"a": 0.5}]),
            event(3, log.run_id),
        ]
        for each in recorded:
            log.record([each])
        log.put("r/t#1", "model:x:1", {"text": "hello"})
        await log.finish("succeeded", 1.7e9 + 9)
    with Journal.open(tmp_path) as journal:
        found = journal.load(log.run_id)
    assert list(found.events) == recorded
    assert (found.info, found.seq) == (info(), 3)
    assert found.memo == {("r/t#1", "model:x:1"): {"text": "hello"}}
    assert (found.run.status, found.run.ended, found.run.summary) == ("succeeded", 1.7e9 + 9, {})
    assert len(found.document_hash) == 64


async def test_events_of_kinds_that_are_not_needed_are_left_out(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info())
        log.record([Event(1, log.run_id, 1.7e9, EventKind.TASK_READY, "t"), event(2, log.run_id)])
        await log.finish("succeeded", 1.7e9 + 9)
        found = journal.load(log.run_id, without={EventKind.TASK_READY})
    assert [each.seq for each in found.events] == [2]


async def test_how_a_run_ended_is_known_as_soon_as_its_last_event_is_there(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info())
        log.record([Event(1, log.run_id, 1.7e9, EventKind.RUN_STARTED)])
        data = {"status": "failed", "usage": {"inputTokens": 3}}
        log.record([Event(2, log.run_id, 1.7e9 + 2, EventKind.RUN_FINISHED, None, data)])
        await log.barrier()  # and it is killed here
        log.release()
        (run,) = journal.runs()
        assert (run.status, run.ended) == ("failed", 1.7e9 + 2)
        assert run.summary == {"usage": {"inputTokens": 3}, "durationMs": 2000}
        again = journal.resume(log.run_id)
        again.record([Event(3, log.run_id, 1.7e9 + 60, EventKind.RUN_STARTED)])
        again.record([Event(4, log.run_id, 1.7e9 + 61, EventKind.RUN_FINISHED, None, {"status": "succeeded"})])
        await again.finish("not this", 0.0)
        (run,) = journal.runs()
        assert (run.status, run.ended, run.summary["durationMs"]) == ("succeeded", 1.7e9 + 61, 1000)


def test_looking_at_a_project_without_runs_makes_nothing(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        assert journal.runs() == []
        with pytest.raises(JournalError) as caught:
            journal.load("2026")
    assert caught.value.code == codes.UNKNOWN_RUN
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_ignored_by_git(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        journal.begin(info()).release()
    assert (tmp_path / ".nika" / ".gitignore").read_text("utf-8") == "*\n"


def test_ids_are_short_sortable_and_unique() -> None:
    ids = {new_run_id(1.7e9) for _ in range(100)}
    assert len(ids) == 100
    assert all(each.startswith("20231114-221320-") and len(each) == 22 for each in ids)
    assert new_run_id(1.7e9) < new_run_id(1.7e9 + 1)


def test_runs_are_listed_the_newest_first_and_found_by_a_unique_beginning(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        first = journal.begin(info("a"), "20260101-000000-aaaaaa")
        second = journal.begin(info("b"), "20260101-000000-bbbbbb")
        assert [(run.id, run.workflow, run.path) for run in journal.runs()] == [
            (second.run_id, "b", "/project/b.nika.yaml"),
            (first.run_id, "a", "/project/a.nika.yaml"),
        ]
        assert journal.find("20260101-000000-a") == first.run_id
        assert journal.find(second.run_id) == second.run_id
        with pytest.raises(JournalError, match="Several runs begin with '20260101'") as caught:
            journal.find("20260101")
        assert caught.value.code == codes.UNKNOWN_RUN
        for nothing in ("", "2027", "%", "2026_"):
            with pytest.raises(JournalError, match="There is no run"):
                journal.find(nothing)
        first.release()
        second.release()


def test_a_run_is_running_while_it_is_held_and_interrupted_when_it_was_let_go(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info())
        assert journal.runs()[0].status == "running"
        log.release()
        assert journal.runs()[0].status == "interrupted"
    assert list((tmp_path / ".nika" / "locks").glob(f"{log.run_id}*")) == []


async def test_a_resumed_run_goes_on_with_its_events_and_its_memo(tmp_path: Path) -> None:
    large = "x" * (LARGE + 1)
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info())
        log.record([event(1, log.run_id)])
        log.put("k", "small", [1, 2])
        log.put("k", "large", large)
        await log.barrier()
        log.release()
    with Journal.open(tmp_path) as journal:
        again = journal.resume(log.run_id[:18])
        assert again.run_id == log.run_id
        assert (again.get("k", "small"), again.get("k", "large"), again.get("k", "other")) == ([1, 2], large, None)
        again.put("k", "small", [3])
        assert again.get("k", "small") == [3]
        again.record([event(2, log.run_id)])
        await again.finish("failed", 1.7e9)
        found = journal.load(log.run_id)
    assert [each.seq for each in found.events] == [1, 2]
    assert found.memo["k", "small"] == [3]
    assert found.run.status == "failed"


def test_a_run_that_somebody_works_on_is_neither_resumed_nor_removed(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal, Journal.open(tmp_path) as other:
        log = journal.begin(info())
        for touch in (other.resume, other.remove, journal.resume):
            with pytest.raises(JournalError, match=r"is being worked on by process \d+") as caught:
                touch(log.run_id)
            assert caught.value.code == codes.RUN_IS_LIVE
        log.release()
        other.resume(log.run_id).release()
        assert other.remove(log.run_id) == log.run_id


async def test_large_values_lie_beside_the_journal_once_and_go_with_the_last_run_that_has_them(tmp_path: Path) -> None:
    large = "é" * LARGE
    with Journal.open(tmp_path) as journal:
        logs = [journal.begin(info(document="d" * (LARGE + 1))) for _ in range(2)]
        for log in logs:
            log.record([event(1, log.run_id, output=large)])
            log.put("k", "c", {"output": large})
            await log.finish("succeeded", 1.7e9)
        assert len(blobs(tmp_path)) == 2  # the events' and the memo's are the same JSON; the document is another
        assert journal.load(logs[0].run_id).events[0].data == {"output": large}
        assert journal.load(logs[0].run_id).info.document == "d" * (LARGE + 1)
        journal.remove(logs[0].run_id)
        assert journal.load(logs[1].run_id).events[0].data == {"output": large}
        journal.remove(logs[1].run_id)
        assert journal.runs() == []
    assert blobs(tmp_path) == []
    with sqlite3.connect(tmp_path / ".nika" / "journal.db") as database:
        for table in ("runs", "events", "memo"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    database.close()


async def test_a_run_that_is_gone_on_with_differently_is_from_then_on_what_it_is_now(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(replace(info(document="d" * (LARGE + 1)), inputs={"x": "one"}))
        log.release()
        journal.resume(log.run_id).release()
        assert journal.load(log.run_id).info.inputs == {"x": "one"}
        journal.resume(log.run_id, info=replace(info(document="e" * (LARGE + 1)), inputs={"x": "two"})).release()
        found = journal.load(log.run_id).info
        assert (found.inputs, found.document[0], found.started) == ({"x": "two"}, "e", info().started)
        assert len(blobs(tmp_path)) == 1  # nothing refers to the other one
        journal.remove(log.run_id)
    assert blobs(tmp_path) == []


@pytest.mark.parametrize(("extra", "count"), [(0, 0), (1, 1)])
async def test_a_value_is_large_above_64_kib_of_json(tmp_path: Path, extra: int, count: int) -> None:
    overhead = len(json.dumps({"o": ""}, separators=(",", ":")))
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info())
        log.record([event(1, log.run_id, o="x" * (LARGE - overhead + extra))])
        await log.finish("succeeded", 1.7e9)
    assert len(blobs(tmp_path)) == count


async def test_many_events_share_a_row_and_large_ones_have_their_own(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        logs = [journal.begin(info()) for _ in range(2)]
        sizes = [1] * 300 + [LARGE // 2] * 3 + [LARGE + 1] * 2 + [1] * 300
        told = [[event(seq, log.run_id, output="x" * size) for seq, size in enumerate(sizes, 1)] for log in logs]
        for one, other in zip(*told, strict=True):  # two runs at once, in one file
            logs[0].record([one])
            if one.seq % 7:
                logs[1].record([other])
        for log in logs:
            await log.finish("succeeded", 1.7e9)
        assert journal.load(logs[0].run_id).events == tuple(told[0])
        assert journal.load(logs[1].run_id).events == tuple(each for each in told[1] if each.seq % 7)
        alone = journal.begin(info())
        for each in told[0]:
            alone.record([each])
        await alone.finish("succeeded", 1.7e9)
    with sqlite3.connect(tmp_path / ".nika" / "journal.db") as database:
        rows = database.execute("SELECT max(length(events)), count(*) FROM events WHERE id > 3 << 32").fetchone()
    database.close()
    assert rows[0] <= LARGE
    assert rows[1] < len(sizes) / 8


@pytest.mark.parametrize("damage", ["gone", "changed"])
async def test_a_large_value_that_is_lost_is_told_and_the_rest_is_readable(tmp_path: Path, damage: str) -> None:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info())
        log.record([event(1, log.run_id, output="x" * (LARGE + 1))])
        log.put("k", "c", "x" * (LARGE + 1))
        log.record([event(2, log.run_id, output="small")])
        await log.barrier()
        log.release()
        for path in blobs(tmp_path):
            path.unlink() if damage == "gone" else path.write_bytes(b'"other"')
        found = journal.load(log.run_id)
        assert found.events[0].data.keys() == {"lost"}
        assert found.events[1].data == {"output": "small"}
        assert found.memo == {}
        again = journal.resume(log.run_id)
        assert again.get("k", "c") is None
        again.release()


async def test_a_reply_with_a_secret_in_it_is_kept_for_this_process_only(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info(), mask=lambda text: text.replace("hunter2", "***"))
        log.put("k", "open", "fine")
        log.put("k", "secret", {"text": "it is hunter2"})
        assert log.get("k", "secret") == {"text": "it is hunter2"}
        await log.finish("succeeded", 1.7e9)
        assert journal.load(log.run_id).memo == {("k", "open"): "fine"}
    assert b"hunter2" not in (tmp_path / ".nika" / "journal.db").read_bytes()


async def test_what_has_no_form_in_json_stops_no_history(tmp_path: Path) -> None:
    endless: list[object] = []
    endless.append(endless)
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info())
        log.record([event(1, log.run_id, output=endless)])
        log.record([event(2, log.run_id, output=MappingProxyType({"a": {1, 2}, "b": Path("x")}))])
        await log.finish("succeeded", 1.7e9)
        first, second = journal.load(log.run_id).events
    assert first.data.keys() == {"lost"}
    assert second.data == {"output": {"a": [1, 2], "b": "x"}}


async def test_a_value_that_raises_when_it_is_asked_for_its_text_stops_no_history(tmp_path: Path) -> None:
    class Broken:
        def __str__(self) -> str:
            raise LookupError

    with Journal.open(tmp_path) as journal:
        log = journal.begin(info())
        log.record([event(1, log.run_id, output=Broken())])
        log.record([event(2, log.run_id, output="x")])
        await log.finish("succeeded", 1.7e9)
        first, second = journal.load(log.run_id).events
    assert first.data == {"lost": "it has no form in JSON: LookupError"}
    assert second.data == {"output": "x"}


def test_a_run_log_is_what_the_engine_asks_for(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info())
        call_cache: CallCache = log
        services = {"record": log.record, "barrier": log.barrier, "call_cache": call_cache}
        assert services.keys() <= {field.name for field in fields(Services)}
        log.release()


async def test_an_event_without_a_number_is_not_history(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info())
        log.record([event(0, log.run_id, text="chunk")])
        await log.finish("succeeded", 1.7e9)
        assert journal.load(log.run_id).events == ()


async def test_a_barrier_with_nothing_to_wait_for_does_not_wait(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info())
        barrier = log.barrier()
        with pytest.raises(StopIteration):
            barrier.send(None)
        log.release()


async def test_a_cancelled_wait_harms_nobody(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info())
        log.record([event(1, log.run_id)])
        waits = [asyncio.create_task(log.barrier()) for _ in range(3)]
        await asyncio.sleep(0)
        waits[1].cancel()
        results = await asyncio.wait_for(asyncio.gather(*waits, return_exceptions=True), 10)
        assert [type(result).__name__ for result in results] == ["NoneType", "CancelledError", "NoneType"]
        log.release()


async def test_ten_thousand_events_without_a_barrier_are_all_there_after_closing(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info())
        for seq in range(1, 10_001):
            log.record([event(seq, log.run_id, n=seq)])
            if seq % 100 == 0:
                await asyncio.sleep(0)
        log.release()
    with Journal.open(tmp_path) as journal:
        assert [each.data["n"] for each in journal.load(log.run_id).events] == list(range(1, 10_001))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("record"), st.text(max_size=20)),
            st.tuples(st.just("put"), st.text(max_size=20)),
            st.tuples(st.just("barrier"), st.just("")),
        ),
        max_size=60,
    )
)
def test_any_mix_of_records_and_barriers_comes_back_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("journal")

    async def play() -> str:
        with Journal.open(folder) as journal:
            log = journal.begin(info())
            seq = 0
            for what, text in steps:
                if what == "record":
                    seq += 1
                    log.record([event(seq, log.run_id, text=text)])
                elif what == "put":
                    log.put("k", text, text)
                else:
                    await log.barrier()
            log.release()
            return log.run_id

    run_id = asyncio.run(play())
    with Journal.open(folder) as journal:
        found = journal.load(run_id)
    assert [each.data["text"] for each in found.events] == [text for what, text in steps if what == "record"]
    assert set(found.memo) == {("k", text) for what, text in steps if what == "put"}


@pytest.mark.parametrize("tasks", [("b", "a"), None], ids=["the history knows it", "only the document does"])
def test_a_run_is_shown_in_declared_order(tmp_path: Path, tasks: tuple[str, ...] | None) -> None:
    document = "tasks: [{id: b, set: 1}, {id: a, set: 1}]" if tasks is None else "not read"
    with Journal.open(tmp_path) as journal:
        log = journal.begin(replace(info(document=document), tasks=tasks))
        log.record([Event(n, log.run_id, 1.7e9, EventKind.TASK_SUCCEEDED, task, {}) for n, task in enumerate("ab", 1)])
        log.release()
    (run,) = nika.runs.list(folder=tmp_path)
    assert [task.id for task in nika.runs.get(run.run_id, folder=tmp_path).tasks] == ["b", "a"]
