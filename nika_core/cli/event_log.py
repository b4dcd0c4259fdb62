"""The operator's log of a run: every event as one structured line on stderr (`NIKA_LOG=json|text`, or `-vv`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nika_core import log
from nika_core.errors import UsageError
from nika_core.model.events import LIVE, Event, EventKind

_STYLES: Final = ("json", "text")
_BAD: Final = {EventKind.TASK_FAILED, EventKind.TASK_RETRYING, EventKind.NOTICE}
_LARGE: Final = {"output", "messages", "text", "definition", "payload"}  # too large for a log; the history has them


def logging_observer(style: str, mask: Callable[[str], str]) -> Callable[[Event], object]:
    """Return an observer that logs events in a style. Raise UsageError for an unknown style."""
    if style not in _STYLES:
        raise UsageError(f"NIKA_LOG={style}: unknown log format", hint=f"use one of {', '.join(_STYLES)}")
    log.set_up(verbose=2, as_json=style == "json", mask=mask)
    logger = log.logger()

    def observe(event: Event) -> None:
        if event.kind in LIVE:
            return
        data = {key: value for key, value in event.data.items() if key not in _LARGE}
        about = {"run": event.run_id} | ({"task": event.task} if event.task else {})
        write = logger.warning if event.kind in _BAD else logger.info
        write(str(event.kind), **about, **data)

    return observe
