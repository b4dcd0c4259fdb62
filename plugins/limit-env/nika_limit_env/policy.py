"""Reads the bounds; admits everything, since bounds are all that it knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from nika_core.plugin import (
    Keyword,
    KeywordCategory,
    Limit,
    LimitKind,
    Policy,
    ProblemsError,
    Unit,
    UsageError,
    output_of,
    timeout_of,
)
from nika_limit_env.values import Range, parse

_ANY: Final = Range()
_SOME: Final = Range(lowest=1)
_POSITIVE: Final = Range(above=True)
_ATTEMPTS: Final = Range(lowest=1, why="It counts all attempts: 1 means that nothing is tried again.")
_NESTING: Final = Range(lowest=1, highest=500, why="Python's own parsers end soon after it.")
_WORKFLOW_DEPTH: Final = Range(lowest=1, highest=50, why="Workflows are not nested deeper.")


class Variable(NamedTuple):
    """One variable of the language page. `default` in bytes, seconds, US dollars or as a count."""

    name: str
    measure: LimitKind
    unit: Unit
    default: float
    allowed: Range = _SOME

    def read(self, environ: Mapping[str, str]) -> Limit:
        """Read the variable. Raise UsageError if it is malformed."""
        return _limit(self.name, self.measure, self.unit, self.default, self.allowed, environ)


KB: Final = 1024
MB: Final = 1024 * 1024

VARIABLES: Final = (
    Variable("NIKA_MAX_YAML_SIZE", LimitKind.YAML_BYTES, Unit.BYTES, 10 * MB),
    Variable("NIKA_MAX_FILES", LimitKind.FILES, Unit.COUNT, 100),
    Variable("NIKA_MAX_TASKS", LimitKind.TASKS, Unit.COUNT, 1000),
    Variable("NIKA_MAX_ID_LEN", LimitKind.ID_LENGTH, Unit.COUNT, 100),
    Variable("NIKA_MAX_FLOWS", LimitKind.FLOWS, Unit.COUNT, 10_000, _ANY),
    Variable("NIKA_MAX_OUTPUT", LimitKind.OUTPUT_BYTES, Unit.BYTES, MB),
    Variable("NIKA_MAX_ERROR", LimitKind.ERROR_BYTES, Unit.BYTES, KB),
    Variable("NIKA_MAX_DEPTH", LimitKind.TEMPLATE_DEPTH, Unit.COUNT, 100),
    Variable("NIKA_MAX_JSON", LimitKind.JSON_DEPTH, Unit.COUNT, 50, _NESTING),
    Variable("NIKA_MAX_RECURSION", LimitKind.RECURSION, Unit.COUNT, 100, _NESTING),
    Variable("NIKA_VALIDATE_TIMEOUT", LimitKind.VALIDATE_SECONDS, Unit.SECONDS, 5.0, _POSITIVE),
    Variable("NIKA_MAX_RETRIES", LimitKind.ATTEMPTS, Unit.COUNT, 3, _ATTEMPTS),
    Variable("NIKA_RETRY_DELAY", LimitKind.RETRY_DELAY, Unit.SECONDS, 1.0, _ANY),
    Variable("NIKA_MAX_CONCURRENT", LimitKind.CONCURRENT, Unit.COUNT, 10),
    Variable("NIKA_MAX_ITEMS", LimitKind.ITEMS, Unit.COUNT, 1000),
    Variable("NIKA_MAX_ROUNDS", LimitKind.ROUNDS, Unit.COUNT, 100),
    Variable("NIKA_MAX_NODES", LimitKind.NODES, Unit.COUNT, 100_000),
    Variable("NIKA_MAX_NESTING", LimitKind.NESTING, Unit.COUNT, 10, _WORKFLOW_DEPTH),
    Variable("NIKA_MAX_TOKENS_TASK", LimitKind.TASK_TOKENS, Unit.TOKENS, 10_000, _ANY),
    Variable("NIKA_MAX_TOKENS_TOTAL", LimitKind.RUN_TOKENS, Unit.TOKENS, 100_000, _ANY),
    Variable("NIKA_MAX_COST", LimitKind.RUN_COST, Unit.USD, 10.0, _ANY),
    Variable("NIKA_CLEANUP_TIMEOUT", LimitKind.CLEANUP_SECONDS, Unit.SECONDS, 60.0, _ANY),
    Variable("NIKA_BATCH_WAIT", LimitKind.BATCH_SECONDS, Unit.SECONDS, 3600.0, _ANY),
    Variable("NIKA_BREAKER_FAILURES", LimitKind.BREAKER_FAILURES, Unit.COUNT, 3),
    Variable("NIKA_BREAKER_COOLDOWN", LimitKind.BREAKER_SECONDS, Unit.SECONDS, 60.0, _ANY),
    Variable("NIKA_BREAKER_SUCCESSES", LimitKind.BREAKER_SUCCESSES, Unit.COUNT, 2),
)
_TAKEN: Final = frozenset(variable.name for variable in VARIABLES)


class EnvPolicy(Policy):
    """`NIKA_MAX_TASKS` and the like for the kernel; `NIKA_<WORD>_TIMEOUT` and `NIKA_MAX_<WORD>` for any keyword."""

    def limits(self, environ: Mapping[str, str]) -> Iterable[Limit]:
        """Return all bounds that belong to no keyword.

        Raises:
            UsageError: a variable is malformed.
            ProblemsError: several are.
        """
        found: list[Limit] = []
        wrong: list[UsageError] = []
        for variable in VARIABLES:
            try:
                found.append(variable.read(environ))
            except UsageError as error:
                wrong.append(error)
        if len(wrong) > 1:
            raise ProblemsError(error.problem() for error in wrong)
        if wrong:
            raise wrong[0]
        return tuple(found)

    def keyword_limits(self, keyword: Keyword, environ: Mapping[str, str]) -> Iterable[Limit]:
        """Return a keyword's time for one attempt and, where it or the environment bounds it, its bytes of output.

        Where the kernel has a variable of the same name already, that name means the kernel's bound, and the
        keyword keeps its default. Raises UsageError for a malformed variable.
        """
        if keyword.category is KeywordCategory.GROUP:
            return ()  # its tasks have bounds of their own
        word = keyword.name.upper().replace("-", "_")
        timeout, size = f"NIKA_{word}_TIMEOUT", f"NIKA_MAX_{word}"
        found = [
            _limit(timeout, timeout_of(keyword.name), Unit.SECONDS, keyword.default_timeout, _POSITIVE, environ),
        ]
        if keyword.default_max_output is not None or (size in environ and size not in _TAKEN):
            default = keyword.default_max_output or 0
            found.append(_limit(size, output_of(keyword.name), Unit.BYTES, default, _SOME, environ))
        return tuple(found)


def _limit(name: str, measure: str, unit: Unit, default: float, allowed: Range, environ: Mapping[str, str]) -> Limit:
    taken = name in _TAKEN and not isinstance(measure, LimitKind)
    text = None if taken else environ.get(name)
    shown = "" if taken else name
    if text is None:
        return Limit(str(measure), float(default), unit, shown)
    return Limit(str(measure), parse(name, text, unit, allowed), unit, shown, origin="environment")
