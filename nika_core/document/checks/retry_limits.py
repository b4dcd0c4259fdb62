"""Retries over the limit of attempts."""

from __future__ import annotations

from collections.abc import Iterator

from nika_core import codes
from nika_core.document.checks.check_context import Context
from nika_core.errors import Problem, Severity
from nika_core.model.limits import LimitKind


def check_attempts(context: Context) -> Iterator[Problem]:
    """Warn of a task that asks for more attempts than the limit allows: it is not tried as often as it says."""
    limit = context.limits.bounds.get(LimitKind.ATTEMPTS)
    if limit is None:
        return
    for task in context.workflow.tasks:
        wanted = task.retry.max
        if wanted is not None and wanted > limit.value:
            yield Problem(
                codes.COUNT_LIMIT,
                f"task '{task.id}' asks for {wanted} attempts, and {limit.name} allows {limit.value:g}: "
                "it is tried no more often",
                task.at(("retry", "max")),
                f"ask for fewer, or raise {limit.name}",
                Severity.WARNING,
            )
