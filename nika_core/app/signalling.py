"""Signals: what a task waits for, written into its run's history by another process."""

from __future__ import annotations

import getpass
import json
import socket
from typing import Any, Final

from nika_core import codes
from nika_core.app.results import SentSignal
from nika_core.app.task_histories import TaskHistory, task_histories
from nika_core.app.workspace import Workspace
from nika_core.document import declared_tasks
from nika_core.errors import UsageError
from nika_core.journal import Journal, Recorded, RecordedSignal
from nika_core.model.ids import NodeId, node_id_of
from nika_core.model.json import Json
from nika_core.model.json_text import parse_json
from nika_core.model.limits import LimitKind
from nika_core.model.masking import MASK
from nika_core.model.nearest import nearest
from nika_core.model.question import answer_text, is_question
from nika_core.model.text import time_text

PAYLOAD_HINT: Final = "a text is written with quotes, e.g. '\"yes\"'; without JSON the payload is null"


def send_signal(workspace: Workspace, run: str, task: str, payload: Any) -> SentSignal:
    """Write a signal durably. Raise UsageError or JournalError if it cannot be delivered.

    Args:
        run: a run's id, a unique beginning of it, or `last`.
        task: a task's id; `review.3` means `review[3]`.
        payload: JSON.
    """
    payload = checked_payload(workspace, payload)
    journal = workspace.journal()
    try:
        recorded, node, history = load_node(journal, run, task)
        now = workspace.clock.time()
        refuse_ended(recorded, node, history, now)
        wait = history.latest_wait
        if wait is not None and is_question(wait.about):
            raise refused(f"'{node}' asks a question", f"answer it: nika answer {recorded.run.id} {node}")
        return write_signal(journal, recorded, node, history, payload, sender_here(), now)
    finally:
        journal.close()


def load_node(journal: Journal, run: str, task: str) -> tuple[Recorded, NodeId, TaskHistory]:
    """Return a run, and the node that a user has typed with its history. Raise JournalError, or UsageError."""
    recorded = journal.load(run)
    with journal.damage_told(recorded.run.id):
        node = find_node(recorded, task)
        return recorded, node, task_histories(recorded.events).get(node, TaskHistory())


def write_signal(
    journal: Journal,
    recorded: Recorded,
    node: NodeId,
    history: TaskHistory,
    payload: Json,
    sender: str,
    at: float,
    what: str = "signal",
    key: str | None = None,
) -> SentSignal:
    """Write a signal for a node, unless it was given one: the first one counts. Raise UsageError for another one.

    Args:
        key: what the signal is for, and nothing else; None: what the node waits for, now or next.
    """
    sent = SentSignal(recorded.run.id, node, recorded.run.status)
    wait = history.latest_wait
    if wait is not None and wait.received is not None:
        by, given_at = str(wait.sender.get("by", "")), wait.sender.get("at", wait.received)
        return _repeated(sent, RecordedSignal(node, wait.key, wait.payload, by, given_at), payload, what)
    if key is None:
        key = history.waiting_for.key if history.waiting_for is not None else ""
    signal = RecordedSignal(history.identity or node, key, payload, sender, at)
    earlier = journal.add_signal(recorded.run.id, signal)
    return sent if earlier is None else _repeated(sent, earlier, payload, what)


def _repeated(sent: SentSignal, earlier: RecordedSignal, payload: Json, what: str) -> SentSignal:
    if _text(earlier.payload) != _text(payload):
        by = f" by {earlier.sender}" if earlier.sender else ""
        given = answer_text(earlier.payload) if what == "answer" else _text(earlier.payload)
        raise refused(
            f"'{sent.task}' was given another {what} at {time_text(earlier.at)}{by}: {given:.200}",
            f"the first {what} counts; to ask again: "
            f"nika resume {sent.run_id} --from {sent.task}, when the run has ended or paused",
        )
    by = f"{earlier.sender}, {time_text(earlier.at)}" if earlier.sender else time_text(earlier.at)
    return SentSignal(sent.run_id, sent.task, sent.run_status, repeated=True, given_by=by)


def refuse_ended(recorded: Recorded, node: str, history: TaskHistory, now: float) -> None:
    """Raise UsageError if a node waits for nothing any more."""
    run = recorded.run
    if run.status in ("succeeded", "failed"):
        raise refused(f"the run {run.id} has {run.status}: nothing in it waits", f"nika runs show {run.id}")
    if history.ended:
        how = {"success": "has succeeded", "failed": "has failed", "skipped": "was skipped"}[history.state]
        raise refused(f"'{node}' {how}: it waits for nothing", f"nika runs show {run.id}")
    wait = history.waiting_for
    if wait is not None and wait.deadline is not None and wait.deadline <= now:
        raise refused(
            f"'{node}' waited until {time_text(wait.deadline)}: the signal is too late",
            f"nika resume {run.id} goes on without it",
        )


def find_node(recorded: Recorded, task: str) -> NodeId:
    """Return the id of a node that a user has typed. Raise UsageError if the run has none such."""
    tasks = declared_tasks(recorded.info.document.replace(MASK, "masked"))
    try:
        node = node_id_of(task)
    except ValueError as error:
        raise UsageError(str(error), hint=_tasks_hint(tasks)) from None
    if node not in tasks and all(event.task != node for event in recorded.events):
        near = nearest(task, tasks)
        raise UsageError(
            f"the run {recorded.run.id} has no task '{node}'",
            hint=f"did you mean '{near}'?" if near and near != task else _tasks_hint(tasks),
        )
    return node


def _tasks_hint(tasks: tuple[str, ...]) -> str:
    return f"its tasks: {', '.join(tasks[:10])}{', ...' if len(tasks) > 10 else ''}"


def checked_payload(workspace: Workspace, payload: Any, what: str = "signal") -> Json:
    """Return a payload that can be kept in a history. Raise UsageError."""
    limits = workspace.limits
    try:
        text = json.dumps(payload, ensure_ascii=False, allow_nan=False)
        checked = parse_json(text, limits.counts.get(LimitKind.JSON_DEPTH))
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the {_whose(what)} is not JSON that can be used: {error}", hint=PAYLOAD_HINT) from None
    size, limit = len(text.encode("utf-8", "surrogatepass")), limits.bounds.get(LimitKind.OUTPUT_BYTES)
    if limit is not None and size > limit.value:
        raise UsageError(
            f"the {_whose(what)} has {size} bytes, and {limit.name or 'a limit policy'} allows {limit.value:.0f}",
            code=codes.SIZE_LIMIT,
            hint="raise the limit, or send the name of a file that the task reads",
        )
    if workspace.masker.json(checked) != checked:
        raise refused(
            f"the {_whose(what)} contains a secret, and the run's history would keep it",
            "let the task read the secret from its environment",
        )
    return checked


def _text(payload: Json) -> str:
    """Return the same text for equal payloads."""
    return json.dumps(payload, sort_keys=True, ensure_ascii=False)


def _whose(what: str) -> str:
    return "signal's payload" if what == "signal" else what


def sender_here(how: str = "nika signal") -> str:
    """Return who sends something from here, and how: `ada@laptop, nika answer`."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user without a name, as in some containers
        user = "somebody"
    return f"{user}@{socket.gethostname()}, {how}"


def refused(message: str, hint: str) -> UsageError:
    """Return the error for what is not delivered."""
    return UsageError(message, code=codes.SIGNAL_REFUSED, hint=hint)
