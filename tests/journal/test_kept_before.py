"""What a process kept just before it was killed is known to whoever goes on with its run, also if no event tells it."""

from __future__ import annotations

from pathlib import Path

from nika_core.journal import Journal, RunInfo
from nika_core.journal.blobs import LARGE


async def test_what_was_kept_since_the_run_was_read_is_known_although_no_event_has_come(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(RunInfo("w", "/project/w.nika.yaml", "tasks: []\n", started=1.7e9))
        log.put("k", "early", {"a": 1})
        await log.barrier()
        found = journal.load(log.run_id)
        log.put("k", "late", ["x" * LARGE])
        log.put("k", "early", {"a": 2})
        await log.barrier()
        log.release()
        resumed = journal.resume(log.run_id)
        assert resumed.position == found.position, "nothing but the memo has changed"
        assert found.memo == {("k", "early"): {"a": 1}}
        assert resumed.kept_before() == {("k", "early"): {"a": 2}, ("k", "late"): ["x" * LARGE]}
        assert resumed.kept_before() == journal.load(log.run_id).memo
        resumed.release()
