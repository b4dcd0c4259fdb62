"""A call that was noted just before its process was killed counts in the budget of the resumed run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import nika_core as nika
from nika_core.api.running import open_resumed
from nika_core.engine.core.ports import note_sent
from nika_core.journal import Journal
from nika_core.model.usage import NOTHING, Usage


def test_a_call_that_was_noted_after_the_run_had_been_read_is_counted(tmp_path: Path) -> None:
    (tmp_path / "nika.yaml").write_text("")
    (tmp_path / "w.nika.yaml").write_text(
        "agent: {provider: mock, model: mock-small}\ntasks: [{id: a, llm: hi}, {id: b, fail: no}]\n"
    )
    run = nika.run(tmp_path / "w.nika.yaml").run_id
    execution = nika.start(nika.prepare(tmp_path / "w.nika.yaml", resumed=open_resumed(run, folder=tmp_path)))
    with Journal.open(tmp_path) as journal:
        other = journal.resume(run)
        note_sent(other, f"{run}/a#2", "1", Usage(100, 23), NOTHING)
        asyncio.run(other.barrier())
        other.release()
    asyncio.run(nika.carry_out(execution))
    assert execution._budget.ledger.spent_tokens >= 123
