"""A workflow as checked values. Built by `nika_core.document`, read by everything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from nika_core.errors import Place
from nika_core.model.json import Json, JsonObject
from nika_core.model.template import Placeholder, Template

# A JSON tree in which a string that holds placeholders is a Template.
PayloadValue: TypeAlias = "Json | Template | Mapping[str, Any] | list[Any]"
NodePath: TypeAlias = "tuple[str | int, ...]"


class Mode(StrEnum):
    """`strict` follows the graph exactly; `agentic` asks the main agent when a task has failed for good."""

    STRICT = "strict"
    AGENTIC = "agentic"


class OnError(StrEnum):
    """What a task's failure means for those that depend on it."""

    FAIL = "fail"
    CONTINUE = "continue"


class KeywordCategory(StrEnum):
    """How a keyword stands to the main conversation (language page, the table of keywords)."""

    CONTEXT = "context"  # takes part in the main conversation
    ISOLATED = "isolated"  # has a conversation of its own
    TOOL = "tool"  # has none


class Condition(Protocol):
    """A compiled condition of a flow."""

    @property
    def text(self) -> str: ...
    @property
    def placeholders(self) -> tuple[Placeholder, ...]: ...

    def evaluate(self, resolve: Callable[[Placeholder], Json]) -> bool:
        """Raises TemplateValueError when a value is missing or cannot be compared."""
        ...


@dataclass(frozen=True, slots=True)
class Retry:
    """`max`: attempts in all; `backoff`: seconds before the second one. None: the limit policy's value."""

    max: int | None = None
    backoff: float | None = None


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """`json` outputs are parsed and, with a `schema` (JSON Schema), checked."""

    format: str = "text"  # text | json
    schema: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A declared input. `default` only where `has_default`."""

    name: str
    type: str = "string"  # string | int | float | bool | json
    description: str = ""
    default: Json = None
    has_default: bool = False
    required: bool = True


@dataclass(frozen=True, slots=True)
class AgentBlock:
    """The `agent:` block: what tasks that need a provider have in common. Money in US dollars."""

    model: str | None = None
    provider: str | None = None
    system_prompt: PayloadValue = None
    system_prompt_file: str | None = None
    mode: Mode = Mode.STRICT
    max_turns: int | None = None
    max_budget_usd: float | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    allowed_tools: tuple[str, ...] | None = None
    disallowed_tools: tuple[str, ...] = ()
    output: str | None = None
    overflow: str = "refuse"  # refuse | summarize


NOWHERE: Final = Place("")


def _nowhere(_: NodePath) -> Place:
    return NOWHERE


@dataclass(frozen=True, slots=True)
class Task:
    """One node of the graph. `payload` has passed its keyword's schema.

    `at` tells where a part of the payload stands (or, where the payload has no such field, a part of the task: its
    `timeout`); a number after the path of a text is a character's offset in that text: `at(("command", 7))`.
    `index` is its place in declared order. `timeout` in seconds.
    """

    id: str
    keyword: str
    payload: Mapping[str, PayloadValue]
    index: int = 0
    timeout: float | None = None
    retry: Retry = Retry()
    on_error: OnError = OnError.FAIL
    when: Condition | None = None
    output: OutputSpec = OutputSpec()
    allowed_tools: tuple[str, ...] | None = None
    disallowed_tools: tuple[str, ...] = ()
    mode: Mode | None = None
    place: Place = NOWHERE
    at: Callable[[NodePath], Place] = field(default=_nowhere, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Flow:
    """An edge that the author wrote. `at(("source",))`, `at(("condition", 7))` tell where a part of it stands."""

    source: str
    target: str
    condition: Condition | None = None
    place: Place = NOWHERE
    at: Callable[[NodePath], Place] = field(default=_nowhere, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Workflow:
    """A checked document. `sections` holds root keys that plugins brought, e.g. the MCP servers.

    `at` tells where anything in the document stands: `at(("agent", "output"))`.
    """

    name: str
    path: Path
    tasks: tuple[Task, ...]
    flows: tuple[Flow, ...] = ()
    description: str = ""
    inputs: Mapping[str, InputSpec] | None = None
    agent: AgentBlock | None = None
    sections: Mapping[str, Json] = field(default_factory=dict)
    at: Callable[[NodePath], Place] = field(default=_nowhere, compare=False, repr=False)

    @property
    def folder(self) -> Path:
        """What relative paths are relative to."""
        return self.path.parent
