"""What events say of a run's tasks: states, sums, folding and sorting."""

from __future__ import annotations

from typing import Any

from nika_command_watch.drawing import Drawing, name_width, wrapped
from nika_command_watch.model import RunModel
from rich.cells import cell_len

from nika_core.plugin import Event, EventKind


class Told:
    """Makes events."""

    def __init__(self) -> None:
        self.model = RunModel()
        self.seq = 0

    def __call__(self, kind: str, task: str | None = None, at: float = 0.0, **data: Any) -> None:
        self.seq += 1
        self.model.add([Event(self.seq, "r", at or float(self.seq), kind, task, data)])


def usage(tokens: int, cost: str) -> dict[str, Any]:
    return {"inputTokens": tokens, "outputTokens": 0, "costUsd": cost}


def test_usage_is_summed_in_what_a_task_is_inside_of_and_counts_once() -> None:
    told = Told()
    told(EventKind.TASK_STARTED, "each", group="each", items=2)
    for item in ("each[0]", "each[1]"):
        told(EventKind.TASK_STARTED, item)
        told(EventKind.MODEL_CALLED, item, model="m", usage=usage(10, "0.5"))
        told(EventKind.TASK_SUCCEEDED, item, usage=usage(10, "0.5"), output="x")
    told(EventKind.MODEL_CALLED, "each[0]", model="m", usage=usage(10, "0.5"), reused=True)
    told(EventKind.TASK_SUCCEEDED, "each", usage=usage(20, "1.0"))
    model = told.model
    assert (model.tokens, model.cost) == (20, 1.0)
    assert (model.nodes["each"].tokens, model.nodes["each"].cost) == (20, 1.0)
    assert model.counts["success"] == 2  # the list itself is none of its items
    assert model.nodes["each"].counts["success"] == 2


def test_a_long_list_is_one_row_until_it_is_unfolded_and_a_short_one_is_open() -> None:
    told = Told()
    for name, items in (("long", 21), ("short", 2)):
        told(EventKind.TASK_STARTED, name, group="each", items=items)
        for item in range(items):
            told(EventKind.TASK_STARTED, f"{name}[{item}]")
    assert [node.id for node in told.model.rows()] == ["long", "short", "short[0]", "short[1]"]
    told.model.nodes["long"].folded = False
    assert len(told.model.rows()) == 25


def test_rows_are_sorted_by_cost_and_by_time_within_what_they_are_in() -> None:
    told = Told()
    told(EventKind.TASK_STARTED, "a", at=1.0)
    told(EventKind.TASK_STARTED, "b", at=1.0)
    told(EventKind.MODEL_CALLED, "b", model="m", usage=usage(1, "2"))
    told(EventKind.TASK_SUCCEEDED, "b", at=2.0)
    told(EventKind.TASK_SUCCEEDED, "a", at=9.0)
    told(EventKind.TASK_STARTED, "c", at=1.0)
    assert [node.id for node in told.model.rows("cost")] == ["b", "a", "c"]
    assert [node.id for node in told.model.rows("time")] == ["c", "a", "b"]  # what still runs takes longest


def test_a_question_is_open_until_its_task_goes_on() -> None:
    told = Told()
    told(EventKind.TASK_STARTED, "ask")
    told(EventKind.TASK_WAITING, "ask", key="k", about={"kind": "question", "message": "Sure?"})
    told(EventKind.TASK_STARTED, "hook")
    told(EventKind.TASK_WAITING, "hook", key="k", about={"message": "a callback"})
    assert [node.id for node in told.model.open_questions()] == ["ask"]
    told(EventKind.TASK_READY, "ask")
    assert told.model.open_questions() == []


def test_ten_thousand_items_are_read_in_a_fraction_of_a_second() -> None:
    import time

    told = Told()
    events = [Event(1, "r", 1.0, EventKind.TASK_STARTED, "each", {"group": "each", "items": 10_000})]
    for number in range(10_000):
        events.append(Event(len(events), "r", 1.0, EventKind.TASK_STARTED, f"each[{number}]", {"attempt": 1}))
        events.append(Event(len(events), "r", 2.0, EventKind.TASK_SUCCEEDED, f"each[{number}]", {"output": "x"}))
    begun = time.process_time()
    told.model.add(events)
    told.model.nodes["each"].folded = False
    assert len(told.model.rows("time")) == 10_001
    assert time.process_time() - begun < 2.0  # 0.1 s alone on a fast machine


def test_no_row_is_wider_than_the_terminal_whatever_is_in_it() -> None:
    told = Told()
    told(EventKind.TASK_STARTED, "each", group="each", items=3, keyword="workflow")
    told(EventKind.TASK_STARTED, "each[0]", key="名前" * 30, keyword="llm", attempt=12)
    told(EventKind.MODEL_CALLED, "each[0]", model="m" * 99, usage=usage(10**9, "12345.678"))
    told(EventKind.TASK_FAILED, "each[0]", error={"code": "NIKA-1", "message": "no\n" * 50}, keyword="llm")
    drawing = Drawing(lambda text: text, unicode=False)
    nodes = told.model.rows()
    for width in (5, 20, 37, 60, 100, 200):
        for node in nodes:
            cells = drawing.node(node, width, name_width(nodes, width), 9.0, lives=True)
            assert sum(cell_len(text) for text, _ in cells) <= width
            assert not any("\n" in text for text, _ in cells)


def test_a_line_is_wrapped_by_columns() -> None:
    assert wrapped("名前名前", 4) == ["名前", "名前"]
    assert wrapped("", 4) == [""]


def test_ids_of_a_damaged_history_end_in_rows_too() -> None:
    told = Told()
    for id_ in ("[0]" * 500, "/", "", "a//b", "@1", "x[9999999999999]"):
        told(EventKind.TASK_STARTED, id_)
        told(EventKind.TASK_SUCCEEDED, id_, usage={"costUsd": "none", "inputTokens": "x"})
    assert told.model.rows()
