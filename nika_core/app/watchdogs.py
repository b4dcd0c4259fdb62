"""Watches for plugins that hang: a facet that never returns, a step that blocks the event loop."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from types import FrameType
from typing import Final

from nika_core import codes
from nika_core.errors import PluginError
from nika_core.registry import Kind, PluginRecord
from nika_core.values import dataclass

_LONGEST_TIMER: Final = 1e8  # seconds, three years: systems refuse what does not fit their clock
FACET_SECONDS: Final = 10.0  # that a plugin may take for what has to be quick
STILL: Final = 2.0  # seconds after which a callback of the event loop that has not returned is reported
_BEAT: Final = 0.25
_STEPS: Final = "nika_core.engine.task.abandonable"  # where a step is called; by name: most commands never import it


@dataclass(frozen=True, slots=True)
class CodeAtWork:
    """Plugin code that a thread is in: the file and line, and the offers that it may be at work for.

    There are several only if their code does not tell them apart and the kernel's calls on the stack do not, either.
    """

    records: tuple[PluginRecord, ...]
    where: str

    @property
    def origin(self) -> str:
        """The distributions with their versions."""
        return " or ".join(dict.fromkeys(record.origin for record in self.records))

    def words(self, quote: str) -> str:
        """Return the words, in quotes."""
        return " or ".join(dict.fromkeys(f"{quote}{record.word}{quote}" for record in self.records))


class FrameOwners:
    """Which plugin a frame of code belongs to."""

    def __init__(self, records: tuple[PluginRecord, ...]) -> None:
        self._records: dict[str, list[PluginRecord]] = {}
        for record in records:
            self._records.setdefault(record.module.partition(".")[0], []).append(record)

    def of(self, frame: FrameType | None) -> CodeAtWork | None:
        """Return the plugin code that is nearest on the stack; None if no plugin is at work."""
        while frame is not None:
            name = _module(frame)
            records = self._records.get(name.partition(".")[0])
            if records is not None and not name.startswith("nika_core."):
                where = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"  # noqa: PTH119  # a str
                return CodeAtWork(_called_for(frame, _nearest_modules(name, records)), where)
            frame = frame.f_back
        return None


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _nearest_modules(name: str, records: list[PluginRecord]) -> tuple[PluginRecord, ...]:
    """Return those whose module shares most of its path with this one: distributions may share a namespace."""
    path = name.split(".")

    def shared(record: PluginRecord) -> int:
        pairs = zip(path, record.module.split("."), strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    most = max(map(shared, records))
    return tuple(record for record in records if shared(record) == most)


def _called_for(frame: FrameType, records: tuple[PluginRecord, ...]) -> tuple[PluginRecord, ...]:
    """Return the one of them that the kernel has called, as the callers of the frame show; all if they do not."""
    caller: FrameType | None = frame
    while caller is not None and len(records) > 1:
        name = _module(caller)
        if name.startswith("nika_core.registry."):  # a guard, or the loader
            record = caller.f_locals.get("record", getattr(caller.f_locals.get("self"), "record", None))
            if record in records:
                return (record,)
        elif name == _STEPS:
            word = getattr(caller.f_locals.get("self"), "keyword", None)
            mine = tuple(record for record in records if record.kind is Kind.KEYWORD and record.word == word)
            return mine or records
        caller = caller.f_back
    return records


@contextmanager
def facet_timeout(records: Callable[[], tuple[PluginRecord, ...]], seconds: float = FACET_SECONDS) -> Iterator[None]:
    """Interrupt a plugin that is still at work after `seconds` with a PluginError, but not the kernel.

    Does nothing outside the main thread, or where there are no timers.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        found = FrameOwners(records()).of(frame)
        if found is not None:
            words = found.words("'")
            distributions = " or ".join(dict.fromkeys(record.distribution for record in found.records))
            ids = ", ".join(record.id for record in found.records)
            raise PluginError(
                codes.PLUGIN_BROKEN,
                f"the plugin for {words} ({found.origin}) does not return: {seconds:g} s at {found.where}",
                hint=f"upgrade or remove {distributions}, or block it: plugins: {{block: [{ids}]}}",
            )

    before = signal.signal(signal.SIGALRM, ring)
    interval = min(seconds, _LONGEST_TIMER)
    signal.setitimer(signal.ITIMER_REAL, interval, interval)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def loop_watchdog(records: tuple[PluginRecord, ...], report: Callable[[str], None]) -> Iterator[None]:
    """Report once, from another thread, each callback of this thread's event loop that does not return, and its plugin.

    A turn of the loop that is long because many callbacks were ready is nobody's fault, and not reported.
    """
    over = threading.Event()
    thread_id = threading.get_ident()

    def watch() -> None:
        stall = StallDetector(time.monotonic)
        while not over.wait(_BEAT):
            frame = sys._current_frames().get(thread_id)
            still = stall.seconds(frame)
            if still is not None:
                report(_sentence(FrameOwners(records).of(frame), still))

    thread = threading.Thread(target=watch, name="nika-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


class StallDetector:
    """Tells whether one callback of an event loop has been running for too long, from looks at its thread's stack.

    Args:
        now: monotonic time in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        from asyncio import Handle  # which is imported where there is an event loop, but by no mere check

        self._now = now
        self._frames_of = Handle._run.__code__  # each call of a callback has a frame of this code of its own
        self._callback: FrameType | None = None  # kept, so that no later frame can be at its address
        self._since = 0.0
        self._reported = False

    def seconds(self, frame: FrameType | None) -> float | None:
        """Return for how long the callback has been running, if that is too long, and once for each callback."""
        while frame is not None and frame.f_code is not self._frames_of:
            frame = frame.f_back
        now = self._now()
        if frame is not self._callback:
            self._callback, self._since, self._reported = frame, now, False
        if frame is None or self._reported or now - self._since < STILL:
            return None
        self._reported = True
        return now - self._since


def _sentence(found: CodeAtWork | None, still: float) -> str:
    if found is None:
        return f"this run has stood still for {still:.0f} s: something blocks the event loop"
    return (
        f"{found.words('`')} ({found.origin}) has blocked the whole run for {still:.0f} s at {found.where}: "
        "no other task continues, and no timeout is kept meanwhile. This is a fault of the plugin"
    )
