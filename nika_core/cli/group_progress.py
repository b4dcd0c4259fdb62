"""Lists, loops and inner workflows in the progress of a run: one row each with counts, however many nodes they have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nika_core.model.codec import usage_of
from nika_core.model.events import Event, EventKind
from nika_core.model.ids import parent_id, segments, top_task
from nika_core.model.usage import NOTHING, Usage

NAMED: Final = 10  # failed items of one list that are named
_MILESTONES: Final = 10  # lines that tell how far a long list is
_ENDS: Final[Mapping[str, str]] = {
    EventKind.TASK_SUCCEEDED: "success",
    EventKind.TASK_REUSED: "reused",
    EventKind.TASK_SKIPPED: "skipped",
    EventKind.TASK_FAILED: "failed",
}
_FIGURES: Final = frozenset({EventKind.TASK_SUCCEEDED, EventKind.TASK_FAILED})
_SUCCEEDED: Final = ("success", "reused")
_PARTS: Final = {"each": ("item", "items"), "loop": ("round", "rounds"), "workflow": ("task", "tasks")}


class GroupProgress:
    """How far a task is that stands for several nodes: of its own items, rounds or inner tasks, not of theirs.

    Attributes:
        task: the task.
        total: how many there are; of a loop the most that there can be; None: that is not known.
        ended: how many ended, by state.
        usage: of all that is inside it.
    """

    def __init__(self, task: str, data: Mapping[str, Any]) -> None:
        self.task = task
        self._kind = str(data.get("group"))
        total = data.get("items", data.get("max", data.get("tasks")))
        self.total = total if isinstance(total, int) else None
        self.ended: dict[str, int] = {}
        self._failed: set[str] = set()
        self._running: set[str] = set()
        self.usage: Usage = NOTHING
        self._round = 0
        self._notices = 0

    def take(self, event: Event) -> bool:
        """Count an event of a node inside it. Return whether the node is directly inside, and has ended."""
        assert event.task is not None
        if event.kind in _FIGURES and (usage := event.data.get("usage")):
            self.usage = self.usage + usage_of(usage)
        if parent_id(event.task) != self.task:
            return False
        if event.kind is EventKind.TASK_STARTED and self._kind == "loop":
            self._round = segments(event.task)[-1][2] or self._round
        state = _ENDS.get(event.kind)
        if event.kind is EventKind.TASK_STARTED:
            self._running.add(event.task)
        elif state or event.kind is EventKind.TASK_WAITING:
            self._running.discard(event.task)
        if event.task in self._failed and (state or event.kind is EventKind.TASK_STARTED):
            self._failed.discard(event.task)  # agentic mode: it is done again, or counts as skipped
            self._count("failed", -1)
        if state is None:
            return False
        if state == "failed" and (event.data.get("error") or {}).get("category") == "cancelled":
            state = "cancelled"
        if state == "failed":
            self._failed.add(event.task)
        self._count(state, 1)
        return True

    @property
    def done(self) -> int:
        """How many have ended."""
        return sum(self.ended.values())

    @property
    def running(self) -> int:
        """How many have started and not ended, without those that wait."""
        return len(self._running)

    @property
    def names_failure(self) -> bool:
        """Whether the failed item that was counted last is one of those that are named."""
        return self.ended.get("failed", 0) <= NAMED

    def names_notice(self) -> bool:
        """Count something that the user should know; return whether it is among the first few."""
        self._notices += 1
        return self._notices <= NAMED

    @property
    def at_milestone(self) -> bool:
        """Whether a line should tell how far it is: ten times in a long list."""
        total = self.total or 0
        return self._kind == "each" and total >= NAMED * _MILESTONES and self.done % (total // _MILESTONES) == 0

    def started(self) -> str:
        """Return what it consists of, e.g. `10000 items`."""
        if self.total is None:
            return ""
        most = "up to " if self._kind == "loop" else ""
        return f"{most}{self._counted(self.total)}"

    def so_far(self) -> str:
        """Return how far it is, e.g. `120/10000 items, 2 failed`."""
        if self._kind == "loop":
            return f"round {max(self._round, 1)}" + (f" of {self.total}" if self.total else "")
        of = self._counted(self.done) if self.total is None else f"{self.done}/{self._counted(self.total)}"
        return ", ".join([of, *self._not_succeeded()])

    def at_end(self) -> str:
        """Return how it ended, e.g. `10000 items, 9000 reused, 2 failed`."""
        reused = self.ended.get("reused", 0)
        return ", ".join([self._counted(self.done), *([f"{reused} reused"] if reused else []), *self._not_succeeded()])

    def _count(self, state: str, by: int) -> None:
        self.ended[state] = self.ended.get(state, 0) + by

    def _counted(self, count: int) -> str:
        one, several = _PARTS.get(self._kind, ("part", "parts"))
        return f"{count} {one if count == 1 else several}"

    def _not_succeeded(self) -> list[str]:
        return [f"{count} {state}" for state, count in self.ended.items() if count and state not in _SUCCEEDED]


class Groups:
    """The groups of a run that are tasks of its workflow; what is nested deeper belongs to one of them."""

    def __init__(self) -> None:
        self._groups: dict[str, GroupProgress] = {}

    def take(self, event: Event) -> tuple[GroupProgress | None, bool]:
        """Count an event. Return the group that it is about, or happens inside of; and whether an item of it ended."""
        if event.task is None or not (self._groups or "group" in event.data):
            return None, False
        top = top_task(event.task)
        if event.task == top and event.kind is EventKind.TASK_STARTED and "group" in event.data:
            self._groups[top] = GroupProgress(top, event.data)
        group = self._groups.get(top)
        return group, group is not None and event.task != top and group.take(event)

    def of(self, node: str) -> GroupProgress | None:
        """Return the group that a node is, or is inside of."""
        return self._groups.get(top_task(node))
