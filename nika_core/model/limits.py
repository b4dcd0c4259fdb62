"""Limits as values: the measure, the maximum, and its origin."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from nika_core.values import dataclass


class Unit(StrEnum):
    """What a limit's value counts."""

    BYTES = "bytes"
    SECONDS = "seconds"
    COUNT = "count"
    TOKENS = "tokens"
    USD = "usd"


class LimitKind(StrEnum):
    """What the kernel measures. A policy may bound any of them; of several bounds the smallest holds."""

    YAML_BYTES = "yaml.bytes"
    FILES = "files"
    TASKS = "tasks"
    FLOWS = "flows"
    ID_LENGTH = "id.length"
    OUTPUT_BYTES = "output.bytes"
    ERROR_BYTES = "error.bytes"
    TEMPLATE_DEPTH = "template.depth"  # steps of a template's path
    JSON_DEPTH = "json.depth"  # nesting of a JSON value: inputs, outputs, tool arguments
    RECURSION = "recursion"  # nesting of a document or of a condition
    VALIDATE_SECONDS = "validate.seconds"
    ATTEMPTS = "attempts"  # of one task, in all
    RETRY_DELAY = "retry.delay"
    CONCURRENT = "concurrent"
    ITEMS = "items"  # of one list
    ROUNDS = "rounds"  # of one loop
    NODES = "nodes"  # items, rounds and inner tasks of a run
    NESTING = "nesting"  # of workflows inside each other
    TASK_TOKENS = "task.tokens"
    RUN_TOKENS = "run.tokens"
    RUN_COST = "run.cost"
    BREAKER_FAILURES = "breaker.failures"  # of a provider in a row, after which it is left alone
    BREAKER_SECONDS = "breaker.seconds"  # for which it is left alone
    CLEANUP_SECONDS = "cleanup.seconds"  # for all cleanup of a run that is stopped
    BATCH_SECONDS = "batch.seconds"  # for which a run waits for a batch before it pauses
    BREAKER_SUCCESSES = "breaker.successes"  # in a row, after which it is trusted again


def timeout_of(keyword: str) -> str:
    """Return the kind of limit for one attempt's time with this keyword."""
    return f"timeout.{keyword}"


def output_of(keyword: str) -> str:
    """Return the kind of limit for one output's bytes with this keyword."""
    return f"output.{keyword}"


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound that a policy sets.

    Attributes:
        measure: a `LimitKind`, or what `timeout_of` or `output_of` returns.
        value: the bound itself.
        unit: what the value counts.
        name: what a user changes it by, e.g. `NIKA_MAX_TASKS`.
        origin: where the value comes from: `default`, `environment` or a word of the policy's own.
        policy: the policy's name; set by the kernel.
    """

    measure: str
    value: float
    unit: Unit
    name: str
    origin: str = "default"  # default | environment | whatever the policy calls its source
    policy: str = ""  # set by the kernel


class Limits:
    """All bounds of all policies; of several for one measure the smallest holds. Immutable.

    Attributes:
        bounds: the bound that holds for each measure that has one, with its name and origin.
        amounts: the same bounds as numbers, in their units.
        counts: the same bounds as whole numbers.
    """

    __slots__ = ("_all", "amounts", "bounds", "counts")

    def __init__(self, limits: Iterable[Limit] = ()) -> None:
        self._all = tuple(limits)
        bounds: dict[str, Limit] = {}
        for limit in self._all:
            known = bounds.get(limit.measure)
            if known is None or limit.value < known.value:
                bounds[limit.measure] = limit
        self.bounds: Mapping[str, Limit] = bounds
        self.amounts: Mapping[str, float] = {measure: limit.value for measure, limit in bounds.items()}
        self.counts: Mapping[str, int] = {
            measure: int(amount) for measure, amount in self.amounts.items() if math.isfinite(amount)
        }

    def __iter__(self) -> Iterator[Limit]:
        return iter(self._all)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Limits) and self._all == other._all

    def __hash__(self) -> int:
        return hash(self._all)

    def narrowed(self, limits: Iterable[Limit]) -> Limits:
        """Return these and further limits; no bound becomes wider."""
        return Limits((*self._all, *limits))
