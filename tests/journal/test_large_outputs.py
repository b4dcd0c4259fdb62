"""Large outputs: equal ones share one file, and a history is shown without reading them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nika_core.journal import Journal, RunInfo
from nika_core.journal.blobs import LARGE
from nika_core.model.events import Event, EventKind

INFO = RunInfo("w", "/project/w.nika.yaml", "tasks: []\n", started=1.7e9)
LONG = "é" * (LARGE + 1)
LISTED = ["x" * LARGE]


def blobs(folder: Path) -> list[Path]:
    return [path for path in (folder / ".nika" / "blobs").rglob("*") if path.is_file()]


async def recorded(journal: Journal, *data: dict[str, Any]) -> str:
    log = journal.begin(INFO)
    events = [Event(n, log.run_id, 1.7e9, EventKind.TASK_SUCCEEDED, f"t{n}", each) for n, each in enumerate(data, 1)]
    log.record(events)
    await log.finish("succeeded", 1.7e9)
    return log.run_id


@pytest.mark.parametrize("output", [LONG, LISTED], ids=["a text", "a list"])
async def test_equal_outputs_share_one_file_and_one_object(tmp_path: Path, output: Any) -> None:
    data = [{"attempts": 1, "durationMs": n, "output": output} for n in range(20)]
    with Journal.open(tmp_path) as journal:
        found = journal.load(await recorded(journal, *data))
    assert [event.data for event in found.events] == data
    assert len(blobs(tmp_path)) == 1
    assert len({id(event.data["output"]) for event in found.events}) == 1


async def test_an_event_whose_other_data_are_large_comes_back_whole(tmp_path: Path) -> None:
    data: list[dict[str, Any]] = [
        {"output": LONG},
        {"output": LONG, "messages": [LONG]},
        {"messages": [LONG]},
        {"output": "x", "messages": [LONG]},
    ]
    with Journal.open(tmp_path) as journal:
        run = await recorded(journal, *data)
        for large in (True, False):
            assert [event.data for event in journal.load(run, large=large).events] == data


@pytest.mark.parametrize(
    ("output", "start"),
    [
        (LONG, {"text": "é" * 200, "length": LARGE + 1}),
        (LISTED, {"text": '["' + "x" * 198, "length": LARGE + 4}),
    ],
    ids=["a text", "a list"],
)
async def test_without_large_outputs_an_event_has_the_start_of_it_and_no_file_is_read(
    tmp_path: Path, output: Any, start: dict[str, Any]
) -> None:
    with Journal.open(tmp_path) as journal:
        run = await recorded(journal, {"attempts": 1, "output": output}, {"attempts": 1, "output": "small"})
        for path in blobs(tmp_path):
            path.unlink()
        large, small = (event.data for event in journal.load(run, large=False).events)
        assert large == {"attempts": 1, "outputStart": start}
        assert small == {"attempts": 1, "output": "small"}
        assert journal.load(run).events[0].data.keys() == {"attempts", "lost"}
