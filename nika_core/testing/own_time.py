"""Time as a plugin spends it: what other programs take of the processor does not count."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_WAITED: Final = Path("/proc/thread-self/schedstat")  # its second figure: nanoseconds in which the thread could not run


def own_seconds() -> float:
    """Return the seconds of a clock that stands still while this thread could run, and another one does in its place.

    Without Linux's figures of its scheduler (see proc(5)), it is a clock like any other.
    """
    waited = 0
    with suppress(OSError, ValueError, IndexError):
        waited = int(_WAITED.read_bytes().split()[1])
    return time.perf_counter() - waited / 1e9
