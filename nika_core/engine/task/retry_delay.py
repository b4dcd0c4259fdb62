"""Decides whether a task is tried again after an attempt that failed, and when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nika_core.engine.core.messages import TaskCall
from nika_core.errors import TaskError
from nika_core.model.limits import LimitKind
from nika_core.plugin import Keyword

LONGEST_DELAY: Final = 60.0  # seconds of backoff
LONGEST_RETRY_AFTER: Final = 600.0  # seconds; a server that asks for more is not waited for


def retry_delay(
    error: TaskError, call: TaskCall, keyword: Keyword, attempt: int, random: Callable[[], float]
) -> float | None:
    """Return the seconds until the next attempt: exponential, with full jitter; None: there is none."""
    if not is_retried(error) or attempt >= _most_attempts(call, keyword):
        return None
    own = call.retry.backoff
    backoff = own if own is not None else call.limits.amounts.get(LimitKind.RETRY_DELAY, 1.0) or 0.0
    asked = error.retry_after or 0.0
    if asked > LONGEST_RETRY_AFTER:
        return None
    return max(random() * min(LONGEST_DELAY, backoff * 2.0 ** min(attempt - 1, 64)), asked)


def is_retried(error: TaskError) -> bool:
    """Return whether another attempt may help."""
    return error.retriable and error.category.retried


def refused_attempt(call: TaskCall, attempt: int) -> str | None:
    """Return why there is no attempt after this one, if the task wants more than the limit allows."""
    wanted, limit = call.retry.max, call.limits.counts.get(LimitKind.ATTEMPTS)
    if wanted is None or limit is None or wanted <= limit or attempt != limit:
        return None
    bound = call.limits.bounds.get(LimitKind.ATTEMPTS)
    name = bound.name if bound and bound.name else "a limit policy"
    return f"`retry.max` is {wanted}, but {name} allows {limit} attempts"


def _most_attempts(call: TaskCall, keyword: Keyword) -> int:
    """Return the attempts in all: the task's own number, within the limit for all tasks.

    Without a number of its own, only what has no effect but asking a model, or none at all, is tried again: nobody said
    that a command may run twice.
    """
    wanted, limit = call.retry.max, call.limits.counts.get(LimitKind.ATTEMPTS)
    if wanted is None and not (keyword.pure or keyword.needs_provider):
        return 1
    return min(wanted or limit or 1, limit or wanted or 1)
