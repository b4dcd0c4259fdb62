"""Every exception of the kernel, and the problems that they carry.

NikaError                 has a code, a message, a hint, perhaps a place
|- ProblemsError          a document is invalid: all its problems at once         exit 2
|- UsageError             the command or its arguments make no sense              exit 2
|- PluginError            a plugin is missing, broken, blocked or in conflict     exit 2
|- RefusedError           a limit, a budget or a policy refuses the whole run     exit 3
|- JournalError           a run's history cannot be read or resumed               exit 2
|- TemplateValueError     a template's value is missing when it is needed         (the task fails)
`- TaskError              a task failed, with a category                          (the task fails)
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from nika_core import codes
from nika_core.values import dataclass, replace


class Severity(StrEnum):
    """Errors stop a run before it starts; warnings do not."""

    ERROR = "error"
    WARNING = "warning"


class Category(StrEnum):
    """Why a task failed (language page, section Errors)."""

    TIMEOUT = "timeout"
    NETWORK = "network"
    RATE_LIMIT = "rateLimit"
    PROVIDER = "provider"
    VALIDATION = "validation"
    TEMPLATE = "template"
    CONFIG = "config"
    EXECUTION = "execution"
    BUDGET = "budget"
    CIRCUIT_OPEN = "circuitOpen"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def retried(self) -> bool:
        """Whether another attempt may help."""
        return self in _RETRIED


_RETRIED = frozenset({Category.TIMEOUT, Category.NETWORK, Category.RATE_LIMIT, Category.PROVIDER, Category.EXECUTION})

_DEFAULT_CODES = {
    Category.TIMEOUT: codes.TIMEOUT,
    Category.NETWORK: codes.NETWORK_FAILED,
    Category.RATE_LIMIT: codes.RATE_LIMITED,
    Category.PROVIDER: codes.PROVIDER_FAILED,
    Category.VALIDATION: codes.OUTPUT_INVALID,
    Category.TEMPLATE: codes.MISSING_VALUE,
    Category.CONFIG: codes.BAD_CONFIGURATION,
    Category.EXECUTION: codes.EXECUTION_FAILED,
    Category.BUDGET: codes.TOKEN_BUDGET,
    Category.CIRCUIT_OPEN: codes.CIRCUIT_OPEN,
    Category.CANCELLED: codes.CANCELLED,
    Category.UNKNOWN: codes.INTERNAL,
}


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file. Lines and columns count from 1; columns count characters.

    Attributes:
        path: the file.
        line, column: where it begins; None: the file, or the line, as a whole.
        end_column: where it ends on the same line, exclusive; None: after one character.
    """

    path: str
    line: int | None = None
    column: int | None = None
    end_column: int | None = None

    def __str__(self) -> str:
        parts = [self.path, self.line, self.column]
        return ":".join(str(part) for part in parts if part is not None)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document, or that its author should know."""

    code: str
    message: str
    place: Place | None = None
    hint: str | None = None
    severity: Severity = Severity.ERROR

    def at(self, place: Place) -> Problem:
        return replace(self, place=place)


class NikaError(Exception):
    """The base of all errors that a user sees: `code`, `message`, `hint` (how to fix it), `place`."""

    exit_code = 1

    def __init__(self, code: str, message: str, *, hint: str | None = None, place: Place | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.place = place

    def problem(self) -> Problem:
        """Return the error as a value, for a list of problems."""
        return Problem(self.code, self.message, self.place, self.hint)


class ProblemsError(NikaError):
    """A document (or its inputs) is invalid; `problems` holds all that was found, errors and warnings."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        errors = [p for p in self.problems if p.severity is Severity.ERROR]
        first = (errors or self.problems)[0]
        count = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(first.code, first.message + count, hint=first.hint, place=first.place)


# A limit or a policy says no; everything else that is wrong with a document is a mistake in it.
_REFUSALS = frozenset(
    {
        codes.SIZE_LIMIT,
        codes.TIMEOUT,
        codes.COUNT_LIMIT,
        codes.DEPTH_LIMIT,
        codes.PROMPT_TOO_LONG,
        codes.TOKEN_BUDGET,
        codes.PLUGIN_BLOCKED,
        codes.PLUGIN_LOCK,
        codes.UNTRUSTED_FOLDER,
        codes.ORGANIZATION_POLICY,
    }
)


def exit_code_of(problems: Iterable[Problem]) -> int:
    """0 without an error; 3 when every error is a limit's or a policy's refusal; else 2."""
    found = {problem.code for problem in problems if problem.severity is Severity.ERROR}
    if not found:
        return 0
    return RefusedError.exit_code if found <= _REFUSALS else ProblemsError.exit_code


class UsageError(NikaError):
    """The command, its arguments or its configuration make no sense."""

    exit_code = 2

    def __init__(
        self, message: str, *, code: str = codes.USAGE, hint: str | None = None, place: Place | None = None
    ) -> None:
        super().__init__(code, message, hint=hint, place=place)


class PluginError(NikaError):
    """A plugin that is needed is missing, broken, incompatible, blocked or claimed twice."""

    exit_code = 2


class RefusedError(NikaError):
    """A limit, a budget or a plugin policy refuses the run before anything was started."""

    exit_code = 3


class JournalError(NikaError):
    """A run's history cannot be written, read or continued: nothing was run."""

    exit_code = 2


class TemplateValueError(NikaError):
    """A placeholder has no value and no default, or its value is not allowed in that place."""

    def __init__(self, message: str, *, code: str = codes.MISSING_VALUE, hint: str | None = None) -> None:
        super().__init__(code, message, hint=hint)


class TaskError(NikaError):
    """What a keyword's step, a provider or a tool raises when it fails.

    Args:
        category: why; decides whether the task is tried again.
        retry_after: seconds that the other side asks to wait before another attempt.
        output: what the task had produced until then, kept for the reader.
        usage: a `Usage` that was consumed although the call failed.
    """

    def __init__(
        self,
        message: str,
        *,
        category: Category = Category.EXECUTION,
        code: str | None = None,
        hint: str | None = None,
        retry_after: float | None = None,
        output: Any = None,
        usage: Any = None,
        retriable: bool | None = None,
    ) -> None:
        super().__init__(code or _DEFAULT_CODES[category], message, hint=hint)
        self.category = category
        self.retry_after = retry_after
        self.output = output
        self.usage = usage
        self.retriable = category.retried if retriable is None else retriable
