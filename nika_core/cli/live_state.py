"""What a run is doing now, gathered from its events. It knows no clock and no terminal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from nika_core.cli.group_progress import GroupProgress, Groups
from nika_core.cli.tool_text import tool_text
from nika_core.cli.waiting import needs_signal, waits_for_text
from nika_core.model.events import Event, EventKind
from nika_core.model.ids import definition_path
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.workflow import Workflow

_LINE_END: Final = re.compile(r"[\r\n]+")
_TAIL: Final = 500  # characters of a stream that are kept
_WHOLE: Final = 20_000  # the same for a run of a single task, whose text is shown as it comes
_AGES: Final = (2.0, 10.0, 60.0)  # seconds: what changed within the same span keeps its order
_ENDED: Final[Mapping[str, str]] = {
    EventKind.TASK_SUCCEEDED: "done",
    EventKind.TASK_REUSED: "done",
    EventKind.TASK_SKIPPED: "done",
    EventKind.TASK_FAILED: "failed",
}


class Row:
    """A task, or a node inside one that waits.

    Attributes:
        state: "running", "retrying" until the next attempt, "asked" (somebody has to answer), or "waiting".
        since: when it started or began to wait, in seconds since the epoch.
        changed: when something was last heard of it.
        until: when the next attempt begins.
        tail: the end of what it streams.
        note: what it did last, why it is tried again, or what it waits for.
        speaker: the node inside the task whose text `tail` or `note` is.
        progress: how far it is, by its own account: done, total or None, text.
        group: what it consists of, if it stands for several nodes.
    """

    __slots__ = (
        "attempt",
        "changed",
        "group",
        "keyword",
        "note",
        "progress",
        "since",
        "speaker",
        "state",
        "tail",
        "task",
        "until",
    )

    def __init__(self, task: str, keyword: str, at: float, state: str = "running", note: str = "") -> None:
        self.task = task
        self.keyword = keyword
        self.state = state
        self.since = self.changed = at
        self.until = 0.0
        self.attempt = 1
        self.tail = ""
        self.note = note
        self.speaker = ""
        self.progress: tuple[float, float | None, str] | None = None
        self.group: GroupProgress | None = None

    def last_line(self) -> str:
        """Return the last line of its stream that is not empty."""
        for line in reversed(_LINE_END.split(self.tail)):
            if line and not line.isspace():
                return line
        return ""


class LiveState:
    """The state of a run.

    Attributes:
        name: the workflow's.
        total: how many tasks it has.
        started: when this life of the run began, in seconds since the epoch; None: it has not.
        rows: what runs or waits, by node.
        tokens, cost_usd: used so far.
        unpriced: whether a model without a known price was called.
        max_tokens, max_cost: the run's budget; None: there is none.
        single: whether the run is one task, whose text is shown as it comes.
    """

    def __init__(self, workflow: Workflow, groups: Groups, limits: Limits | None = None) -> None:
        """Args: groups: the caller counts each event in them before it is taken here."""
        self.name = workflow.name
        self.total = len(workflow.tasks)
        self.single = self.total == 1
        self.started: float | None = None
        self.rows: dict[str, Row] = {}
        self.tokens = 0
        self.cost_usd = 0.0
        self.unpriced = False
        amounts: Mapping[str, Any] = {} if limits is None else limits.amounts
        self.max_tokens: float | None = amounts.get(LimitKind.RUN_TOKENS)
        self.max_cost: float | None = amounts.get(LimitKind.RUN_COST)
        self._groups = groups
        self._keywords = {task.id: task.keyword for task in workflow.tasks}
        self._states: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._calls: dict[str, tuple[int, float]] = {}  # of nodes that have not ended
        self._waits: set[str] = set()
        self._kept = _WHOLE if self.single else _TAIL

    @property
    def done(self) -> int:
        """How many tasks succeeded or were skipped."""
        return self._counts["done"]

    @property
    def running(self) -> int:
        """How many tasks run, or are about to be tried again."""
        return self._counts["running"]

    @property
    def waiting(self) -> int:
        """How many nodes wait for something outside."""
        return len(self._waits)

    @property
    def failed(self) -> int:
        """How many tasks failed."""
        return self._counts["failed"]

    @property
    def interrupted(self) -> int:
        """How many tasks were ended before their end."""
        return self._counts["interrupted"]

    def take(self, event: Event) -> None:
        """Learn of an event."""
        node, kind = event.task, event.kind
        if node is None:
            if kind == EventKind.RUN_STARTED:
                self.started = event.at
            elif kind == EventKind.MODEL_CALLED:
                self._called("", event.data)
            return
        if self.started is None:  # attached to a run that goes on
            self.started = event.at
        group = self._groups.of(node)
        top = node if group is None else group.task
        row = self.rows.get(top)
        if row is not None:
            row.changed = event.at
        ended = _ENDED.get(kind)
        if ended is not None:
            self._end(node, top, ended, event.data)
        elif kind == EventKind.TASK_STARTED:
            self._start(node, top, event)
        elif kind == EventKind.MODEL_CALLED:
            self._called(node, event.data)
        elif kind == EventKind.TASK_WAITING:
            self._wait(node, top, event)
        elif kind == EventKind.SIGNAL_RECEIVED:
            if node in self._waits:
                self._answered(node)
        elif row is not None:
            self._tell(row, node, event)

    def order(self, now: float) -> list[Row]:
        """Return the rows: what somebody has to answer, then what streams or has changed last.

        Rows that changed at about the same time keep their order, so that they do not jump about.
        """
        rows = list(self.rows.values())
        rows.sort(key=lambda row: _rank(row, now))
        return rows

    def _start(self, node: str, top: str, event: Event) -> None:
        self._waits.discard(node)
        if node != top:
            waited = self.rows.get(node)
            if waited is not None:
                del self.rows[node]
            return
        data = event.data
        row = self.rows.get(node)
        if row is None or row.state in ("asked", "waiting"):
            row = self.rows[node] = Row(node, str(data.get("keyword") or self._keywords.get(node, "")), event.at)
        row.state, row.attempt, row.tail, row.note, row.speaker = "running", int(data.get("attempt", 1)), "", "", ""
        row.progress = None
        row.group = self._groups.of(node)
        self._set(node, "running")

    def _end(self, node: str, top: str, ended: str, data: Mapping[str, Any]) -> None:
        called = self._calls.pop(node, None)
        usage = data.get("usage")
        if usage:
            self._count(usage, called)
        self._waits.discard(node)
        self.rows.pop(node, None)
        if node == top:
            if ended == "failed" and (data.get("error") or {}).get("category") == "cancelled":
                ended = "interrupted"
            self._set(node, ended)

    def _wait(self, node: str, top: str, event: Event) -> None:
        about = event.data.get("about") or {}
        state = "asked" if needs_signal(about) else "waiting"
        keyword = self._keywords.get(node) or self._keywords.get(definition_path(top), "")
        self.rows[node] = Row(node, keyword, event.at, state, waits_for_text(about))
        self._waits.add(node)
        if node == top:
            self._set(node, "waiting")

    def _answered(self, node: str) -> None:
        self._waits.discard(node)
        self.rows.pop(node, None)
        if node in self._states:
            self._set(node, "ready")

    def _tell(self, row: Row, node: str, event: Event) -> None:
        data, kind = event.data, event.kind
        if kind == EventKind.CHUNK:
            row.tail = (row.tail + str(data.get("text", ""))[-self._kept :])[-self._kept :]
        elif kind == EventKind.PROGRESS:
            total = data.get("total")
            row.progress = (data.get("done", 0), total, str(data.get("text", "")))
        elif kind == EventKind.TASK_RETRYING:
            error = data.get("error") or {}
            row.note = f"[{error.get('code')}] {error.get('message')}"
            if node == row.task:
                row.state, row.tail = "retrying", ""
                row.until = event.at + float(data.get("delay", 0))
        elif kind == EventKind.TOOL_CALLED:
            row.note, row.tail = tool_text(data), ""
        else:
            return
        row.speaker = "" if node == row.task else node

    def _set(self, task: str, state: str) -> None:
        before = self._states.get(task)
        if before != state:
            self._states[task] = state
            self._counts[state] += 1
            if before is not None:
                self._counts[before] -= 1

    def _called(self, node: str, data: Mapping[str, Any]) -> None:
        usage = data.get("usage")
        if not usage or data.get("reused"):
            return
        tokens, cost = self._calls.get(node, (0, 0.0))
        more, costs = self._count(usage, None)
        self._calls[node] = (tokens + more, cost + costs)

    def _count(self, usage: Mapping[str, Any], counted: tuple[int, float] | None) -> tuple[int, float]:
        """Count what was used, without what of it was `counted` before. Return the tokens and the cost."""
        tokens = int(usage.get("inputTokens", 0)) + int(usage.get("outputTokens", 0))
        cost = float(usage.get("costUsd") or 0)
        before, paid = counted or (0, 0.0)
        self.tokens += max(0, tokens - before)
        self.cost_usd += max(0.0, cost - paid)
        self.unpriced = self.unpriced or bool(usage.get("unpriced"))
        return tokens, cost


def _rank(row: Row, now: float) -> tuple[int, int]:
    first = 0 if row.state == "asked" else 2 if row.state == "waiting" else 1
    age = now - row.changed
    return first, sum(age > span for span in _AGES)
