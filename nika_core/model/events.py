"""What happens in a run, as immutable, numbered values. Observers (journal, progress, log) are given these."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

NO_DATA: Final[Mapping[str, Any]] = {}


class EventKind(StrEnum):
    """The names of events, as `--format jsonl` and the journal have them."""

    RUN_STARTED = "run.started"
    RUN_FINISHED = "run.finished"
    TASK_READY = "task.ready"
    TASK_STARTED = "task.started"  # data: epoch, attempt
    TASK_RETRYING = "task.retrying"  # an attempt failed, another follows; data: attempt, delay, error
    TASK_WAITING = "task.waiting"  # for something outside; data: key, about, deadline
    SIGNAL_RECEIVED = "signal.received"  # data: key, payload
    TOOL_GRANTED = "tool.granted"  # its calls are made without a question from now on; data: tool, rule, key
    QUESTION_NOTIFIED = "question.notified"  # a notifier has told of a question; data: notifier, key, settings
    TASK_SUCCEEDED = "task.succeeded"
    TASK_FAILED = "task.failed"
    TASK_SKIPPED = "task.skipped"
    TASK_REUSED = "task.reused"  # resume: taken over from the earlier run; data: reason
    MODEL_ASKED = "model.asked"  # data: call; what is new: system, messages; within; before it: after, afterTask, kept
    MODEL_CALLED = "model.called"  # it has answered; data: call, model, usage, reply
    BREAKER_CHANGED = "breaker.changed"  # a model's circuit breaker; data: model, provider, state, before
    TOOL_CALLED = "tool.called"  # data: tool, arguments, isError, content
    DECISION = "agent.decision"  # agentic mode; data: action, task, reason
    CONTEXT_SUMMARIZED = "context.summarized"
    NOTICE = "notice"  # something the user should know; data: message
    CHUNK = "task.chunk"  # text as it comes; best effort, never in history; data: text
    PROGRESS = "task.progress"  # how far a step is; best effort, never in history; data: done, total, text


LIVE: Final = frozenset({EventKind.CHUNK, EventKind.PROGRESS})  # for those who watch; never in history
# The kernel's kinds by their names; one of a keyword's own, or of a later version, is its name.
KINDS: Final[Mapping[str, str]] = {kind.value: kind for kind in EventKind}


class Event(NamedTuple):
    """Something that has happened in a run.

    Attributes:
        seq: counts within the run from 1; 0: not in history, such as a chunk.
        run_id: the run.
        at: seconds since the epoch.
        kind: an `EventKind`, or a keyword's own.
        task: what it happened to, such as `review[3]`; None: to the run.
        data: JSON without secrets: it is masked when the event is created.
    """

    # A named tuple, not a dataclass: every task creates three, and this takes a third of the time.
    seq: int
    run_id: str
    at: float
    kind: str
    task: str | None = None
    data: Mapping[str, Any] = NO_DATA
