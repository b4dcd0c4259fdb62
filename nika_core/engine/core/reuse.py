"""Resume: which finished tasks are reused, which are done again, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from nika_core.engine.core.previous_tasks import PreviousTask
from nika_core.errors import Category
from nika_core.model.graph import Graph


class ReuseAction(Enum):
    """What becomes of a task that an earlier run knew."""

    REUSE = "reuse"
    SKIP = "skip"  # the main agent decided so, and its decision holds
    RUN = "run"


@dataclass(frozen=True, slots=True)
class ReuseDecision:
    """`reason` is for the user; `epoch` is the one to run under."""

    verdict: ReuseAction
    reason: str
    epoch: int = 1


FRESH = ReuseDecision(ReuseAction.RUN, "")
_NEW = ReuseDecision(ReuseAction.RUN, "it had not been started")


class Reuse:
    """Decides by the hashes of definition and payload. `active`: there is something earlier to decide about.

    `conversing` are the tasks whose messages others may see.
    """

    def __init__(
        self,
        previous: Mapping[str, PreviousTask],
        graph: Graph,
        rerun_from: str | None,
        conversing: frozenset[str] = frozenset(),
    ) -> None:
        self._previous = previous
        self._needed = graph.read | conversing
        self._rerun = below(graph, rerun_from) if rerun_from is not None else frozenset()
        self.active = bool(previous)

    def choose(self, task: str, definition: str, payload: str) -> ReuseDecision:
        """For a task that could start now, where there is something earlier."""
        was = self._previous.get(task)
        if was is None:
            return _NEW
        following = was.epoch + 1
        if task in self._rerun:
            return ReuseDecision(ReuseAction.RUN, "you asked for it with --from", following)
        if not was.epoch:
            return _NEW
        if was.definition != definition:
            return ReuseDecision(ReuseAction.RUN, "its definition has changed", following)
        if was.payload != payload:
            return ReuseDecision(ReuseAction.RUN, "what it is given has changed", following)
        return self._unchanged(was, needed=task in self._needed)

    def _unchanged(self, was: PreviousTask, *, needed: bool) -> ReuseDecision:
        if was.state == "skipped":
            return ReuseDecision(ReuseAction.SKIP, "the main agent had decided to skip it", was.epoch)
        if was.state == "success":
            if was.outcome.withheld and needed:
                return ReuseDecision(
                    ReuseAction.RUN, "its output held a secret, which history does not keep", was.epoch + 1
                )
            if was.lost:
                return ReuseDecision(ReuseAction.RUN, "its output is lost: a file under .nika/blobs", was.epoch + 1)
            return ReuseDecision(ReuseAction.REUSE, "its definition and what it is given are unchanged", was.epoch)
        if was.state == "running":
            return ReuseDecision(ReuseAction.RUN, "it had been interrupted", was.epoch)
        # The same answers would fail the same check again; after any other failure what was paid for still counts.
        category = was.outcome.failure.category if was.outcome.failure else None
        epoch = was.epoch + 1 if category is Category.VALIDATION else was.epoch
        reason = "it had been cancelled" if category is Category.CANCELLED else "it had failed"
        return ReuseDecision(ReuseAction.RUN, reason, epoch)


def below(graph: Graph, task: str) -> frozenset[str]:
    """`task` and everything that depends on it."""
    found = {task}
    todo = [task]
    while todo:
        for edge in graph.outgoing.get(todo.pop(), ()):
            if edge.target not in found:
                found.add(edge.target)
                todo.append(edge.target)
    return frozenset(found)
