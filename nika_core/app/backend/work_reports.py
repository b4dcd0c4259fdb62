"""How work ended, as the JSON that its driver is sent: masked, with the usage of all attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from nika_core.app.backend.allowed_budget import NO_SPENDING, Allowance
from nika_core.app.backend.attempt_state import AttemptState, memo_json
from nika_core.engine.core.messages import CoreEvent, TaskEnded, TaskWaits
from nika_core.engine.core.values_json import core_event_json
from nika_core.engine.local.emitter import Emitter
from nika_core.errors import Category
from nika_core.model.codec import failure_of, message_json, message_of
from nika_core.model.events import Event, EventKind
from nika_core.model.json import Json, JsonObject
from nika_core.values import replace

_TEXTS: Final[Mapping[str, str]] = {EventKind.MODEL_CALLED: "reply", EventKind.TOOL_CALLED: "content"}


def masked_end(event: CoreEvent, emitter: Emitter, now: AttemptState) -> tuple[CoreEvent, bool]:
    """Return an end without secrets, with the usage of all attempts, and whether its output had any."""
    if isinstance(event, TaskWaits):
        wait = event.wait
        if emitter.masks:
            wait = replace(wait, about=emitter.masked(wait.about), default=emitter.masked(wait.default))
        return replace(event, usage=now.usage, wait=wait), False
    if not isinstance(event, TaskEnded):
        return event, False
    outcome = event.outcome._replace(usage=now.usage)
    if not emitter.masks:
        return event._replace(outcome=outcome), False
    output = emitter.masked(outcome.output)
    messages = tuple(message_of(emitter.masked(message_json(message))) for message in outcome.messages)
    failure = outcome.failure and emitter.failure(outcome.failure)
    hidden = output != outcome.output
    outcome = outcome._replace(output=output, messages=messages, failure=failure)
    return event._replace(outcome=outcome), hidden


def work_report(
    event: CoreEvent,
    now: AttemptState,
    events: list[JsonObject],
    allowance: Allowance | None,
    mask: Callable[[Json], Any],
) -> JsonObject:
    """Return the report of a work. What has no value is left out: a driver may read thousands of reports at once."""
    node, epoch = getattr(event, "node", ""), getattr(event, "epoch", 1)
    before: list[Json] = []
    for failed in now.failures:
        failure = failure_of(failed["failure"]).as_json()
        about = {"node": node, "epoch": epoch}
        before.append(
            {"is": "AttemptFailed", **about, "attempt": failed["attempt"], "delay": failed["delay"], "failure": failure}
        )
        before.append({"is": "AttemptStarted", **about, "attempt": failed["attempt"] + 1})
    waits = isinstance(event, TaskWaits)
    report: JsonObject = {
        "event": core_event_json(event),
        "before": before,
        "events": events,
        "spent": NO_SPENDING if allowance is None else allowance.spent,
        "held": NO_SPENDING if allowance is None else allowance.held,
        "memo": memo_json(now, mask) if waits else None,
    }
    return {name: value for name, value in report.items() if value and value != NO_SPENDING}


def that_travel(events: Iterable[Event]) -> Iterator[Event]:
    """Yield what travels to the driver: not the texts of conversations, which may be as large as all outputs."""
    for event in events:
        if event.kind == EventKind.MODEL_ASKED:
            continue
        left_out = _TEXTS.get(event.kind)
        data = {name: value for name, value in event.data.items() if name != left_out} if left_out else event.data
        yield event._replace(data=data)


def is_cancelled(report: JsonObject) -> bool:
    """Return whether work says that it was cancelled."""
    outcome = report["event"].get("outcome") or {}
    failure = outcome.get("failure") or {}
    return bool(failure.get("category") == Category.CANCELLED.value)
