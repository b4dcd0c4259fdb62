"""Answers to questions that have changed since: they are void, and the run says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nika_core.app.task_histories import TaskHistory, task_histories
from nika_core.engine.core.messages import Awaited
from nika_core.journal import RecordedSignal
from nika_core.model.events import Event
from nika_core.model.ids import NodeId
from nika_core.model.question import answer_text, is_question
from nika_core.model.text import time_text


class EarlierAnswers:
    """The answers in a run's history, by the task that had asked."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = events
        self._histories: dict[str, TaskHistory] | None = None

    def void(self, waiting: Mapping[NodeId, Awaited]) -> list[RecordedSignal]:
        """Return the answers to what these tasks had asked before, and do not ask any more; each once."""
        begun = {node: awaited for node, awaited in waiting.items() if awaited.epoch}
        if not begun:
            return []
        if self._histories is None:
            self._histories = task_histories(self._events)
        void: list[RecordedSignal] = []
        for node, awaited in begun.items():
            history = self._histories.pop(node, None)
            if history is None or history.epoch == awaited.epoch:
                continue
            for wait in history.waits.values():
                if wait.received is not None and wait.key != awaited.key and is_question(wait.about):
                    sender, at = sent_by(wait.sender), wait.sender.get("at", wait.received)
                    void.append(RecordedSignal(node, wait.key, wait.payload, sender, at))
        return void


def void_text(signal: RecordedSignal) -> str:
    """Return what is told of an answer that is void."""
    by = f" by {signal.sender}" if signal.sender else ""
    return (
        f"the answer `{answer_text(signal.payload):.200}` to `{signal.node}`, given{by} at {time_text(signal.at)}, is "
        "void: its question has changed since, and is asked anew"
    )


def sent_by(sender: Mapping[str, Any]) -> str:
    """Return who sent a signal, and from where; "" if nobody knows."""
    return str(sender.get("by", ""))
