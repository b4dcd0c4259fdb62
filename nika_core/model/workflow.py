"""A workflow as checked values. Built by `nika_core.document`, read by everything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from nika_core.errors import Place
from nika_core.model.json import Json, JsonObject
from nika_core.model.template import Placeholder, Template
from nika_core.values import dataclass, field

if TYPE_CHECKING:
    from pathlib import Path

    from nika_core.model.graph import Graph

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
    VALUE = "value"  # a value stands in for its output


class Binding(StrEnum):
    """What a task has beside inputs and outputs, for template sources to read."""

    ITEM = "item"  # of the list for which it is done, with its `index`, `number` and `key`
    ROUND = "round"  # the one before, with its `output`
    STATUS = "status"  # of the run, in cleanup


class KeywordCategory(StrEnum):
    """How a keyword relates to the main conversation (language page, the table of keywords)."""

    CONTEXT = "context"  # takes part in the main conversation
    ISOLATED = "isolated"  # has a conversation of its own
    TOOL = "tool"  # has none
    GROUP = "group"  # stands for a workflow, whose tasks are done in its place


class Condition(Protocol):
    """A compiled condition of a flow."""

    @property
    def text(self) -> str: ...
    @property
    def placeholders(self) -> tuple[Placeholder, ...]: ...

    def evaluate(self, resolve: Callable[[Placeholder], Json]) -> bool:
        """Return whether it holds. Raise TemplateValueError if a value is missing or cannot be compared."""
        ...


@dataclass(frozen=True, slots=True)
class Retry:
    """`max`: attempts in all; `backoff`: seconds before the second one. None: the limit policy's value."""

    max: int | None = None
    backoff: float | None = None


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """What a task wants its output to be.

    Attributes:
        format: `text`; `json`: the output is parsed; `lines`: a text is the list of its lines that are not empty.
        schema: the JSON Schema that a JSON output is checked against; None: any JSON.
        schema_file: the file that the schema was read from, relative to the workflow's folder; "": it is written out.
    """

    format: str = "text"
    schema: JsonObject | None = None
    schema_file: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A declared input.

    Attributes:
        name: its name.
        type: `string`, `int`, `float`, `bool` or `json`.
        description: what it is for.
        default: its value if a run is given none; only with `has_default`.
        has_default: whether there is a default.
        required: whether a run without it is refused.
        enum: the only values that it may have; None: any.
        least, most: the bounds of a number; None: not bounded.
        many: whether the value is a list, of values that `type` and `enum` describe.
        shortest, longest: the bounds of a text's length in characters, or of a list's in values; None: not bounded.
        format: what a text must be: `email`, `uri`, `date` or `date-time`; "": any text.
    """

    name: str
    type: str = "string"
    description: str = ""
    default: Json = None
    has_default: bool = False
    required: bool = True
    enum: tuple[Json, ...] | None = None
    least: float | None = None
    most: float | None = None
    many: bool = False
    shortest: int | None = None
    longest: int | None = None
    format: str = ""


@dataclass(frozen=True, slots=True)
class AgentBlock:
    """The `agent:` block: common settings of the tasks that need a provider.

    Attributes:
        model, provider: the model, and the provider that runs it.
        fallback: models that are asked in order if that one cannot answer now.
        options_json: the provider's own options, a JSON object; "" if there are none.
        system_prompt, system_prompt_file: what every conversation starts with, or the file that has it.
        mode: whether the main agent decides what to do after a task has finally failed.
        max_turns: how often the model may answer in one task.
        max_budget_usd: the most that a run may cost, in US dollars.
        max_tokens: tokens of one answer.
        temperature: from 0 to 2.
        effort: how much models think before they answer: `low`, `medium` or `high`; None: as they do by themselves.
        cache_prompt: whether providers are asked to cache prompts.
        allowed_tools, disallowed_tools: the tools that tasks may use, and those that they may not. An entry is a name,
            or the JSON text of a rule (`model.tool_rules`).
        ask_tools: the tools whose calls a person has to approve, in the same form.
        output: the task whose output is the workflow's.
        overflow: `refuse`, or `summarize`: what happens to a conversation that no longer fits the model.
    """

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
    ask_tools: tuple[str, ...] = ()
    output: str | None = None
    overflow: str = "refuse"
    fallback: tuple[str, ...] = ()
    options_json: str = ""
    effort: str | None = None
    cache_prompt: bool = True


class ItemError(StrEnum):
    """What a failed item means for its list."""

    FAIL = "fail"  # every item is done, then the task fails
    STOP = "stop"  # no further item starts, those that run are finished, the task fails
    CONTINUE = "continue"  # the task succeeds
    VALUE = "value"  # a value stands in for the item


@dataclass(frozen=True, slots=True)
class ForEach:
    """`forEach`: the task is done for each item of a list.

    Attributes:
        items: one template, or a list of texts and objects in which there may be templates.
        key: names an item in views; None: items have no names.
        max_concurrent: items at once; None: as many as the run allows.
        max_items: beyond it the task fails before its first item starts; None: the limit policy's.
        on_item_error: what a failed item means.
        value: stands in for a failed item, if `on_item_error` says so.
    """

    items: PayloadValue
    key: PayloadValue = None
    max_concurrent: int | None = None
    max_items: int | None = None
    on_item_error: ItemError = ItemError.FAIL
    value: PayloadValue = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """`repeat`: the task is done again until a condition holds.

    Attributes:
        until: asked after each round; in it the task itself is that round's output.
        max_rounds: rounds in all.
        every: seconds between two rounds.
        fail_if_exhausted: whether the task fails if the condition never held.
        fail_on_round_error: whether a failed round fails the task; else it counts as one without output.
        collect: whether the output is the list of all rounds' outputs.
        keep_conversation: whether a round sees what the rounds before it said; None: as the keyword's category says.
    """

    until: Condition
    max_rounds: int
    every: float = 0.0
    fail_if_exhausted: bool = True
    fail_on_round_error: bool = True
    collect: bool = False
    keep_conversation: bool | None = None

    def keeps_conversation(self, category: KeywordCategory) -> bool:
        """Return whether a round of a task with a keyword of this category sees what the rounds before it said."""
        return category is KeywordCategory.CONTEXT if self.keep_conversation is None else self.keep_conversation


@dataclass(frozen=True, slots=True)
class InnerWorkflow:
    """The workflow that a task stands for, as far as it can be known before a run.

    Attributes:
        workflow: the workflow, checked; of one without inputs, `inputs` is empty.
        graph: its graph.
        inherits_agent: whether it has no agent block and uses its caller's.
        output_schema: what is known of its output, as JSON Schema; None: nothing.
        depth: how many workflows are inside each other here, this one included.
        size: how many tasks it has, with those of the workflows inside it, each list and loop counted once.
    """

    workflow: Workflow
    graph: Graph
    inherits_agent: bool = False
    output_schema: JsonObject | None = None
    depth: int = 1
    size: int = 1


NOWHERE: Final = Place("")


def _nowhere(_: NodePath) -> Place:
    return NOWHERE


@dataclass(frozen=True, slots=True)
class Task:
    """One node of the graph.

    Attributes:
        id: its id.
        keyword: the word that it is a task of.
        payload: the value of the keyword; it has passed the keyword's schema.
        index: its position in declared order.
        timeout: seconds of one attempt; None: the limit policy's.
        idle_timeout: seconds of one attempt without a sign of life from its step; None: not bounded.
        retry: how often it is tried, and how soon.
        on_error: what its failure means for those that depend on it.
        when: a condition for it to run, besides its flows; None: there is none.
        for_each: the list whose items it is done for.
        repeat: how it is done again.
        output: what its output has to be.
        allowed_tools, disallowed_tools: the tools that it may use, and those that it may not.
        ask_tools: the tools whose calls a person has to approve, beside those of the agent block.
        mode: as in `AgentBlock`; None: the agent block's.
        inner: the workflow that it stands for; None: it does its keyword's step.
        stand_in: stands in for its output if it fails and `on_error` says so.
        always: whether it is cleanup: it runs once what it waits for has ended, however that ended.
        decides_per_item: whether `when` is asked for each item of the list: then it skips items, and never the task.
        cache: how old a result of an earlier run may be that is taken instead, in seconds; None: none is taken.
        known_output: what its keyword knows of the output of one item or round, as JSON Schema; None: nothing, or
            `output` or the value that stands in for a failure says what it may be.
        place: its place in the file.
        at: returns the place of a part of the payload or, if the payload has no such field, a part of the task (its
            `timeout`); a number after the path of a text is a character's offset in it: `at(("command", 7))`.
    """

    id: str
    keyword: str
    payload: Mapping[str, PayloadValue]
    index: int = 0
    timeout: float | None = None
    idle_timeout: float | None = None
    retry: Retry = Retry()
    on_error: OnError = OnError.FAIL
    when: Condition | None = None
    for_each: ForEach | None = None
    repeat: Repeat | None = None
    output: OutputSpec = OutputSpec()
    allowed_tools: tuple[str, ...] | None = None
    disallowed_tools: tuple[str, ...] = ()
    ask_tools: tuple[str, ...] = ()
    mode: Mode | None = None
    inner: InnerWorkflow | None = None
    stand_in: PayloadValue = None
    always: bool = False
    decides_per_item: bool = False
    cache: float | None = None
    place: Place = NOWHERE
    at: Callable[[NodePath], Place] = field(default=_nowhere, compare=False, repr=False)
    known_output: JsonObject | None = None

    @property
    def output_schema(self) -> JsonObject | None:
        """What is known of the output of `{{task}}`, as JSON Schema: a list is an array of its items; None: nothing."""
        if self.repeat is not None and self.repeat.collect:
            return None  # in its own condition it is a round's
        item = self.item_schema
        return item if self.for_each is None else {"type": "array", "items": {} if item is None else item}

    @property
    def item_schema(self) -> JsonObject | None:
        """What is known of the output of one item or round, or of the task if it has neither; None: nothing."""
        if self.inner is not None:
            return self.inner.output_schema
        if self.output.format == "lines":
            return {"type": "array", "items": {"type": "string"}}
        return self.known_output if self.output.schema is None else self.output.schema


@dataclass(frozen=True, slots=True)
class Flow:
    """An edge that the author wrote. `at(("source",))`, `at(("condition", 7))` return the place of a part of it."""

    source: str
    target: str
    condition: Condition | None = None
    place: Place = NOWHERE
    at: Callable[[NodePath], Place] = field(default=_nowhere, compare=False, repr=False)


class NoOutputs(Enum):
    """Stands for `outputs` in a workflow without them, since any JSON may be one."""

    NO_OUTPUTS = "NO_OUTPUTS"


# The root keys of a document that are the kernel's; `nika` tells a file of another line. No section has one of them.
ROOT_KEYS: Final = frozenset(
    {"agent", "description", "env", "flows", "inputs", "name", "nika", "outputs", "tasks", "timeout", "workflows"}
)


@dataclass(frozen=True, slots=True)
class Workflow:
    """A checked document.

    Attributes:
        name: its own name, or the file's.
        path: the file.
        tasks: its tasks, in declared order.
        flows: the edges that its author wrote.
        description: what it is for.
        inputs: the declared inputs by name; None: any input is accepted.
        outputs: templates of the workflow's output; NO_OUTPUTS: it is a task's.
        timeout: seconds of a whole run; None: not bounded.
        env: variables for the processes that tasks start.
        agent: the `agent:` block, if there is one.
        sections: root keys that plugins brought, e.g. the MCP servers.
        deferred: templates in fields whose values must be known before a run, by the field's path in the document:
            `("tasks", 0, "timeout")`. Until they are filled in (`nika_core.document.fill_in`), those fields are empty.
        at: returns the place of anything in the document: `at(("agent", "output"))`.
    """

    name: str
    path: Path
    tasks: tuple[Task, ...]
    flows: tuple[Flow, ...] = ()
    description: str = ""
    inputs: Mapping[str, InputSpec] | None = None
    outputs: PayloadValue | NoOutputs = NoOutputs.NO_OUTPUTS
    timeout: float | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    agent: AgentBlock | None = None
    sections: Mapping[str, Json] = field(default_factory=dict)
    deferred: Mapping[NodePath, Template] = field(default_factory=dict)
    at: Callable[[NodePath], Place] = field(default=_nowhere, compare=False, repr=False)

    @property
    def folder(self) -> Path:
        """What relative paths are relative to."""
        return self.path.parent
