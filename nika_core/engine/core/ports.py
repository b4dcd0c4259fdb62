"""What tasks and calls to models need from outside: protocols, and defaults that do nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.codec import usage_json
from nika_core.model.ids import identity_in
from nika_core.model.json import Json, JsonObject
from nika_core.model.usage import Usage
from nika_core.values import dataclass, field

if TYPE_CHECKING:  # the history needs no more of this module than `SENT`
    from nika_core.engine.core.messages import InnerBudget, Outcome, Wait
    from nika_core.model.template import Placeholder
    from nika_core.model.workflow import AgentBlock, Task
    from nika_core.plugin import ModelInfo, ModelReply, ModelRequest


class CallCache(Protocol):
    """Replies of models and results of tools inside a task, so that nothing is paid for or done twice."""

    def get(self, key: str, call: str) -> Json:
        """Return what an earlier attempt, or the run that this one resumes, put there; None: nothing."""
        ...

    def put(self, key: str, call: str, value: Json) -> None:
        """Keep it. Durable with the next barrier.

        Args:
            key: the task's, `run/task#epoch` (with a suffix for what runs inside it as a tool).
            call: which call of the task, independent of the order in which parallel calls come back.
            value: JSON, not None. Secrets in it are the keeper's business.
        """
        ...


class CachedResult(NamedTuple):
    """What a task of an earlier run has yielded.

    Attributes:
        outcome: it costs nothing.
        run_id: of the run that it is from.
        at: when it ended, in seconds since the epoch.
    """

    outcome: Outcome
    run_id: str
    at: float


class ResultCache(Protocol):
    """Results of the tasks of earlier runs, for tasks with `cache`."""

    def key(self, task: Task, folder: str, definition: str, given: str) -> str:
        """Return the name of a task's result.

        Args:
            task: the versions of the plugins of its keyword and of its models' providers count, too.
            folder: what relative paths in it are relative to.
            definition, given: the hashes of what its author says it is, and of what it is given.
        """
        ...

    def get(self, key: str, max_age: float) -> CachedResult | None:
        """Return the result of that name if it is at most so many seconds old; None: there is none. Raise nothing."""
        ...


class InMemoryCallCache:
    """Keeps for this process only: enough for later attempts, nothing for a resumed run."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Json] = {}

    def get(self, key: str, call: str) -> Json:
        return self._kept.get((key, call))

    def put(self, key: str, call: str, value: Json) -> None:
        self._kept[key, call] = value


@dataclass(frozen=True, slots=True, kw_only=True)
class CallScope:
    """On whose behalf a model is called.

    Attributes:
        key: the task's idempotency key; the call cache's, too.
        account: what the call is charged to, the identity of its node: an item's says what it is given, not its place.
        keyword: the word of the task that calls.
        agent: the workflow's agent block, system prompt resolved.
        on_text: shows text as it comes; None: nobody watches. Must not be called any more once text of a new try would
            repeat it.
        on_usage: told once for each call that was really made, also when it failed or was cancelled (with what is
            known of it). A caller that never calls it has the usage of its reply (or of its TaskError) counted.
        call_cache: where paid replies are kept.
        notice: tell the user something; recorded.
        on_breaker: takes the model, the provider, and from which state to which the model's circuit breaker has
            changed; None: nobody asks.
        barrier: waits until everything that was recorded (and put into the call cache) is durable.
        signals: what the task was given by what it waited for, by key.
        budgets: those of the workflows that the task is inside of.
        heartbeat: called for each piece of a reply; None: nobody measures how long a step is silent.
        on_wait: takes why the call waits for the rates of its model or for a budget, and "" as soon as it no
            longer does; None: nobody asks.
    """

    run_id: str
    task_id: str
    key: str
    attempt: int
    keyword: str
    workflow: str
    agent: AgentBlock
    on_text: Callable[[str], None] | None
    on_usage: Callable[[Usage], None]
    call_cache: CallCache
    notice: Callable[[str], None]
    barrier: Callable[[], Awaitable[None]]
    signals: Mapping[str, Json] = field(default_factory=dict)
    budgets: tuple[InnerBudget, ...] = ()
    heartbeat: Callable[[], None] | None = None
    on_wait: Callable[[str], None] | None = None
    on_breaker: Callable[[str, str, str, str], None] | None = None
    account: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "account", identity_in(self.key))


