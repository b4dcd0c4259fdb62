"""What a model provider is: a description, and a client that talks to the models and does nothing else.

Retries, circuit breaker, rate limits, budgets, timeouts and accounting are the kernel's, the same for every provider.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, TypeAlias

from nika_core.model.json import JsonObject
from nika_core.model.message import (
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCall,
    ToolSpec,
    text_in,
    tool_calls_in,
)
from nika_core.model.usage import Usage
from nika_core.values import dataclass, field

if TYPE_CHECKING:  # describing a provider without options needs none of these
    from nika_core.plugin.fields.validator import Validator


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Describe a provider. The module that makes one imports nothing heavy: `client` is a name.

    Attributes:
        name: what `provider:` says; also the name of the entry point.
        summary: one sentence.
        stands_in: it plays models and asks none: a run that names a model without naming a provider is warned.
        models: `fnmatch` patterns of the model names that it claims when no provider is named.
        secrets: environment variables that must be set; their values are masked everywhere.
        optional_secrets: environment variables that may be set; masked too.
        secrets_unless: environment variables any of which, when set, makes `secrets` optional: the address of another
            server, or another way to prove who one is.
        client: "package.module:Class" of a `Client`, made with the run's environment as its only argument.
        requests_per_minute, tokens_per_minute: what the rate limiter holds to; None: no limit of ours.
        options: validator of `options:` beside a model; the client is given what it returns as `ModelRequest.options`.
            None: there are none, and a workflow that sets some is invalid.
        settings: validator of the project file's key of the provider's own name; None: there is none. A client whose
            provider has settings is made with two arguments: the environment, and what this validator returns ({}
            without such a key).
        widening_settings: those keys of a mapping in `settings` that count only if the user trusts the project file,
            such as the address of a server: prompts and keys go there. `*` stands for the whole key.
    """

    name: str
    summary: str
    stands_in: bool = False
    models: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    optional_secrets: tuple[str, ...] = ()
    secrets_unless: tuple[str, ...] = ()
    client: str
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    options: Validator | None = None
    settings: Validator | None = None
    widening_settings: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs.

    Attributes:
        input_per_million: US dollars for a million tokens of prompts.
        output_per_million: US dollars for a million tokens of answers.
        cached_per_million: US dollars for a million tokens of prompts that came from the provider's cache; None: as
            other prompts.
        batch_discount: what a batch takes off; 0.5 is half the price.
        cache_write_per_million: US dollars for a million tokens of prompts that were written to the provider's cache;
            None: as other prompts.
    """

    input_per_million: Decimal
    output_per_million: Decimal
    cached_per_million: Decimal | None = None
    batch_discount: Decimal = Decimal(0)
    cache_write_per_million: Decimal | None = None


@dataclass(frozen=True, slots=True)
class FileAbility:
    """Files that a model takes.

    Attributes:
        media_types: `image/png`, `image/jpeg`, `image/gif`, `image/webp`, `application/pdf` or `text/plain`.
        max_bytes: of one file; None: not bounded.
        max_pages: of one PDF; None: not bounded.
    """

    media_types: tuple[str, ...]
    max_bytes: int | None = None
    max_pages: int | None = None


@dataclass(frozen=True, slots=True)
class FileTotals:
    """What the files of one request may have together; None: not bounded.

    Attributes:
        max_bytes: of all files; where a server bounds the request, files take a third more in it (base64).
        max_pages: of all PDF documents.
        max_images: how many images.
    """

    max_bytes: int | None = None
    max_pages: int | None = None
    max_images: int | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model can do, as far as is known without asking anybody.

    Attributes:
        name: the model's name.
        context_tokens: how many tokens prompt and answer may have together; None: not known.
        max_output_tokens: how many tokens an answer may have; None: not known.
        tools: whether it can call tools.
        temperature: whether it takes a temperature.
        json_schema: whether it has a native way to answer in a JSON Schema.
        batch: whether the provider takes batches for it.
        price: the provider's own; without it the project's or the public price list is asked.
        free: whether it costs nothing, since it runs on this machine.
        batch_discount: what a batch takes off the price; 0.5 is half.
        efforts: which of `low`, `medium` and `high` it can be asked to think with; empty: it cannot be asked for one.
        files: what it takes beside text, as parts of the messages of a user.
        prompt_cache: whether the client asks the provider to cache a prompt if `ModelRequest.cache_prompt` says so.
        file_totals: what the files of one request may have together.
        cached_from: how many tokens a prompt has at least that the provider caches without being asked; None: it caches
            none by itself.
    """

    name: str
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    tools: bool = True
    temperature: bool = True
    json_schema: bool = False
    batch: bool = False
    price: Price | None = None
    free: bool = False
    batch_discount: Decimal = Decimal(0)
    efforts: tuple[str, ...] = ()
    files: tuple[FileAbility, ...] = ()
    prompt_cache: bool = False
    file_totals: FileTotals = FileTotals()
    cached_from: int | None = None


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call. What a step leaves None, the kernel fills in before a client sees the request.

    Attributes:
        messages: the conversation, oldest first.
        model: None means the agent block's.
        system: the system prompt.
        tools: what the model may call.
        max_tokens: of the answer; None means what there is room for.
        temperature: None means the agent block's, for models that take one.
        output_schema: asks for JSON in that schema ({} for any JSON); None for text.
        key: an idempotency key, where the other side knows them.
        fallback: models that are asked in order if `model` cannot answer now; None means the agent block's if `model`
            is None, else none. A client never sees any.
        effort: how much the model is to think: `low`, `medium` or `high`; None means the agent block's, for models that
            know it; "" means that nothing is said about it.
        cache_prompt: whether the provider is to cache the prompt; None means what the agent block says, for models with
            `prompt_cache`. A client keeps the same bytes for what requests begin with in common.
        options: what `options:` says, as the provider's validator returns it. A step sets it to what the payload has;
            None means the agent block's if `model` is None.
        run, task: the run's id and the task's, for the records of the other side; the kernel fills them in.
        labels: what the project says of its runs, a cost centre for example, with secrets masked; the kernel fills them
            in.
    """

    messages: tuple[Message, ...]
    model: str | None = None
    system: str | None = None
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int | None = None
    temperature: float | None = None
    output_schema: JsonObject | None = None
    key: str = ""
    fallback: tuple[str, ...] | None = None
    effort: str | None = None
    cache_prompt: bool | None = None
    options: JsonObject | None = None
    run: str = ""
    task: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Text as it comes.

    Attributes:
        text: the next part of the answer; empty if something else of an answer came, such as reasoning. Once anything
            has come, a failure is not free.
    """

    text: str


