"""What a step means if it raises an ExceptionGroup, as each `asyncio.TaskGroup` does: one error, the others named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nika_core.engine.core.failures import described, failure_from
from nika_core.engine.core.ports import Suspended
from nika_core.errors import Category, NikaError, TaskError
from nika_core.model.usage import NOTHING, Usage

# The worst first: what no other attempt can help, and then what says most about why.
_BY_SEVERITY: Final = (
    Category.CONFIG,
    Category.BUDGET,
    Category.TEMPLATE,
    Category.VALIDATION,
    Category.UNKNOWN,
    Category.CANCELLED,
    Category.CIRCUIT_OPEN,
    Category.EXECUTION,
    Category.PROVIDER,
    Category.TIMEOUT,
    Category.RATE_LIMIT,
    Category.NETWORK,
)
_MOST_NAMED: Final = 5


def single_error(group: BaseExceptionGroup[BaseException], whose: str) -> BaseException:
    """Return the one exception for which a group stands; the group itself if nothing in it is meant for the user.

    An only TaskError is returned as it is. Of several the most severe one counts, and its message names the others.
    """
    leaves = list(_leaves(group))
    interrupt = next((leaf for leaf in leaves if isinstance(leaf, KeyboardInterrupt)), None)
    if interrupt is not None:
        return interrupt
    errors = [leaf for leaf in leaves if not isinstance(leaf, Suspended)]
    if leaves and not errors:
        return leaves[0]
    explained = sorted((_task_error(error, whose) for error in errors if isinstance(error, NikaError)), key=_severity)
    if not explained:
        return group
    others = [error.message for error in explained[1:]]
    others += [described(error) for error in errors if not isinstance(error, NikaError)]
    return _merged(explained, others) if others else explained[0]


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _task_error(error: NikaError, whose: str) -> TaskError:
    if isinstance(error, TaskError):
        return error
    failure = failure_from(error, whose)
    return TaskError(failure.message, category=failure.category, code=failure.code, hint=failure.hint)


def _severity(error: TaskError) -> tuple[bool, int]:
    return error.retriable, _BY_SEVERITY.index(error.category)


def _merged(errors: list[TaskError], others: list[str]) -> TaskError:
    first = errors[0]
    named = "; ".join(others[:_MOST_NAMED])
    if len(others) > _MOST_NAMED:
        named += f"; and {len(others) - _MOST_NAMED} more"
    usages = [error.usage for error in errors if isinstance(error.usage, Usage)]
    return TaskError(
        f"{first.message} (also failed: {named})",
        category=first.category,
        code=first.code,
        hint=first.hint,
        retry_after=max((error.retry_after for error in errors if error.retry_after is not None), default=None),
        output=first.output,
        usage=sum(usages, NOTHING) if usages else None,
        retriable=first.retriable,
    )
