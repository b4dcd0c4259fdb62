"""Structured logs on stderr, for operators. The only importer of structlog."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

_FIRST = ["timestamp", "level", "event", "run", "task"]


def set_up(*, verbose: int = 0, as_json: bool = False, mask: Callable[[str], str] | None = None) -> None:
    """Configure logging once, at start-up. `verbose`: 0 warnings, 1 information, 2 everything."""
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    # structlog's console renderer brings rich where that is installed: half of a small run's start-up.
    renderer = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.processors.KeyValueRenderer(key_order=_FIRST, drop_missing=True)
    )

    def masked(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if mask is not None:
            for key, value in event.items():
                if isinstance(value, str):
                    event[key] = mask(value)
                elif not isinstance(value, int | float | bool | None):
                    event[key] = mask(repr(value))
        return event

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            masked,  # after format_exc_info: a traceback may hold a secret
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def logger(**bound: object) -> Any:
    """Return a logger with values bound to it."""
    return structlog.get_logger(**bound)
