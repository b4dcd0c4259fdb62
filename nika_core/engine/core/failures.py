"""Exceptions as failures: bounded, without a traceback, with the name of whose fault it is."""

from __future__ import annotations

from typing import Final

from nika_core import codes
from nika_core.errors import Category, NikaError, TemplateValueError
from nika_core.model.bounded import bound
from nika_core.model.state import Failure

FAULTS: Final = (Exception, SystemExit)  # what a plugin may raise where it should raise nothing


class EscapedError(Exception):
    """Stands for a SystemExit or the like, which no task of an event loop may raise. Its text describes it."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(described(error))
        self.interrupt = isinstance(error, KeyboardInterrupt)


def failure_from(error: BaseException, whose: str, max_bytes: int | None = None) -> Failure:
    """Return an exception as a value.

    Args:
        whose: what raised it, e.g. "keyword `shell`"; told when the exception is none of ours.
        max_bytes: of the message; it says so when it was cut.
    """
    if isinstance(error, TemplateValueError):
        failure = Failure.of(error, Category.TEMPLATE)
    elif isinstance(error, NikaError):
        failure = Failure.of(error, Category.CONFIG)
    else:
        failure = Failure(
            codes.INTERNAL,
            Category.UNKNOWN,
            f"{whose} failed in a way that it does not explain: {described(error)}",
            "this is a fault of the plugin, or of Nika, and not of the workflow",
        )
    return bounded_failure(failure, max_bytes)


def bounded_failure(failure: Failure, max_bytes: int | None) -> Failure:
    """Return the same with its message cut to `max_bytes`."""
    cut = bound(failure.message, max_bytes)
    if not cut.truncated:
        return failure
    return Failure(failure.code, failure.category, cut.text, failure.hint)


def described(error: BaseException) -> str:
    """Return `KeyError: 'x'`, whatever the exception's own methods do."""
    if isinstance(error, EscapedError):
        return str(error)
    try:
        text = str(error)
    except Exception:  # a plugin's exception may be broken, too
        text = ""
    name = type(error).__name__
    return f"{name}: {text}" if text else name
