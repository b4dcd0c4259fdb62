"""The work of a keyword: the step, what it is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from nika_core.errors import Category, TaskError
from nika_core.model.events import EventKind
from nika_core.model.json import Json, JsonObject
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import AgentBlock, OutputSpec
from nika_core.values import dataclass, field

if TYPE_CHECKING:  # describing a keyword needs none of these
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from nika_core.model.clock import Clock
    from nika_core.model.message import Message
    from nika_core.model.question import Question
    from nika_core.plugin.provider import ModelInfo, ModelReply, ModelRequest
    from nika_core.plugin.tool import Tool, ToolResult

T = TypeVar("T")


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
            process that the step starts gets, with what the payload says and then `task_env` last.
        task_env: the variables that name the attempt to a process: NIKA_TASK_KEY, which is `key`, and TRACEPARENT, if
            the run is traced.
        clock: the time; a step that waits uses `clock.sleep`, so that a test need not.
        traceparent: names this attempt in the run's trace, as W3C Trace Context has it; "": nobody traces the run. A
            step passes it on to what it calls, such as the header or the variable of that name.
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
    task_env: Mapping[str, str]
    clock: Clock
    traceparent: str

    def mask(self, text: str) -> str:
        """Return `text` with every secret value replaced by `***`."""
        ...

    def secret(self, value: str) -> bool:
        """Mask a value that the step got to know, such as a token that a server issued, everywhere in this run.

        It is masked from now on: call it before the value is in any text, event or error. Return whether it is masked:
        a value of fewer than 6 characters is not.
        """
        ...

    async def fetch_secret(self, name: str) -> str:
        """Return a secret from the secret sources, masked from then on: for what the keyword reads by itself.

        `${secret.name}` in a payload is filled in before the step runs, and needs no such call. A mocked run returns a
        stand-in. Raises TaskError, which names the sources that were asked, if none has it.
        """
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
        """Ask a person, and return the answer: True or False, the fields of the question's form, or one of its words.

        If there is no answer yet, this does not return: the task waits, takes no place and no process, and its step is
        run again from its beginning when the answer is there. So what has an effect comes after the question, or is
        kept (`save`, `complete` and `call` do so by themselves). The answer is bound to a digest of what was shown: a
        question that has another message, value, form or words is another question, and is asked anew. A step that a
        model calls as a tool asks in the same way; there, each call asks its own questions.
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
