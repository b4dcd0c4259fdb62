"""A run on a backend is resumed from its events: from all of them, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.errors import UsageError

KINDS = ["run.started", "task.started", "task.succeeded", "run.finished"]


@pytest.fixture
def earlier(tmp_path: Path) -> Callable[[list[int]], Any]:
    workflow = tmp_path / "w.nika.yaml"
    workflow.write_text("tasks: []\n")
    definition = {"run": "r1", "path": str(workflow), "inputs": {}, "options": {}}

    def earlier(numbers: list[int]) -> Any:
        events = [{"seq": n, "at": 0, "kind": KINDS[n - 1], "task": None, "data": {}} for n in numbers]
        return nika.backends.earlier(definition, iter(events))

    return earlier


def test_all_events_of_a_run_are_reused(earlier: Callable[[list[int]], Any]) -> None:
    assert [event["seq"] for event in earlier([1, 2, 3, 4]).events] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("numbers", "after"), [([], 0), ([3, 4], 0), ([1, 4], 1), ([1, 2, 3], 3)], ids=["none", "first", "middle", "last"]
)
def test_a_run_with_a_missing_event_is_not_resumed_since_it_would_pay_again(
    earlier: Callable[[list[int]], Any], numbers: list[int], after: int
) -> None:
    with pytest.raises(UsageError, match=f"did after its event {after} is not known") as caught:
        earlier(numbers)
    assert "worker" in str(caught.value.hint)