@dataclass(frozen=True, slots=True)
class ClientNotice:
    """A warning for the user, shown once in a run: a field that the server does not take is left out, say.

    Attributes:
        message: one sentence.
    """

    message: str


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One limit of a server.

    Attributes:
        left: how many requests or tokens are left.
        reset_seconds: until all of them are there again, seen from now.
        limit: how many there are; None: not said.
    """

    left: int
    reset_seconds: float
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class RateState:
    """What a server says of its limits with an answer; None: nothing.

    Attributes:
        requests: of requests.
        tokens: of tokens, those of prompts and answers together.
        input_tokens: of tokens of prompts.
        output_tokens: of tokens of answers.
    """

    requests: RateLimit | None = None
    tokens: RateLimit | None = None
    input_tokens: RateLimit | None = None
    output_tokens: RateLimit | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a reply. A stream that ends without one has failed.

    Attributes:
        stop_reason: `end`, `maxTokens`, `toolUse` or `refusal`; the provider's own word for any other end, which is a
            failure: only a reply that ended well is an answer. Tool calls are made only after `end` and `toolUse`.
        usage: tokens, without cost: the kernel prices them.
        parts: what the reply has beside its text: tool calls, and reasoning that the provider wants back. If the place
            of the text among them matters, they are the whole reply, with the text that was streamed; without any text
            in them it is behind the first parts of reasoning.
        model: the one that really answered, where the provider says.
        billed_usd: what the provider says that the call cost, in US dollars; it counts in place of any price list.
        rates: what the provider says of its limits; later calls to the model wait before they are over.
    """

    stop_reason: str
    usage: Usage
    parts: tuple[TextPart | ToolCall | ReasoningPart, ...] = ()
    model: str = ""
    billed_usd: Decimal | None = None
    rates: RateState | None = None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """What the model asks for."""
        return tool_calls_in(self.parts)


Chunk: TypeAlias = TextDelta | ClientNotice | Finished


@dataclass(frozen=True, slots=True)
class ModelReply:
    """A whole reply.

    Attributes:
        parts: the answer, tool calls and reasoning, in order; `Message(Role.ASSISTANT, reply.parts)` goes back.
        stop_reason: as in `Finished`.
        usage: tokens and cost.
        model: the one that answered.
        provider: the name of the one that has the model.
        reused: whether it had been paid for before and was given again.
        instead_of: the models before it in the chain that did not answer.
    """

    parts: tuple[Part, ...]
    stop_reason: str
    usage: Usage
    model: str
    provider: str = ""
    reused: bool = False
    instead_of: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The answer."""
        return text_in(self.parts)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """What the model asks for."""
        return tool_calls_in(self.parts)


@dataclass(frozen=True, slots=True)
class TokenEstimate:
    """Tokens of a request's prompt.

    Attributes:
        input_tokens: how many.
        exact: whether the provider's own counter counted them.
    """

    input_tokens: int
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the provider can be reached with what is configured.

    Attributes:
        ok: whether it can.
        detail: one sentence for the user; never shows a key.
        models: the models that are there, where the provider lists them.
    """

    ok: bool
    detail: str = ""
    models: tuple[str, ...] = ()


class Client(Protocol):
    """Talk to the models. One instance per run, used by many tasks at once.

    The module may be imported by `nika validate`: it imports its SDK only on the first call, off the event loop.
    Every failure is a `TaskError` whose category says what it is (`rateLimit` with `retry_after`, `network`,
    `provider`, `timeout`, `config` for a wrong key or model, `validation` for a request that is refused for its form).
    A client may have more: the methods of `BatchClient`, `BatchFinder`, `PriceLister` and `EnvironmentChecker`, and an
    attribute `counts_by_asking`. If that is true, `estimate` sends a request, and is called only if the most that the
    prompt can have does not fit the limits and the model.
    """

    def __init__(self, environ: Mapping[str, str]) -> None: ...

    def info(self, model: str) -> ModelInfo:
        """Return what the model can do. Pure and quick."""
        ...

    def models(self) -> Sequence[ModelInfo]:
        """Return the models that are known by name. Pure and quick; may be empty."""
        ...

    def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Call the model. The last chunk is `Finished`; closing the iterator closes the connection."""
        ...

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        """Count the tokens of the prompt, with the provider's own counter if it has one that costs nothing."""
        ...

    async def health(self) -> Health:
        """Return whether it can be reached and the key is right; raise nothing."""
        ...

    async def close(self) -> None:
        """Close connections; called once, at the end of the run."""
        ...
