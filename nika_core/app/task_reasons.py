"""Why a task of a recorded run ran, was reused or was skipped, and what differs from the run before (`nika why`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from nika_core.app.results import Difference, TaskReason
from nika_core.document import raw_document
from nika_core.engine.core.task_usage import with_identity
from nika_core.errors import JournalError, NikaError, UsageError
from nika_core.journal import Journal, Recorded
from nika_core.model.events import Event, EventKind
from nika_core.model.ids import NodeId, node_id_of, parent_id
from nika_core.model.json import Json
from nika_core.model.masking import MASK
from nika_core.model.nearest import nearest
from nika_core.model.state import SkipReason
from nika_core.model.template import Placeholder, Template
from nika_core.template import compile_template

_EARLIER: Final = 20  # runs that are looked at
_NAMED: Final = 10  # tasks that a hint names
# What does not change what a task yields when it succeeds, and so is in no hash.
_NOT_COMPARED: Final = frozenset(
    {"id", "when", "timeout", "idleTimeout", "retry", "onError", "always", "mode", "cache", "forEach", "repeat"}
)
_SKIPPED: Final[Mapping[str, str]] = {
    SkipReason.CONDITION: "its `when`, or the condition of a flow into it, did not hold",
    SkipReason.UPSTREAM_FAILED: "a task that it depends on has failed",
    SkipReason.UPSTREAM_SKIPPED: "a task that it depends on was skipped",
    SkipReason.RUN_CANCELLED: "the run ended before it could start",
    SkipReason.DECISION: "the main agent decided so",
    SkipReason.DECLINED: "a person said no",
    SkipReason.NOT_SELECTED: "the run was of another task alone (--only)",
}
_STATES: Final[Mapping[str, str]] = {
    EventKind.TASK_STARTED: "started",
    EventKind.TASK_WAITING: "waiting",
    EventKind.TASK_SUCCEEDED: "success",
    EventKind.TASK_REUSED: "reused",
    EventKind.TASK_FAILED: "failed",
    EventKind.TASK_SKIPPED: "skipped",
}


class _Told:
    """What a run's events say of one node.

    Attributes:
        begun: the data of its last start, or of the result that was taken instead; None: it has not begun.
        end: the last event that says how it stands.
        identity: of an item what it is given, which another place or run may have, too; else the node itself.
        inside: how the items, rounds or tasks stand that are directly inside it.
    """

    def __init__(self, recorded: Recorded, task: str) -> None:
        self.begun: Mapping[str, Any] | None = None
        self.end: Event | None = None
        self.identity = task
        self.inside: dict[str, str] = {}
        begun_anew: set[str] = set()  # groups, in this life of the run
        for event, identity in with_identity(recorded.events):
            if event.kind is EventKind.RUN_STARTED:
                begun_anew.clear()
            elif _begins_group(event) and event.task not in begun_anew:  # what it had inside may not come again
                begun_anew.add(event.task or "")
                self._forget_inside(event.task or "", task)
            if event.task is not None and event.kind in _STATES and parent_id(event.task) == task:
                self.inside[event.task] = _STATES[event.kind]
            if event.task != task and identity != task:
                continue
            if identity != self.identity:  # in a resumed run, another item may have this place
                self.identity, self.begun, self.end = identity, None, None
            if event.kind in _STATES:
                self.end = event
            started = event.kind is EventKind.TASK_STARTED and event.data.get("attempt", 1) == 1
            if started or "cachedFrom" in event.data:
                self.begun = event.data

    def _forget_inside(self, group: str, task: str) -> None:
        """Forget how nodes inside a group ended that an earlier life of the run had: a list may be shorter now."""
        if group == task:
            self.inside.clear()
        elif group in _around(task):
            self.end = None


def _begins_group(event: Event) -> bool:
    return event.kind is EventKind.TASK_STARTED and "group" in event.data


def _around(task: str) -> Iterator[str]:
    """Yield the nodes that a node is inside of."""
    while (parent := parent_id(task)) is not None:
        yield parent
        task = parent


def task_reason(journal: Journal, run: str, task: str) -> TaskReason:
    """Return why a task did what it did. Raise JournalError, and UsageError if the run has no such task."""
    try:
        node = node_id_of(task)
    except ValueError as error:
        raise UsageError(str(error)) from None
    recorded = journal.load(run, large=False)
    with journal.damage_told(recorded.run.id):
        told = _Told(recorded, node)
        if told.end is None:
            raise no_such_task(recorded, node)
        return _reason(journal, recorded, node, told, told.end)


def no_such_task(recorded: Recorded, node: NodeId) -> UsageError:
    """Return the error for the id of a task that a run does not have."""
    tasks = list(dict.fromkeys(event.task for event in recorded.events if event.task is not None))
    close = nearest(node, tasks)
    more = f" and {len(tasks) - _NAMED} more" if len(tasks) > _NAMED else ""
    hint = f"did you mean {close}?" if close else f"it has {', '.join(tasks[:_NAMED])}{more}" if tasks else None
    return UsageError(f"run {recorded.run.id} has no task '{node}' that began or was skipped", hint=hint)


def _reason(journal: Journal, recorded: Recorded, node: NodeId, told: _Told, end: Event) -> TaskReason:
    state, run_id = _STATES[end.kind], recorded.run.id
    reason = str(end.data.get("reason") or "")
    if state == "skipped":
        return TaskReason(run_id, node, state, f"it was skipped: {_SKIPPED.get(reason, reason)}")
    if state == "reused":
        return TaskReason(run_id, node, state, f"it was reused: {reason}")
    began = told.begun or {}
    if began.get("reason"):
        return TaskReason(run_id, node, state, f"it ran: {began['reason']}")
    if "group" in began:
        return TaskReason(run_id, node, state, _group_reason(run_id, told.inside))
    if not began.get("definition"):
        return TaskReason(run_id, node, state, "it never began: what it is given could not be made")
    if recorded.info.options.get("mock"):
        return TaskReason(run_id, node, state, "it ran: in a mocked run every task plays its part")
    earlier = _earlier(journal, recorded, node, told.identity)
    if earlier is None:
        return TaskReason(run_id, node, state, "it ran: no earlier run of this workflow has begun it")
    before, then = earlier
    return _compared(recorded, before, node, began, then, state)


def _group_reason(run_id: str, inside: Mapping[str, str]) -> str:
    """Say how the nodes inside a list, a loop or a workflow stand: each of them has a reason of its own."""
    if not inside:
        return "it ran: there was nothing in it"
    counts = ", ".join(f"{count} {state}" for state, count in Counter(inside.values()).items())
    return f"it ran: {counts} in it, each for a reason of its own: nika why {run_id} '{next(iter(inside))}'"


def _earlier(journal: Journal, recorded: Recorded, node: NodeId, identity: str) -> tuple[Recorded, _Told] | None:
    """Return the last run of the same workflow before this one that has begun the task.

    An item is looked for wherever it stood in the list, and what stood in its place only if it was not there.
    """
    same = (
        each
        for each in journal.runs()
        if each.path == recorded.run.path and each.started <= recorded.run.started and each.id != recorded.run.id
    )
    for summary in islice(same, _EARLIER):
        try:
            before = journal.load(summary.id, large=False)
            with journal.damage_told(summary.id):
                told = _Told(before, identity)
                if told.begun is None and identity != node:
                    told = _Told(before, node)
        except JournalError:  # damaged, or removed meanwhile
            continue
        if told.begun is not None and told.begun.get("definition") and not before.info.options.get("mock"):
            return before, told
    return None


def _compared(
    recorded: Recorded, before: Recorded, node: NodeId, began: Mapping[str, Any], then: _Told, state: str
) -> TaskReason:
    run_id, other = recorded.run.id, before.run.id
    found: list[Difference] = []
    parts = []
    earlier = then.begun or {}
    if began.get("definition") != earlier.get("definition"):
        parts.append("its definition")
        found += _definitions(recorded, before, node)
    if began.get("payload") != earlier.get("payload"):
        values = list({each.part: each for each in _values(recorded, before, node)}.values())
        if not values and not parts:
            values.append(Difference("a value that history does not have, e.g. of a variable or a default of an input"))
        if values:  # else it only has its definition in it
            parts.append("what it is given")
            found += values
    if parts:
        differ = "differs" if len(parts) == 1 else "differ"
        return TaskReason(
            run_id, node, state, f"it ran: {' and '.join(parts)} {differ} from run {other}", other, tuple(found)
        )
    why = _why_not_cached(recorded.info.options, began, then, other)
    return TaskReason(run_id, node, state, f"it ran: {why}", other)


def _why_not_cached(options: Mapping[str, Any], began: Mapping[str, Any], then: _Told, other: str) -> str:
    same = f"nothing that counts differs from run {other}"
    name, end = began.get("cache"), then.end
    if not name and not options.get("noCache"):
        return f"{same}, but results of earlier runs are only taken with `cache` on the task"
    if not name or options.get("refresh"):
        return f"{same}, but this run took no results of earlier runs ({'--refresh' if name else '--no-cache'})"
    data: Mapping[str, Any] = {} if end is None else end.data
    if end is None or end.kind not in (EventKind.TASK_SUCCEEDED, EventKind.TASK_REUSED) or "error" in data:
        return f"{same}, but the task did not succeed there"
    for word, what in (("withheld", "held a secret"), ("truncated", "was cut")):
        if data.get(word):
            return f"{same}, but its output {what}, and is not kept"
    kept = (then.begun or {}).get("cache")
    if not kept:
        return f"{same}, but that run kept no results"
    if kept != name:
        return f"{same} but the version of a plugin (the keyword's, or a provider's), or the workflow's folder"
    return f"{same}, but the result is too old, or cannot be read in .nika/cache.db any longer"


# ---- what differs


def _definitions(recorded: Recorded, before: Recorded, node: NodeId) -> Iterator[Difference]:
    """Yield the parts of a task's definition that differ, as they are written."""
    old, new = _document(before), _document(recorded)
    found = False
    for part, one, other in (
        *_changed("", _definition(old, node), _definition(new, node)),
        *_changed("agent.", _mapping(old.get("agent")), _mapping(new.get("agent"))),
    ):
        found = True
        yield Difference(part, one, other)
    for option in ("provider", "model"):
        one, other = before.info.options.get(option), recorded.info.options.get(option)
        if one != other:
            found = True
            yield Difference(f"--{option}", one, other)
    if not found:
        yield Difference("a file that belongs to it, a section of the workflow, or the project file")


