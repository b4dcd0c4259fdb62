"""What a task keyword is: a description, a step that does the work, and facets that make it first-class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from nika_core.errors import Category, Place, Severity, TaskError
from nika_core.model.events import EventKind
from nika_core.model.json import Json, JsonObject
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import AgentBlock, KeywordCategory, NodePath, OutputSpec, PayloadValue
from nika_core.plugin.explanation import Explanation
from nika_core.values import dataclass, field

if TYPE_CHECKING:  # describing a keyword needs none of these
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from nika_core.model.clock import Clock
    from nika_core.model.message import Message
    from nika_core.model.question import Question
    from nika_core.model.template import Template
    from nika_core.plugin.fields.validator import Validator
    from nika_core.plugin.provider import ModelInfo, ModelReply, ModelRequest
    from nika_core.plugin.tool import Tool, ToolResult

T = TypeVar("T")
NO_STEP: Final = "nika_core.plugin.keyword:NoStep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """Describe a keyword. The module that makes one imports nothing heavy: `step` and `facets` are names.

    Attributes:
        name: the word that a workflow's author writes; also the name of the entry point.
        summary: one sentence.
        category: how it stands to the main conversation; `context` and `isolated` keywords may have `allowedTools`. A
            `group` stands for a workflow, which its facets name (`Facets.workflow`) and the kernel runs in its place.
        primary: the field that the short form (`word: scalar`) stands for.
        short_form_only: whether there is only the short form: whatever stands under the word, also a list or a mapping,
            is the field `primary`, and the payload has no other field. In `json_fields`, that is any JSON.
        payload: what stands under the word: a `fields.Map`, whose fields are documented. Their names are camelCase.
        step: "package.module:Class" of a `Step`, made once per run without arguments. Only a group needs none.
        facets: "package.module:Class" of `Facets`; the default ones are sound, but know nothing.
        json_fields: payload fields that hold JSON. Plain scalars that are exactly a JSON number, true, false or null
            have that type there (`3`, but not `3.10`), and a field that is one single placeholder keeps its value's
            type.
        verbatim_fields: payload fields in which `{{` and `${` mean nothing.
        rendered_fields: payload fields that the facets' `render` puts together, since a value must be made safe there.
        needs_provider: whether a task with it calls a model, so that the workflow needs an `agent:` block.
        only_asks: whether its step does nothing but ask people (`StepContext.ask`). A task with it then takes no place
            among those that run at once, and a mocked run does its step, with the answers of `--answers`.
        refused_keys: keys of a task that make no sense beside it, each with what to write instead.
        pure: whether it has no effect outside and may simply be run again.
        default_timeout: seconds for one attempt where no policy, and no task, says otherwise.
        default_max_output: bytes of output; None: only the limit for all outputs.
        sections: root keys of a workflow's file that belong to this keyword, each with its validator. Their names are
            taken like words, those of the kernel's own root keys cannot be had, and templates in them stay text.
        settings: validator of the project file's key of the keyword's own name; None: there is none.
        synonyms: what other systems call it (`run`), for who writes that by mistake.
        explanations: the codes of its own that it reports, for `nika explain`.
    """

    name: str
    summary: str
    category: KeywordCategory = KeywordCategory.TOOL
    primary: str
    short_form_only: bool = False
    payload: Validator
    step: str = NO_STEP
    facets: str = "nika_core.plugin.keyword:Facets"
    json_fields: frozenset[str] = frozenset()
    verbatim_fields: frozenset[str] = frozenset()
    rendered_fields: frozenset[str] = frozenset()
    needs_provider: bool = False
    only_asks: bool = False
    refused_keys: Mapping[str, str] = field(default_factory=dict)
    pure: bool = False
    default_timeout: float = 60.0
    default_max_output: int | None = None
    sections: Mapping[str, Validator] = field(default_factory=dict)
    settings: Validator | None = None
    synonyms: frozenset[str] = frozenset()
    explanations: tuple[Explanation, ...] = ()


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What a step returns if there is more to say than a value.

    Attributes:
        value: text, or any JSON.
        original_bytes: how long it was, where the step itself did not read or keep all of it.
        messages: what this task adds to the main conversation (keywords of category `context` only).
        usage: what was spent other than through `StepContext.complete`, e.g. the price of a paid API.
    """

    value: Json
    original_bytes: int | None = None
    messages: tuple[Message, ...] = ()
    usage: Usage = NOTHING


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Returned by a step that cannot go on before something outside has happened: a person, a batch, a callback.

    The task then takes no place and no process; a run that has nothing else to do pauses. When the signal has come
    (`nika signal RUN TASK JSON`), the step is run again, and finds it in `StepContext.signals` under `key`.

    Attributes:
        key: tells what is waited for from everything else that this task may wait for. If what was asked has changed,
            another key makes an old signal void.
        about: what people are shown; JSON without secrets.
        seconds: how long, from when it was first waited for; then the task fails (`timeout`). None: for ever.
        patience: seconds that a run with nothing else to do stays for it before it pauses; None: for ever.
        default: taken in place of a signal when the time is over.
        has_default: whether there is a `default`; without one the task fails (`timeout`).
        content_key: whether `key` stands for all that is asked, e.g. a digest of it. Its signal then holds also if the
            task is done again because something has changed that is not asked about, but not after `resume --from`.
    """

    key: str
    about: JsonObject = field(default_factory=dict)
    seconds: float | None = None
    patience: float | None = 0.0
    default: Json = None
    has_default: bool = False
    content_key: bool = False


@dataclass(frozen=True, slots=True)
class Declined:
    """Returned by a step if a person has said no: the task ends as skipped (`declined`), and what needs it with it."""


class StepContext(Protocol):
    """What a running step may see and do, and no more. It ends with `Step.run`: whatever uses it later is refused.

    Attributes:
        run_id: the run; what starts a process passes it on, so that nothing is left behind.
        task_id: the task's id.
        key: `run/task#epoch`, the same for all attempts; an idempotency key.
        attempt: from 1.
        folder: the workflow's folder; relative paths start here.
        timeout: seconds that this attempt has; the kernel enforces it, a step may pass it on.
        max_output: bytes of output that are kept; a step need not read further.
        max_json_depth: nesting at which a JSON value is refused.
        output: what the task wants its output to be.
        agent: the workflow's `agent:` block, system prompt resolved.
        settings: this keyword's part of the project file, as its `settings` validator returned it.
        sections: the workflow's root keys that plugins brought.
        signals: what the task was given by what it waited for, by the key of its `WaitFor`.
        messages: the main conversation as this task sees it: its ancestors' messages in declared order. Empty for
            keywords that are not of category `context`.
        environ: the environment as it was when the run started.
        env: the variables that the workflow's `env` adds for processes: `{**context.environ, **context.env}` is what a
            process that the step starts gets, with the task's own variables last.
        clock: the time; a step that waits uses `clock.sleep`, so that a test need not.
    """

    run_id: str
    task_id: str
    key: str
    attempt: int
    folder: Path
    timeout: float
    max_output: int
    max_json_depth: int
    output: OutputSpec
    agent: AgentBlock
    settings: JsonObject
    sections: Mapping[str, Json]
    signals: Mapping[str, Json]
    messages: tuple[Message, ...]
    environ: Mapping[str, str]
    env: Mapping[str, str]
    clock: Clock

    def mask(self, text: str) -> str:
        """Return `text` with every secret value replaced by `***`."""
        ...

    def heartbeat(self) -> None:
        """Say that the step goes on, so that the task's `idleTimeout` does not end it. Shows nothing, costs little.

        `emit_text`, `progress`, `notice`, `save`, calls of tools and each piece of a model's reply say so, too.
        """
        ...

    def emit_text(self, text: str) -> None:
        """Show text as it comes; best effort, never in history."""
        ...

    def notice(self, message: str, *, kind: str = EventKind.NOTICE, data: JsonObject | None = None) -> None:
        """Tell the user something; recorded as an event of `kind` whose data are `data` and the message.

        Args:
            kind: `EventKind.NOTICE`, `EventKind.CONTEXT_SUMMARIZED`, `EventKind.TOOL_CALLED` of a call that the step
                itself refused (`data` has `isError` true), or one of the keyword's own: its word, a dot and a name, as
                `search.indexed`. All other events are the kernel's, and are refused (TaskError).
        """
        ...

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Show how far the step is, e.g. 3 of 10 files; best effort, never in history.

        Args:
            done: how much is done, in any unit.
            total: how much there is to do, in the same unit; None: not known.
            text: what it is doing now.
        """
        ...

    @property
    def saved(self) -> Json:
        """Return what this task saved last: in an earlier attempt, before it waited, or before the run was killed.

        None: nothing.
        """
        ...

    async def save(self, state: Json) -> None:
        """Keep JSON for this task, in place of what it saved before. It is durable when this returns.

        A later attempt, the step after a wait, and the run that resumes this one find it in `saved`. A task that is
        run anew because its definition or an input changed starts without it. What has a secret in it is kept for this
        process only. At most 1 MiB. Raises TaskError.
        """
        ...

    async def resource(self, key: str, open_: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Return what the tasks of one run share (an MCP session, an HTTP client), opened once per key.

        Keys are those of the plugin's distribution: an equal key of another distribution is another resource. It is
        closed when the run ends. Opening happens in a task of its own, so a cancelled step does not break it.
        """
        ...

    async def model(self, request: ModelRequest) -> ModelInfo:
        """Return what the model that `request` would reach can do. Calls nothing."""
        ...

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Call a model: within the budgets, retried, counted, recorded. Text is shown as it comes.

        A reply that an earlier attempt (or the run that this one resumes) already paid for is returned again.
        Raises TaskError.
        """
        ...

    async def ask(self, question: Question) -> Json:
        """Ask a person, and return the answer: True or False, or the fields of the question's form as an object.

        If there is no answer yet, this does not return: the task waits, takes no place and no process, and its step is
        run again from its beginning when the answer is there. So what has an effect comes after the question, or is
        kept (`save`, `complete` and `call` do so by themselves). The answer is bound to a digest of what was shown: a
        question that has another message, value or form is another question, and is asked anew.
        Raises TaskError for a question that makes no sense.
        """
        ...

    async def tools(self) -> Sequence[Tool]:
        """Return the tools that this task may use and that are there. Raises TaskError."""
        ...

    async def call(self, tool: Tool, arguments: JsonObject, *, fresh: bool = False) -> ToolResult:
        """Run a tool within this task's time and limits; recorded. Never raises for a tool's own failure.

        A later attempt, or the run that resumes this one, is given the result of an equal call again, so that no tool
        acts twice.

        Args:
            fresh: run the tool in any case, and keep its result for no later call: for a step that polls.
        """
        ...


class Step(Protocol):
    """Do a keyword's work. One instance per run; `run` may be called for many tasks at once."""

    async def run(self, payload: JsonObject, context: StepContext) -> StepOutput | WaitFor | Declined | Json:
        """Do the work. Cancellation must end everything that was started. Raises TaskError when it fails.

        A TaskError in an ExceptionGroup, as `asyncio.TaskGroup` raises it, counts like the TaskError itself.

        Args:
            payload: the checked payload, templates rendered, rendered fields as `Facets.render` made them.
        """
        ...


class NoStep(Step):
    """The step of a group, which the kernel does not run: it runs the group's workflow."""

    async def run(self, payload: JsonObject, context: StepContext) -> Json:
        """Raise TaskError: nothing was described that could be done."""
        raise TaskError(f"`{context.task_id}` has no step to run", category=Category.CONFIG)


class Payload(Protocol):
    """A checked payload before it is rendered: strings with placeholders are `Template`s.

    Attributes:
        task_id: the task's id.
        fields: what the keyword's validator returned, by field.
        folder: the workflow's folder; relative paths start here.
        agent: the workflow's `agent:` block.
        sections: the workflow's root keys that plugins brought.
        settings: the keyword's part of the project file.
        environ: the environment of the run; empty where it is not known.
        output: what the task wants its output to be.
    """

    @property
    def task_id(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, PayloadValue]: ...
    @property
    def folder(self) -> Path: ...
    @property
    def agent(self) -> AgentBlock: ...
    @property
    def sections(self) -> Mapping[str, Json]: ...
    @property
    def settings(self) -> JsonObject: ...
    @property
    def environ(self) -> Mapping[str, str]: ...
    @property
    def output(self) -> OutputSpec: ...
    @property
    def max_tokens(self) -> int | None:
        """The limit of tokens for one task, if a policy sets one."""
        ...

    @property
    def allowed_tools(self) -> Sequence[str]:
        """The tools that the task may use: its own, or the agent block's if it names none."""
        ...

    def at(self, *path: str | int) -> Place:
        """Return where a field (or a part of one) stands; the task's place if it is not there.

        A number after the path of a text is a character's offset in that text: `at("command", 7)`.
        """
        ...

    def text(self, field: str) -> str | None:
        """Return a field as its author wrote it; None if it is not there."""
        ...


class Report(Protocol):
    """Report what is wrong with a payload: `report(message, payload.at("field"), hint="...")`.

    `code` is NIKA-014 (a bad payload) unless it is given; a code of your own has its `Explanation` in
    `Keyword.explanations`. A warning does not stop the run.
    """

    def __call__(
        self,
        message: str,
        place: Place,
        *,
        code: str = ...,
        hint: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Effect:
    """What a task may touch.

    Attributes:
        kind: `process`, `host`, `path`, `server`, `code`, `model` or `person`.
        target: which one, as far as is known.
    """

    kind: str
    target: str


@dataclass(frozen=True, slots=True)
class CallEstimate:
    """Calls to one model. Tokens are per call.

    Attributes:
        model: its name; None: the agent block's.
        input_low: tokens of the prompt, at least.
        input_high: tokens of the prompt, at most; None: nothing bounds it.
        output_high: tokens of the answer, at most; None: nothing bounds it.
        calls_low: calls, at least.
        calls_high: calls, at most; None: nothing bounds it.
        reason: why something is not bounded.
        exact: whether the prompt is fully known and was counted, not estimated.
    """

    model: str | None
    input_low: int
    input_high: int | None
    output_high: int | None
    calls_low: int = 1
    calls_high: int | None = 1
    reason: str = ""
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a task will consume.

    Attributes:
        calls: the calls to models, one entry for each model.
        cost_low: US dollars that are paid other than by tokens, at least.
        cost_high: the same, at most; None: nothing bounds it.
        reason: why something is not bounded.
    """

    calls: tuple[CallEstimate, ...] = ()
    cost_low: float = 0.0
    cost_high: float | None = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WorkflowCall:
    """The workflow that a task of a group stands for, and what it is given.

    Attributes:
        use: a name under `workflows:` of the task's file, or the path of a workflow's file relative to that file, which
            lies in the project. An absolute `Path`: a file of the plugin's own. Not a template: what a task stands for
            is known before a run.
        inputs: the inputs by name. JSON, in which there may be templates before the payload is rendered.
        use_at: where in the payload `use` is written, e.g. `("use",)`; for problems.
        inputs_at: where in the payload the inputs are, e.g. `("with",)`; for problems.
    """

    use: str | Path | Template
    inputs: Mapping[str, PayloadValue] = field(default_factory=dict)
    use_at: NodePath = ()
    inputs_at: NodePath = ()


class Facets:
    """Answer what the kernel asks about a task without running it. All pure and quick; each has a sound default."""

    def check(self, payload: Payload, report: Report) -> None:
        """Report what the schema cannot see. Never calls anything outside; may look whether a file is there."""

    def workflow(self, fields: Mapping[str, PayloadValue]) -> WorkflowCall | None:
        """Return the workflow that a task with this payload stands for: only keywords of category `group` are asked.

        The kernel loads and checks it, and runs it in the place of a step. A task in it is a task of the run like any
        other: planned, priced, mocked, recorded and resumed. Raise UsageError for a payload that names none.

        Args:
            fields: the checked payload. Before a run there are templates in it; when the task starts it is rendered,
                and `inputs` of the answer is what the workflow is given.
        """
        return None

    def check_tool(self, reference: str, payload: Payload, report: Report) -> None:
        """Report why an entry of `allowedTools` with this keyword stands for no tool, as far as can be seen here.

        Called once for each such entry, before a run: without it, a mistake is found when the task that uses the tool
        starts, and earlier tasks have been paid. The default: nothing is known to be wrong.

        Args:
            reference: as `tools` is given it.
            payload: no task's: without fields. It has the workflow's folder, sections and settings, and each place
                that it gives is that of the entry.
            report: `code` is NIKA-018 (a tool that does not exist) unless it is given.
        """

    def effects(self, payload: Payload) -> Sequence[Effect]:
        """Return what the task may touch; the default says that nothing is known."""
        return (Effect("unknown", "this keyword does not say what it touches"),)

    def estimate(self, payload: Payload) -> Estimate:
        """Estimate tokens and money, low and high; the default: none."""
        return Estimate()

    def first_request(self, payload: Payload) -> ModelRequest | None:
        """Return the first call to a model if all that is sent is known already; then its prompt can be counted.

        The default: it is not known, or there is none.
        """
        return None

    def files(self, payload: Payload) -> Sequence[Path]:
        """Return the files that belong to the task's definition: a resumed run does the task again if one changed.

        Those that a value names, or that the task itself writes, do not. The default: none.
        """
        return ()

    def sections(self, payload: Payload) -> Mapping[str, Json]:
        """Return this keyword's sections of the workflow with what is declared elsewhere, e.g. in a file beside it.

        They belong to the definition of each task that may use them: a resumed run does it again when they changed.
        What cannot be read is left out: `check` reports it. The default: as they stand in the workflow's file.

        Args:
            payload: no task's: without fields.
        """
        return {}

    def mock(self, payload: JsonObject) -> Json:
        """Return an output of the right shape for this rendered payload, without the effect.

        If it does not fit the schema that the task asks for, a small value that fits is taken instead.

        Raises:
            TaskError: the task fails without the effect, too.
        """
        return "mock"

    def may_decline(self, payload: Payload) -> bool:
        """Return whether the step may end the task as skipped (`Declined`), so that it has no output.

        The default: it never does.
        """
        return False

    def unread(self, payload: Payload) -> str:
        """Return what to warn of if nothing reads the task's output, as the rest of a sentence; "": nothing.

        The default: nothing.
        """
        return ""

    def redact(self, payload: JsonObject) -> JsonObject:
        """Return the rendered payload as it may be shown and recorded. Known secrets are masked in any case."""
        return payload

    def render(self, field: str, template: Template | str, values: Sequence[Json]) -> Json:
        """Put one of the `rendered_fields` together.

        Args:
            template: the field; a `str` where it has no placeholder.
            values: one for each placeholder, in order.

        Raises:
            TemplateValueError: a value may not stand where its placeholder stands.
        """
        raise NotImplementedError(f"a keyword with rendered fields needs `Facets.render`: {field}")

    async def tools(self, reference: str, context: StepContext) -> Sequence[Tool]:
        """Return the tools that `allowedTools: [word::reference]` stands for: "" for the word alone, `*` for all.

        The default: this keyword cannot be used as a tool. Raises TaskError (category config) when there is none.
        """
        return ()
