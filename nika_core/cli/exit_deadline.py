"""Ends the process soon after its command, whatever a plugin has left running in it."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from typing import Final

from nika_core.cli.console import print_message, style

SECONDS: Final = 5.0


def exit_within(seconds: float, code: int) -> None:
    """End the process with the exit code `code` if it has not ended by itself within `seconds`.

    Python waits without end for threads and for what is registered with `atexit`. A blocking call that a step made in
    a thread, and that its timeout could not reach, would else hold a run's process long after the run.
    """

    def end() -> None:
        time.sleep(seconds)
        print_message(
            f"{style('warning', 'yellow')}: a plugin has left something running in Nika's process, which ends now"
        )
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)

    threading.Thread(target=end, name="nika-end", daemon=True).start()


def forget_what_stderr_still_holds() -> None:
    """Have the end of the process not fail on a terminal that was closed.

    Python flushes stderr at its end, and turns what cannot be written, which nobody would see, into exit code 120.
    """
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
