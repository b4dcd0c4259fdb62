"""Watches for plugins that hang: a facet that never returns, a step that blocks the event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Final

from nika_core import codes
from nika_core.errors import PluginError
from nika_core.registry import PluginRecord

FACET_SECONDS: Final = 10.0  # that a plugin may take for what has to be quick
STILL: Final = 2.0  # seconds without a beat of the event loop, after which a stall is reported
_BEAT: Final = 0.25


class FrameOwners:
    """Which plugin a frame of code belongs to."""

    def __init__(self, records: tuple[PluginRecord, ...]) -> None:
        self._records: Mapping[str, PluginRecord] = {record.module.partition(".")[0]: record for record in records}

    def of(self, frame: FrameType | None) -> tuple[PluginRecord, str] | None:
        """Return the plugin, and the file and line where it is; None if no plugin is at work."""
        while frame is not None:
            name = str(frame.f_globals.get("__name__", ""))
            record = self._records.get(name.partition(".")[0])
            if record is not None and not name.startswith("nika_core."):
                return record, f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"  # noqa: PTH119  # a str
            frame = frame.f_back
        return None


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
            record, where = found
            raise PluginError(
                codes.PLUGIN_BROKEN,
                f"the plugin for '{record.word}' ({record.origin}) does not return: {seconds:g} s at {where}",
                hint=f"upgrade or remove {record.distribution}, or block it: plugins: {{block: [{record.id}]}}",
            )

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def loop_watchdog(
    loop: asyncio.AbstractEventLoop, records: tuple[PluginRecord, ...], tell: Callable[[str], None]
) -> Iterator[None]:
    """Report each stall of the event loop once, and which plugin causes it."""
    over = threading.Event()
    beats = [time.monotonic()]
    thread_id = threading.get_ident()

    def beat() -> None:
        beats[0] = time.monotonic()

    def watch() -> None:
        told = 0.0
        while not over.wait(_BEAT):
            still = time.monotonic() - beats[0]
            if still < STILL:
                try:
                    loop.call_soon_threadsafe(beat)
                except RuntimeError:  # the loop has ended
                    return
            elif told != beats[0]:
                told = beats[0]
                tell(_sentence(FrameOwners(records).of(sys._current_frames().get(thread_id)), still))

    thread = threading.Thread(target=watch, name="nika-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


def _sentence(found: tuple[PluginRecord, str] | None, still: float) -> str:
    if found is None:
        return f"this run has stood still for {still:.0f} s: something blocks the event loop"
    record, where = found
    return (
        f"`{record.word}` ({record.origin}) has blocked the whole run for {still:.0f} s at {where}: no other task "
        "continues, and no timeout is kept meanwhile. This is a fault of the plugin"
    )
