"""Limits as values: the measure, the maximum, and its origin."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final

from nika_core.values import dataclass, field


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
    TEMPLATE_DEPTH = "template.depth"
    JSON_DEPTH = "json.depth"
    RECURSION = "recursion"
    VALIDATE_SECONDS = "validate.seconds"
    ATTEMPTS = "attempts"
    RETRY_DELAY = "retry.delay"
    CONCURRENT = "concurrent"
    ITEMS = "items"
    ROUNDS = "rounds"
    NODES = "nodes"
    NESTING = "nesting"
    TASK_TOKENS = "task.tokens"
    RUN_TOKENS = "run.tokens"
    RUN_COST = "run.cost"
    BREAKER_FAILURES = "breaker.failures"
    BREAKER_SECONDS = "breaker.seconds"
    CLEANUP_SECONDS = "cleanup.seconds"
    BATCH_SECONDS = "batch.seconds"
    BREAKER_SUCCESSES = "breaker.successes"


_PURPOSES: Final[Mapping[str, str]] = {
    LimitKind.YAML_BYTES: "size of a workflow file",
    LimitKind.FILES: "workflow files that one `nika validate` checks",
    LimitKind.TASKS: "tasks of a workflow",
    LimitKind.FLOWS: "flows of a workflow",
    LimitKind.ID_LENGTH: "characters of an id",
    LimitKind.OUTPUT_BYTES: "size of a task's output",
    LimitKind.ERROR_BYTES: "size of an error message",
    LimitKind.TEMPLATE_DEPTH: "steps of a template's path",
    LimitKind.JSON_DEPTH: "nesting of a JSON value: inputs, outputs, tool arguments",
    LimitKind.RECURSION: "nesting of a document or of a condition",
    LimitKind.VALIDATE_SECONDS: "time to check a workflow",
    LimitKind.ATTEMPTS: "attempts of a task, in all",
    LimitKind.RETRY_DELAY: "first delay before a retry",
    LimitKind.CONCURRENT: "tasks that run at the same time",
    LimitKind.ITEMS: "items of a list",
    LimitKind.ROUNDS: "rounds of a loop",
    LimitKind.NODES: "items, rounds and inner tasks of a run",
    LimitKind.NESTING: "workflows inside each other",
    LimitKind.TASK_TOKENS: "tokens of a task",
    LimitKind.RUN_TOKENS: "tokens of a run",
    LimitKind.RUN_COST: "cost of a run",
    LimitKind.BREAKER_FAILURES: "failures in a row before a provider is no longer called",
    LimitKind.BREAKER_SECONDS: "time before such a provider is tried again",
    LimitKind.CLEANUP_SECONDS: "time for all cleanup of a run that is stopped",
    LimitKind.BATCH_SECONDS: "wait for a batch before the run pauses",
    LimitKind.BREAKER_SUCCESSES: "successes in a row before such a provider is trusted again",
}


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
        purpose: what the limit is for, in a few words, as `nika limits` shows it; a measure of the kernel's needs none.
    """

    measure: str
    value: float
    unit: Unit
    name: str
    origin: str = "default"  # default | environment | whatever the policy calls its source
    policy: str = ""  # set by the kernel
    purpose: str = field(default="", compare=False)  # not sent to other machines

    def told_purpose(self) -> str:
        """Return what the limit is for: what its policy says, or else what the kernel knows of the measure."""
        if self.purpose or self.measure in _PURPOSES:
            return self.purpose or _PURPOSES[self.measure]
        kind, _, keyword = self.measure.partition(".")
        known = {"timeout": "time of one attempt", "output": "size of the output"}.get(kind)
        return f"{known} of a task with `{keyword}`" if known and keyword else ""


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
