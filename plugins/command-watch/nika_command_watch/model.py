"""What the events of a run say of its tasks, kept up to date event by event: a tree that can be folded and sorted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nika_core.plugin import Event, EventKind

WAITING: Final = "waiting"
RUNNING: Final = "running"
ENDED: Final = ("success", "reused", "failed", "cancelled", "skipped")
_STATES: Final[Mapping[str, str]] = {
    EventKind.TASK_STARTED: RUNNING,
    EventKind.TASK_WAITING: WAITING,
    EventKind.TASK_SUCCEEDED: "success",
    EventKind.TASK_REUSED: "reused",
    EventKind.TASK_FAILED: "failed",
    EventKind.TASK_SKIPPED: "skipped",
}
_PARENT: Final = re.compile(r"(.+?)(?:\[\d+\]|@\d+|/[^/]+)\Z", re.DOTALL)
_FOLDED: Final = 20  # a group with more nodes in it is one row until it is unfolded
_DEEPEST: Final = 50
_SHOWN: Final = 300  # characters of what an event says, in the list of a task's events
_EVENTS: Final = 1000  # latest events of a task that are kept
ORDERS: Final = ("order", "cost", "time")


@dataclass(slots=True, eq=False)
class Node:
    """A task, an item, a round, or a task inside one.

    Attributes:
        state: running, waiting, retrying, or how it ended; "": nothing is known of it but that it is there.
        started, ended: seconds since the epoch; 0.0: it has not.
        tokens, cost: of all that is inside it, too.
        counts: how many of its children have each state.
        total: how many children it is to have; None: that is not known.
        now: what it does, in a few words.
        answered: whether its question has been answered here, and the run has not taken the answer yet.
        end: what was told when it ended.
        changed: the number of the last event about it.
    """

    id: str
    parent: Node | None
    depth: int
    children: list[Node] = field(default_factory=list)
    state: str = ""
    keyword: str = ""
    key: str = ""
    group: str = ""
    attempt: int = 0
    started: float = 0.0
    ended: float = 0.0
    tokens: int = 0
    cost: float = 0.0
    own: tuple[int, float] = (0, 0.0)
    counts: Counter[str] = field(default_factory=Counter)
    total: int | None = None
    now: str = ""
    waits_for: Mapping[str, Any] = field(default_factory=dict)
    answered: bool = False
    end: Mapping[str, Any] = field(default_factory=dict)
    events: list[tuple[float, str, str]] = field(default_factory=list)
    folded: bool | None = None
    changed: int = 0

    @property
    def name(self) -> str:
        """Return its id below that of the node it is in."""
        return self.id if self.parent is None else self.id[len(self.parent.id) :].lstrip("/")

    @property
    def is_folded(self) -> bool:
        """Return whether what is inside it is not shown: if nobody has said, when that is much."""
        return len(self.children) > _FOLDED if self.folded is None else self.folded

    def seconds(self, now: float) -> float:
        """Return how long it has taken so far, or took."""
        return max(0.0, (self.ended or now) - self.started) if self.started else 0.0


class RunModel:
    """A run's tasks. Events come in order, each once.

    Attributes:
        counts: how many tasks have each state, without those that only stand for others.
        began: when the run did, in seconds since the epoch; 0.0: no event has come yet.
        status: how the run has ended, as its last event says; "": it has not.
        structure: grows whenever rows come or go.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.tops: list[Node] = []
        self.counts: Counter[str] = Counter()
        self.tokens = 0
        self.cost = 0.0
        self.limits: Mapping[str, Any] = {}
        self.began = 0.0
        self.latest = 0.0
        self.status = ""
        self.structure = 0
        self.notice = ""

    def add(self, events: Iterable[Event]) -> None:
        """Take note of events."""
        for event in events:
            self.latest = max(self.latest, event.at)
            if event.task is None:
                self._of_the_run(event)
            else:
                self._of_a_task(event, self._node(event.task))

    def rows(self, order: str = "order") -> list[Node]:
        """Return the nodes that are to be shown, one below the other."""
        key = _sort_key(order)
        found: list[Node] = []
        waiting = [iter(self.tops if key is None else sorted(self.tops, key=key))]
        while waiting:
            node = next(waiting[-1], None)
            if node is None:
                waiting.pop()
                continue
            found.append(node)
            if node.children and not node.is_folded:
                waiting.append(iter(node.children if key is None else sorted(node.children, key=key)))
        return found

    def open_questions(self) -> list[Node]:
        """Return the nodes that wait for a person."""
        nodes = self.nodes.values()
        return [node for node in nodes if node.state == WAITING and is_question(node) and not node.answered]

    def _of_the_run(self, event: Event) -> None:
        if event.kind == EventKind.RUN_STARTED:
            self.began = self.began or event.at
            self.status = ""
        elif event.kind == EventKind.RUN_FINISHED:
            self.status = str(event.data.get("status", ""))
        elif event.kind == EventKind.NOTICE:
            self.notice = str(event.data.get("message", ""))

    def _node(self, id_: str) -> Node:
        node = self.nodes.get(id_)
        if node is None:
            inside = _PARENT.match(id_)
            is_path = sum(map(id_.count, "/[@")) < _DEEPEST  # a damaged history has any text
            parent = self._node(inside[1]) if inside is not None and is_path else None
            node = self.nodes[id_] = Node(id_, parent, 0 if parent is None else parent.depth + 1)
            (self.tops if parent is None else parent.children).append(node)
            if parent is not None and len(parent.children) == 1:
                self._leave_out(parent)
            self.structure += 1
        return node

    def _of_a_task(self, event: Event, node: Node) -> None:
        data, kind = event.data, event.kind
        node.changed, node.answered = event.seq, False
        if kind != EventKind.MODEL_ASKED:
            node.events.append((event.at, str(kind), _short(data)))
            if len(node.events) > _EVENTS:
                del node.events[: _EVENTS // 2]
        if kind in _STATES:
            self._enter(node, event, _STATES[EventKind(kind)])
        elif kind == EventKind.TASK_RETRYING:
            node.now = f"again in {float(data.get('delay') or 0):.1f} s: {_message(data)}"
        elif kind == EventKind.TASK_READY and node.state == WAITING:
            self._become(node, RUNNING)
        elif kind == EventKind.MODEL_ASKED:
            node.now = "asks a model"
        elif kind == EventKind.MODEL_CALLED:
            node.now = f"answered by {data.get('model', 'a model')}"
            if not data.get("reused"):
                tokens, cost = _usage(data)
                self._spend(node, node.own[0] + tokens, node.own[1] + cost)
        elif kind == EventKind.TOOL_CALLED:
            failed = " failed" if data.get("isError") else ""
            node.now = f"tool {data.get('tool', '')}{failed}"
        elif kind in (EventKind.NOTICE, EventKind.DECISION):
            node.now = str(data.get("message") or data.get("reason") or "")

    def _enter(self, node: Node, event: Event, state: str) -> None:
        data = event.data
        node.keyword = str(data.get("keyword") or node.keyword)
        if state == RUNNING:
            node.started, node.ended, node.end = event.at, 0.0, {}
            node.attempt = _whole(data.get("attempt")) or 1
            node.group = str(data.get("group") or node.group)
            total = data.get("items", data.get("max", data.get("tasks")))
            node.total = total if isinstance(total, int) else node.total
            node.key = str(data.get("key") or node.key)
            node.now = ""
        elif state == WAITING:
            about = data.get("about")
            node.waits_for = about if isinstance(about, Mapping) else {}
            node.now = str(node.waits_for.get("message") or f"waits for {data.get('key', 'something outside')}")
        else:
            node.ended, node.end, node.now = event.at, data, _message(data) if state == "failed" else ""
            node.started = node.started or event.at
            if state == "skipped":
                node.now = str(data.get("reason") or "")
            elif state == "failed" and (data.get("error") or {}).get("category") == "cancelled":
                state = "cancelled"
            if not node.children and "usage" in data:
                tokens, cost = _usage(data)
                self._spend(node, max(tokens, node.own[0]), max(cost, node.own[1]))
        self._become(node, state)

    def _become(self, node: Node, state: str) -> None:
        before, node.state = node.state, state
        self._count(node, before, state)

    def _count(self, node: Node, before: str, state: str) -> None:
        if node.parent is not None:
            if before:
                node.parent.counts[before] -= 1
            if state:
                node.parent.counts[state] += 1
        if not node.children and not node.group:
            if before:
                self.counts[before] -= 1
            if state:
                self.counts[state] += 1

    def _leave_out(self, node: Node) -> None:
        """Count a node no longer: it turned out to stand for others."""
        if node.state and not node.group:
            self.counts[node.state] -= 1

    def _spend(self, node: Node, tokens: int, cost: float) -> None:
        more_tokens, more_cost = tokens - node.own[0], cost - node.own[1]
        node.own = tokens, cost
        above: Node | None = node
        while above is not None:
            above.tokens += more_tokens
            above.cost += more_cost
            above = above.parent
        self.tokens += more_tokens
        self.cost += more_cost


def is_question(node: Node) -> bool:
    """Return whether what a node waits for is a person's answer."""
    return node.waits_for.get("kind") == "question"


def _sort_key(order: str) -> Callable[[Node], Any] | None:
    if order == "cost":
        return lambda node: (-node.cost, -node.tokens)
    if order == "time":
        return lambda node: -((node.ended or float("inf")) - node.started) if node.started else 0.0
    return None


def _message(data: Mapping[str, Any]) -> str:
    error = data.get("error")
    if not isinstance(error, Mapping):
        return ""
    return f"[{error.get('code', '')}] {error.get('message', '')}"


def _usage(data: Mapping[str, Any]) -> tuple[int, float]:
    usage = data.get("usage")
    if not isinstance(usage, Mapping):
        return 0, 0.0
    try:
        cost = float(usage.get("costUsd") or 0)
    except (TypeError, ValueError):
        cost = 0.0
    return _whole(usage.get("inputTokens")) + _whole(usage.get("outputTokens")), cost


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _short(data: Mapping[str, Any]) -> str:
    parts = [f"{name}={value}" for name, value in data.items() if name not in ("reply", "usage")]
    text = " ".join(part if len(part) <= _SHOWN else part[:_SHOWN] + "…" for part in parts)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