class ModelCaller(Protocol):
    """The one resilient wrapper around every provider. Lives as long as a run."""

    async def complete(self, request: ModelRequest, call: CallScope) -> ModelReply:
        """Call a model: admitted, reserved, rate-limited, retried, counted, memoized. Raises TaskError."""
        ...

    async def model(self, request: ModelRequest, agent: AgentBlock) -> ModelInfo:
        """Return what the model that `request` would reach can do. Call nothing. Raise TaskError."""
        ...

    def forget(self, key: str, attempt: int) -> None:
        """Take what an attempt asks next as its first calls: its step is run again from its beginning."""
        ...

    async def close(self) -> None:
        """Close every connection; called once, at the end of the run."""
        ...


class MissingSecretError(TaskError):
    """No secret source has a secret: a default of the placeholder stands in for it."""


class LateValues(Protocol):
    """Gets secrets, on the machine that makes the attempt. Whatever it returns is masked from then on."""

    async def resolve(self, placeholder: Placeholder) -> Json:
        """Return the value of one reference of a late template source.

        Raises MissingSecretError if no source has the secret, and NikaError if it cannot be had.
        """
        ...

    async def secret(self, name: str) -> str:
        """Return a secret. Raise like `resolve`."""
        ...

    async def close(self) -> None:
        """Forget all; called once, at the end of the run. Raise nothing."""
        ...


class NoSecrets:
    """For runs without secret sources."""

    async def resolve(self, placeholder: Placeholder) -> Json:
        raise _no_secret(placeholder.text)

    async def secret(self, name: str) -> str:
        raise _no_secret(f"'{name}'")

    async def close(self) -> None: ...


def _no_secret(what: str) -> MissingSecretError:
    return MissingSecretError(f"{what}: there is no secret source", category=Category.CONFIG, code=codes.MISSING_SECRET)


class MaskedStream(Protocol):
    """Masks text that comes in pieces: a secret may be cut in two."""

    def feed(self, text: str) -> str:
        """Take a piece, and return what can be shown now."""
        ...

    def flush(self) -> str:
        """Return the rest."""
        ...


class NoModels:
    """For workflows without a provider."""

    async def complete(self, request: ModelRequest, call: CallScope) -> ModelReply:
        raise _no_models()

    async def model(self, request: ModelRequest, agent: AgentBlock) -> ModelInfo:
        raise _no_models()

    def forget(self, key: str, attempt: int) -> None:
        """Forget nothing: nothing was asked."""

    async def close(self) -> None:
        """There is nothing to close."""


def _no_models() -> Exception:
    return TaskError("no provider is configured", category=Category.CONFIG, hint="add an `agent:` block with a model")


class Suspended(BaseException):
    """A step cannot go on before something outside has happened; raised through the step, not to be caught by it."""

    def __init__(self, wait: Wait) -> None:
        super().__init__(wait.key)
        self.wait = wait


def unmasked(text: str) -> str:
    """Return the text as it is: a mask if there is no secret."""
    return text


def always() -> bool:
    """Answer for a mask that cannot tell whether it changes a text: it may."""
    return True


def ignored(values: Iterable[str]) -> None:
    """Secrets where nothing is masked."""


SENT: Final = "sent:"  # begins the call cache's name of what a call took


def note_sent(
    call_cache: CallCache,
    key: str,
    note: str,
    told: Usage,
    unknown: Usage,
    about: JsonObject | None = None,
    *,
    settled: bool = False,
) -> None:
    """Keep what a call took, and what it may have taken that nobody knows of: its worst case before it is sent. So a
    run that is killed meanwhile does not take it for unspent when it is resumed.

    Args:
        note: tells this sending of the call apart from all others.
        about: whose it is, for the limit policies; None: none wants to know.
        settled: whether the limit policies know what it took.
    """
    value: dict[str, Json] = {"told": usage_json(told), "unknown": usage_json(unknown), **(about or {})}
    call_cache.put(key, SENT + note, {**value, "settled": True} if settled else value)
