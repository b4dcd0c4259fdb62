"""How the tasks of a recorded run stand, with their items, rounds and inner tasks, read from the run's events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from nika_core.engine.core.task_usage import with_identity
from nika_core.errors import Category
from nika_core.journal.values import INTERRUPTED, RUNNING
from nika_core.model.codec import usage_json
from nika_core.model.events import Event, EventKind
from nika_core.model.ids import parent_id, segments
from nika_core.model.usage import NOTHING, Usage

# Asked of each event, and Python 3.11 takes five times as long to look up a member of an enum as a name of a module.
_STARTED: Final = EventKind.TASK_STARTED
_WAITING: Final = EventKind.TASK_WAITING
_REUSED: Final = EventKind.TASK_REUSED
_FAILED: Final = EventKind.TASK_FAILED
_SKIPPED: Final = EventKind.TASK_SKIPPED
_STATES: Final[Mapping[str, str]] = {
    _STARTED: RUNNING,
    _WAITING: "waiting",
    EventKind.TASK_SUCCEEDED: "success",
    _REUSED: "success",
    _FAILED: "failed",
    _SKIPPED: "skipped",
}
_CHILDREN: Final = {"each": "items", "loop": "rounds", "workflow": "tasks"}
_MOST_NESTED: Final = 50  # workflows inside each other
CHILDREN_KINDS: Final = tuple(_CHILDREN.values())
_END: Final = ("attempts", "durationMs", "output", "outputStart", "truncated", "error")
_FIGURES: Final = (*_END, "reason")


class _Node:
    """What the events say of one node.

    Attributes:
        life: in which life of the run it last began.
        items: the hash of its list's items; "": it has no list, or the hash is not known.
        told: the events that say how it stands: the last one, and those before it that it adds to.
        group: what its children are; None: it has none.
    """

    __slots__ = ("children", "group", "id", "identity", "items", "key", "keyword", "life", "told")

    def __init__(self, node_id: str) -> None:
        self.id = node_id
        self.identity = node_id
        self.life = 0
        self.items = ""
        self.group: str | None = None
        self.keyword = ""
        self.key: str | None = None
        self.told: list[Event] = []
        self.children: dict[str, _Node] = {}


class RecordedTasks:
    """The nodes of a run as a tree.

    Args:
        usage: what each node has used, by its identity.
        running: whether the run is under way, so that what has started and not ended is.
    """

    def __init__(self, events: Iterable[Event], usage: Mapping[str, Usage], *, running: bool) -> None:
        self._usage = usage
        self._running = running
        self._nodes: dict[str, _Node] = {}
        self._tops: dict[str, _Node] = {}
        life = 0
        for event, identity in with_identity(events):
            kind, task = event.kind, event.task
            if task is not None:
                if kind in _STATES:
                    self._take(event, task, identity, life)
            elif kind is EventKind.RUN_STARTED:
                life += 1

    def as_json(self, declared: Iterable[str]) -> list[dict[str, Any]]:
        """Return the run's tasks, in declared order; last, what the workflow no longer has."""
        order = dict.fromkeys((*declared, *self._tops))
        return [self._json(self._tops[task])[0] for task in order if task in self._tops]

    def _take(self, event: Event, node_id: str, identity: str, life: int) -> None:
        node = self._node(node_id)
        node.identity = identity
        data = event.data
        node.keyword = data.get("keyword", node.keyword)
        if event.kind is not _WAITING:  # there it says what is waited for
            node.key = data.get("key", node.key)
        if event.kind is _STARTED:
            group = _CHILDREN.get(str(data.get("group")))
            items = data.get("payload", "")
            if group is not None and node.life != life and (not items or items != node.items):
                self._forget_children(node)  # in a resumed run they begin anew, unless the list is the same
            node.items = items
            node.group, node.life = group or node.group, life
        if event.kind is _REUSED:  # it says only what differs
            node.told.append(event)
        else:
            node.told = [event]

    def _node(self, node_id: str) -> _Node:
        node = self._nodes.get(node_id)
        if node is None:
            node = self._nodes[node_id] = _Node(node_id)
            parent = parent_id(node_id) if _is_path(node_id) else None
            siblings = self._tops if parent is None else self._node(parent).children
            siblings[node_id] = node
        return node

    def _forget_children(self, node: _Node) -> None:
        for child in node.children.values():
            self._forget_children(child)
            del self._nodes[child.id]
        node.children = {}

    def _json(self, node: _Node) -> tuple[dict[str, Any], Usage]:
        children = [self._json(child) for child in _in_order(node.children.values())]
        usage = sum((used for _, used in children), self._usage.get(node.identity, NOTHING))
        found: dict[str, Any] = {"id": node.id}
        if node.key is not None:
            found["key"] = node.key
        found |= _values(node.told)
        if node.keyword:
            found["keyword"] = node.keyword
        if found["state"] == RUNNING and not self._running:
            found["state"] = INTERRUPTED  # nobody knows how it ended
        if usage != NOTHING:
            found["usage"] = usage_json(usage, exact=False)
        if node.group is not None or children:
            found[node.group or "tasks"] = [child for child, _ in children]
        return found, usage


def _is_path(node_id: str) -> bool:
    """Return whether an id is that of something inside a task: an older or a damaged history may hold any text."""
    if node_id.isidentifier():  # as most: of a task of the run's own
        return False
    try:
        return len(segments(node_id)) <= _MOST_NESTED
    except ValueError:
        return False


def _in_order(nodes: Iterable[_Node]) -> Iterator[_Node]:
    """Yield items and rounds by their numbers, inner tasks as they came."""

    def place(node: _Node) -> int:
        _, index, number = segments(node.id)[-1]
        return index if index is not None else number or 0

    return iter(sorted(nodes, key=place))


def _values(told: Iterable[Event]) -> dict[str, Any]:
    values: dict[str, Any] = {"state": RUNNING}
    for event in told:
        values = _values_after(event, values)
    return values


def _values_after(event: Event, before: Mapping[str, Any]) -> dict[str, Any]:
    data, kind = event.data, event.kind
    found: dict[str, Any] = {"state": _STATES[kind]}
    if kind is _REUSED:
        found |= {key: before[key] for key in _END if key in before}
    for key in _FIGURES:
        value = data.get(key)
        if value is None or (key == "output" and kind is _FAILED):  # a failed task has none
            continue
        found["skipReason" if key == "reason" and kind is _SKIPPED else key] = value
    if kind is _REUSED or data.get("reused"):
        found["reused"] = True
    if kind is _WAITING:
        found["waitsFor"] = data.get("about") or {"key": data.get("key")}
    elif kind is _FAILED and (data.get("error") or {}).get("category") == Category.CANCELLED:
        found["state"] = "cancelled"
    return found
