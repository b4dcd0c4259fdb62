"""Checks of an observer: it takes note of whatever happens, in order and in bulk, fails well, and leaves nothing."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from nika_core.model.trace_context import trace_context
from nika_core.plugin import Event, EventKind, Observer, ObserverSetup, TaskError
from nika_core.registry import Kind, Registry
from nika_core.registry.loading import make as make_object
from nika_core.testing.errors import NotConformant, require
from nika_core.testing.settings_checks import checked_settings

OBSERVES: Final = "observes"
ANY_EVENT: Final = "any event"
MANY_EVENTS: Final = "many events"
FAILS_WELL: Final = "fails well"
LEAVES: Final = "leaves"
QUIET: Final = "quiet"

_RUN: Final = "20261126-090000-ab12cd"
_MANY: Final = 2000
_LAST: Final = 1.0  # seconds in which a thread that is about to end does so

Make = Callable[[], Observer]


def run_events(tasks: int = 1) -> list[Event]:
    """Return the events of a run that succeeds, one task after the other."""
    found: list[Event] = []

    def add(kind: EventKind, task: str | None = None, **data: Any) -> None:
        found.append(Event(len(found) + 1, _RUN, 1_795_683_600.0 + len(found), kind, task, data))

    usage = {"inputTokens": 10, "outputTokens": 5, "costUsd": 0.01}
    add(EventKind.RUN_STARTED, workflow="release", tasks=tasks)
    for number in range(tasks):
        task = f"task{number}"
        add(EventKind.TASK_READY, task)
        add(EventKind.TASK_STARTED, task, epoch=1, attempt=1)
        add(EventKind.MODEL_CALLED, task, model="m", provider="p", usage=usage, stopReason="end", durationMs=12.5)
        add(EventKind.TASK_SUCCEEDED, task, output="done", durationMs=20.0, attempts=1, usage=usage)
    add(EventKind.RUN_FINISHED, status="success", usage=usage)
    return found


def odd_events() -> list[Event]:
    """Return events that a run may have, and that are easily forgotten."""
    error = {"code": "NIKA-403", "category": "timeout", "message": "it took\ntoo \x1b[31mlong \ud800"}
    rows: list[tuple[str, str | None, dict[str, Any]]] = [
        *((kind, "review[3]", {}) for kind in EventKind),  # without data: of a later version, or an earlier one
        *((kind, None, {}) for kind in EventKind),
        (EventKind.TASK_FAILED, "sections[2]/write", {"error": error, "usage": {}, "attempts": 3}),
        (EventKind.TASK_RETRYING, "a", {"attempt": 1, "delay": 0.5, "error": error}),
        (EventKind.TASK_SKIPPED, "b", {"reason": "its condition is false"}),
        (EventKind.TOOL_CALLED, "a", {"tool": "x::y", "arguments": {"a": [None, {}]}, "isError": True}),
        (EventKind.MODEL_CALLED, "a", {"model": "", "usage": {"costUsd": None}, "reused": True}),
        (EventKind.TASK_WAITING, "ask", {"key": "k", "about": {}, "deadline": None}),
        (EventKind.TASK_SUCCEEDED, "never-started", {"output": "é" * 100_000}),
        (EventKind.RUN_FINISHED, None, {"status": "paused"}),
        ("search.indexed", "a", {"documents": 3}),
        ("later.kind", None, {"x": 1e308}),
    ]
    return [
        Event(number, _RUN, 1_795_683_600.0, kind, task, data)
        for number, (kind, task, data) in enumerate(rows, start=1)
    ]


def make_observer(word: str, settings: Any, environ: Mapping[str, str], folder: Path) -> Observer:
    """Return the observer as the kernel makes it. Raise NotConformant if it refuses the settings of its sample."""
    registry = Registry()
    setup = ObserverSetup(
        settings=checked_settings(word, settings, folder),
        environ=environ,
        folder=folder,
        run_id=_RUN,
        workflow="release",
        trace=trace_context(_RUN, 1, environ),
    )
    observer: Observer = make_object(registry.record(Kind.OBSERVER, word), registry.observer(word).observer, setup)
    return observer


def check_observes(make: Make) -> None:
    """Check that the events of a plain run are taken, and it can be closed, without a word on stdout.

    Raises:
        NotConformant: with how it fails.
    """
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            _show(make(), run_events())
        except Exception as error:
            raise NotConformant(OBSERVES, f"it fails with its sample: {error!r:.300}") from error
    require(not printed.getvalue(), QUIET, f"it writes to stdout, which is for data: {printed.getvalue()[:200]!r}")


def check_any_event(make: Make) -> None:
    """Check that events of every kind are taken: without data, of unknown kinds, of tasks that it has not seen start.

    Raises:
        NotConformant: with the event.
    """
    observer = make()
    for event in odd_events():
        try:
            observer.observe(event)
        except Exception as error:
            raise NotConformant(ANY_EVENT, f"it raises {error!r:.200} for {event!r:.300}") from error
    _closed(observer, ANY_EVENT)


def check_many_events(make: Make) -> None:
    """Check that a run of 500 tasks is taken in, and that it can be closed in the middle of one.

    Raises:
        NotConformant: with how it fails.
    """
    events = run_events(_MANY // 4)
    for shown in (events, events[: len(events) // 2 + 2], []):  # the second ends in the middle of a task
        try:
            _show(make(), shown)
        except Exception as error:
            raise NotConformant(MANY_EVENTS, f"after {len(shown)} events: {error!r:.300}") from error


def check_failure(make: Make) -> None:
    """Check that a sample that cannot take note raises TaskError with a message, when it is made or later.

    Raises:
        NotConformant: with what it does in its place.
    """
    try:
        _show(make(), run_events())
    except TaskError as error:
        require(str(error).strip(), FAILS_WELL, "it raises TaskError without a message")
    except Exception as error:
        raise NotConformant(FAILS_WELL, f"it raises {error!r:.200}, not TaskError") from error
    else:
        raise NotConformant(FAILS_WELL, "it goes on, as if it had taken note of everything")


def check_leaves_no_thread(make: Make) -> None:
    """Check that no thread of it is left when it was closed.

    Raises:
        NotConformant: with the threads' names.
    """
    before = set(threading.enumerate())
    with contextlib.suppress(Exception):  # another check's rule
        _show(make(), run_events())
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(_LAST)
    names = ", ".join(thread.name for thread in left if thread.is_alive())
    require(not names, LEAVES, f"it leaves threads running when it was closed: {names}")


def _show(observer: Observer, events: list[Event]) -> None:
    for event in events:
        observer.observe(event)
    observer.close()


def _closed(observer: Observer, rule: str) -> None:
    try:
        observer.close()
    except Exception as error:
        raise NotConformant(rule, f"`close` raises {error!r:.300}") from error


__all__ = [
    "check_any_event",
    "check_failure",
    "check_leaves_no_thread",
    "check_many_events",
    "check_observes",
    "make_observer",
    "odd_events",
    "run_events",
]