def _definition(document: Mapping[Any, Any], node: NodeId) -> Mapping[Any, Any]:
    """Return what a task of the run's own workflow is, without what is in no hash."""
    tasks = document.get("tasks")
    name = node.partition("[")[0].partition("@")[0]
    for task in tasks if isinstance(tasks, list) else ():
        if isinstance(task, dict) and task.get("id") == name:
            return {key: value for key, value in task.items() if key not in _NOT_COMPARED}
    return {}


def _changed(prefix: str, before: Mapping[Any, Any], now: Mapping[Any, Any]) -> Iterator[tuple[str, Json, Json]]:
    for key in dict.fromkeys([*before, *now]):
        one, other = before.get(key), now.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _changed(f"{prefix}{key}.", one, other)
        elif one != other:
            yield f"{prefix}{key}", one, other


def _values(recorded: Recorded, before: Recorded, node: NodeId) -> Iterator[Difference]:
    """Yield the values that a task was given, and that differ: inputs of the run, and outputs of tasks."""
    document = _document(recorded)
    name = node.partition("[")[0].partition("@")[0]
    tasks = document.get("tasks")
    task: Any = None
    if isinstance(tasks, list):
        task = next((each for each in tasks if _mapping(each).get("id") == name), None)
    old_outputs, new_outputs = _outputs(before), _outputs(recorded)
    for placeholder in _placeholders(task):
        head = placeholder.path[0] if placeholder.path else ""
        if head in new_outputs or head in old_outputs:
            one, other, part = old_outputs.get(head), new_outputs.get(head), f"the output of `{head}`"
        else:
            one, other = before.info.inputs.get(head), recorded.info.inputs.get(head)
            part = f"the input `{head}`"
        if one != other:
            yield Difference(part, one, other)


def _placeholders(value: Any) -> Iterator[Placeholder]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _placeholders(each)
    elif isinstance(value, list):
        for each in value:
            yield from _placeholders(each)
    elif isinstance(value, str):
        try:
            template = compile_template(value)
        except NikaError:
            return
        if isinstance(template, Template):
            for placeholder in template.placeholders:
                yield from placeholder.members


def _outputs(recorded: Recorded) -> dict[str, Json]:
    """Return what tasks have yielded, by task; of a large output how it begins."""
    return dict(_ended(recorded.events))


def _ended(events: Iterable[Event]) -> Iterator[tuple[str, Json]]:
    for event in events:
        if event.task is not None and event.kind in (EventKind.TASK_SUCCEEDED, EventKind.TASK_REUSED):
            for word in ("output", "outputStart"):
                if word in event.data:
                    yield event.task, event.data[word]


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _document(recorded: Recorded) -> Mapping[Any, Any]:
    return raw_document(recorded.info.document.replace(MASK, "masked"))  # a mask that stands alone is no YAML
