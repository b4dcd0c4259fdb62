"""Cases of a `*.nika.test.yaml` file: what a workflow is given, and what is expected of its run."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from nika_core.errors import Category, Place, TaskError
from nika_core.model.json import Json
from nika_core.values import dataclass, field

SUFFIX: Final = ".nika.test.yaml"


class Expects(StrEnum):
    """What an expectation is about; each key of a test file can be written with `not-` before it."""

    STATUS = "status"
    STATE = "state"
    SKIPPED = "skipped"
    ORDER = "order"
    EQUALS = "equals"
    CONTAINS = "contains"
    SCHEMA = "schema"
    EXISTS = "exists"
    ERROR = "error"
    COST = "cost"
    TOKENS = "tokens"
    CALLS = "calls"
    TOOLS = "tools"
    JUDGE = "judge"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which numbers are expected. None: not bounded."""

    at_least: float | None = None
    at_most: float | None = None

    def __str__(self) -> str:
        if self.at_least == self.at_most:
            return f"{self.at_least:g}"
        parts = [f"at least {self.at_least:g}"] if self.at_least is not None else []
        parts += [f"at most {self.at_most:g}"] if self.at_most is not None else []
        return " and ".join(parts)

    def hold(self, number: float) -> bool:
        """Return whether a number is within them."""
        return (self.at_least is None or number >= self.at_least) and (self.at_most is None or number <= self.at_most)


@dataclass(frozen=True, slots=True)
class Rubric:
    """By what a model judges an output.

    Attributes:
        text: what a good output is like.
        threshold: the least score, from 0 to 1.
        model: the model; None: the workflow's.
    """

    text: str
    threshold: float = 0.7
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that is expected of a run.

    Attributes:
        about: what it is about.
        value: what is expected: a text, JSON, `Bounds`, a list of texts or a `Rubric`, as `about` says.
        negated: whether it must not hold.
        task: the node that it is about; None: the whole run.
        path: where in the output; "": all of it.
        place: where it is written.
    """

    about: Expects
    value: Any
    negated: bool = False
    task: str | None = None
    path: str = ""
    place: Place = Place("")

    @property
    def title(self) -> str:
        """Its key and what it is about, for messages."""
        key = f"{'not-' if self.negated else ''}{self.about}"
        where = f" of `{self.task}`" if self.task else ""
        return f"{key}{where}{f' at {self.path}' if self.path else ''}"


@dataclass(frozen=True, slots=True)
class WorkflowCase:
    """One run of a workflow, and what is expected of it.

    Attributes:
        name: its name, of a row of a table with its number: `greets[2]`.
        inputs, answers, outputs, errors: what the run is given; `outputs` and `errors` stand in for tasks.
        recording: the folder of the recording that it replays; None: tasks without outputs play their parts.
        expect: what is expected.
        place: where it is written.
    """

    name: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, Any] = field(default_factory=dict)
    recording: Path | None = None
    expect: tuple[Expectation, ...] = ()
    place: Place = Place("")


@dataclass(frozen=True, slots=True)
class CasesFile:
    """A test file: its cases, and the workflow that they run."""

    path: Path
    workflow: Path
    cases: tuple[WorkflowCase, ...]


def stand_in_error(found: Json) -> TaskError:
    """Return an error as a test describes it. Raise ValueError if it does not."""
    if isinstance(found, str):
        return TaskError(found, retriable=False)
    if not isinstance(found, Mapping) or not isinstance(found.get("message"), str):
        raise ValueError("an error is a message, or {category: network, message: TEXT}")
    if unknown := [key for key in found if key not in ("category", "code", "message")]:
        raise ValueError(f"an error has no `{unknown[0]}`, but `category`, `message` and `code`")
    category = found.get("category", Category.EXECUTION.value)
    if category not in [each.value for each in Category]:
        raise ValueError(f"'{category}' is none of {', '.join(each.value for each in Category)}")
    return TaskError(found["message"], category=Category(category), code=found.get("code"), retriable=False)
