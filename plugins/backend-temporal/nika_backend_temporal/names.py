"""What things are called on the server."""

from __future__ import annotations

import secrets
from typing import Final

DEPLOYMENT: Final = "nika"  # of the workers that drive runs; their version is the build
WORKFLOW: Final = "nika-run"
WORK: Final = "nika-work"
HOME: Final = "nika-home"
SIGNAL: Final = "nika-signal"
CANCEL: Final = "nika-cancel"
VIEW: Final = "nika-view"
LAST_EVENTS: Final = "lastEvents"  # beside the result of a run
RUNS: Final = "nika"  # the queue of the runs themselves


def queue_of(keyword: str) -> str:
    """Return the queue of a keyword's tasks: a worker without the keyword must never see them."""
    return f"{RUNS}.{keyword}" if keyword else RUNS


def own_queue() -> str:
    """Return a queue of one worker, for as long as it lives: of tasks that stay where the first of them was done."""
    return f"{RUNS}@{secrets.token_hex(8)}"
