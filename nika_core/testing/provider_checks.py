"""Checks of a provider's client: it streams, counts, closes, fails as what it is, and says truly what it can do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

from nika_core.errors import Category, TaskError
from nika_core.model.message import Message, Role, ToolSpec
from nika_core.plugin import (
    Client,
    ClientNotice,
    Finished,
    ModelInfo,
    ModelRequest,
    RateState,
    TextDelta,
    TokenEstimate,
)
from nika_core.testing.description_checks import HEAVY
from nika_core.testing.errors import NotConformant, require
from nika_core.testing.fault_server import FaultServer
from nika_core.testing.interpreter import in_fresh_interpreter

T = TypeVar("T")

INFO: Final = "info"
STREAMS: Final = "streams"
COUNTS: Final = "counts"
CLOSES: Final = "closes"
FAULTS: Final = "faults"
ABILITIES: Final = "abilities"

_SECONDS: Final = 60.0  # for any one thing that is tried, the import of an SDK on a busy machine included
_QUICK: Final = 0.1  # seconds for `info` and `models`
_CLOSED: Final = 2.0  # seconds until the other side has seen that a connection is closed
_FAR: Final = 4.0  # times by which an estimate and the real usage may differ
TOOL: Final = ToolSpec(
    "get_weather",
    "The weather in a city.",
    {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}},
)
SCHEMA: Final = {
    "type": "object",
    "required": ["answer"],
    "properties": {"answer": {"type": "string"}},
    "additionalProperties": False,
}

Make = Callable[[], Client]

# What happens, to the categories that say so.
FAULT_CATEGORIES: Final[Mapping[str | int, frozenset[Category]]] = {
    401: frozenset({Category.CONFIG}),
    403: frozenset({Category.CONFIG}),
    404: frozenset({Category.CONFIG}),
    400: frozenset({Category.VALIDATION}),
    429: frozenset({Category.RATE_LIMIT}),
    500: frozenset({Category.PROVIDER}),
    503: frozenset({Category.PROVIDER}),
    "drop": frozenset({Category.NETWORK}),
    "cut": frozenset({Category.NETWORK}),
    "garbage": frozenset({Category.NETWORK, Category.PROVIDER}),
    "refused": frozenset({Category.PROVIDER}),
    "unreachable": frozenset({Category.NETWORK}),
}
_SAYS_WHY: Final = frozenset({400, 401, 403, 429, 500, 503, "refused"})


def small_request(model: str, text: str = "Is anybody there?", **more: Any) -> ModelRequest:
    """Return a small request."""
    return ModelRequest((Message(Role.USER, text),), **{"model": model, "max_tokens": 64, **more})


async def read_stream(client: Client, request: ModelRequest) -> tuple[list[str], Finished]:
    """Return every piece of text, and the end. Raise TaskError, or NotConformant if the stream is malformed."""
    texts: list[str] = []
    end: Finished | None = None
    stream = client.stream(request)
    async for chunk in stream:
        require(end is None, STREAMS, "something comes after `Finished`")
        if isinstance(chunk, TextDelta):
            texts.append(chunk.text)
        elif isinstance(chunk, Finished):
            end = chunk
        elif not isinstance(chunk, ClientNotice):
            raise NotConformant(STREAMS, f"the stream yields {chunk!r:.100}, not TextDelta, ClientNotice or Finished")
    if end is None:
        raise NotConformant(STREAMS, "the stream ends without `Finished`: raise TaskError (network) instead")
    return texts, end


def check_info(word: str, model: str, environ: Mapping[str, str]) -> None:
    """Check that making a client and calling `info` imports no SDK, connects to nothing, is quick and constant.

    Raises:
        NotConformant: with what it did.
    """
    models = [model, "conformance-no-such-model"]
    arguments = {"word": word, "models": models, "environ": dict(environ)}
    process = in_fresh_interpreter(
        "nika_core.testing.in_subprocess:declared_client", arguments, environ={"COVERAGE_PROCESS_CONFIG": ""}
    )
    require(not process.failed, INFO, process.failed)
    heavy = sorted({name.partition(".")[0] for name in process.value["modules"]} & HEAVY)
    require(not heavy, INFO, f"making a client imports {', '.join(heavy)}: import it on the first call, in a thread")
    require(not process.value["touched"], INFO, "; ".join(process.value["touched"]))
    require(process.value["same"], INFO, "`info` does not return the same twice")
    require(process.value["seconds"] < _QUICK, INFO, f"`info` and `models` take {process.value['seconds']:.2f} s")


def check_describes(client: Client, model: str) -> ModelInfo:
    """Check that `info` describes the model that was asked for, with sensible numbers."""
    info = client.info(model)
    require(isinstance(info, ModelInfo), INFO, f"`info` returns {info!r:.100}, not ModelInfo")
    require(info.name == model, INFO, f"asked about {model!r}, `info` describes {info.name!r}")
    for name in ("context_tokens", "max_output_tokens"):
        tokens = getattr(info, name)
        require(tokens is None or tokens > 0, INFO, f"`{name}` is {tokens!r}")
    totals = info.file_totals
    for name, most in (
        ("cached_from", info.cached_from),
        *((f"file_totals.{each}", getattr(totals, each, "")) for each in ("max_bytes", "max_pages", "max_images")),
    ):
        right = most is None or (isinstance(most, int) and most > 0)
        require(right, INFO, f"`{name}` is {most!r}: a positive whole number, or None")
    require(0 <= info.batch_discount < 1, INFO, f"`batch_discount` is {info.batch_discount}")
    for model_info in client.models():
        require(isinstance(model_info, ModelInfo) and model_info.name, INFO, f"`models` returns {model_info!r:.100}")
    return info


async def check_streams(make: Make, model: str, server: FaultServer | None = None) -> None:
    """Check that text comes in pieces as it is made, and that one `Finished` with the usage ends it.

    Args:
        server: holds its answer back after the first piece, to see whether that comes through; None: not looked at.

    Raises:
        NotConformant: with what the stream gave.
    """
    client = make()
    try:
        texts, end = await in_time(read_stream(client, small_request(model)), STREAMS)
        require("".join(texts).strip(), STREAMS, "a reply without text")
        require(isinstance(end.stop_reason, str) and end.stop_reason, STREAMS, "`Finished` has no `stop_reason`")
        if server is not None:
            server.gave_up = False
            server.released.clear()
            try:
                stream = client.stream(small_request(model))
                first = await in_time(anext(stream), STREAMS)
                require(
                    isinstance(first, TextDelta) and not server.gave_up,  # the server's word: a clock measures load
                    STREAMS,
                    "the first piece comes only after the whole answer: yield each piece as soon as it comes",
                )
                await stream.aclose()  # type: ignore[attr-defined]  # an async generator, as the interface wants it
            finally:
                server.released.set()
    finally:
        await client.close()


async def check_counts(make: Make, model: str, server: FaultServer | None = None) -> None:
    """Check that a reply has its number of tokens, and that the estimate before it is close.

    Args:
        server: tells whether the estimate sends a request; None: not looked at.

    Raises:
        NotConformant: with both numbers.
    """
    client = make()
    try:
        request = small_request(model, "One word, please. " * 20)
        before = 0 if server is None else len(server.requests)
        estimate = await in_time(client.estimate(request), COUNTS)
        require(isinstance(estimate, TokenEstimate), COUNTS, f"`estimate` returns {estimate!r:.100}")
        if server is not None:
            asks, says = len(server.requests) > before, getattr(client, "counts_by_asking", False) is True
            require(asks or not says, COUNTS, "it says `counts_by_asking`, and `estimate` sends nothing")
            require(says or not asks, COUNTS, "`estimate` sends a request: say `counts_by_asking = True`")
        require(estimate.input_tokens > 0, COUNTS, f"`estimate` returns {estimate.input_tokens} tokens for a prompt")
        _, end = await in_time(read_stream(client, request), COUNTS)
        usage = end.usage
        require(usage.input_tokens > 0, COUNTS, f"a reply with {usage.input_tokens} input tokens")
        require(usage.output_tokens > 0, COUNTS, f"a reply with {usage.output_tokens} output tokens")
        require(usage.calls == 1, COUNTS, f"one call counts as {usage.calls}")
        bill: object = end.billed_usd
        amount = isinstance(bill, Decimal) and bill.is_finite() and bill >= 0
        require(bill is None or amount, COUNTS, f"`billed_usd` is {bill!r:.60}, not a Decimal of US dollars")
        right = end.rates is None or isinstance(end.rates, RateState)
        require(right, COUNTS, f"`rates` is {end.rates!r:.60}, not a RateState")
        require(usage.cost_usd == 0, COUNTS, "`Finished.usage` has a cost: prices are the kernel's")
        if estimate.exact:
            require(
                usage.input_tokens / _FAR <= estimate.input_tokens <= usage.input_tokens * _FAR,
                COUNTS,
                f"an exact count of {estimate.input_tokens} tokens, and {usage.input_tokens} were used",
            )
    finally:
        await client.close()


async def check_closes(make: Make, model: str, server: FaultServer) -> None:
    """Check that a stream which is not read to its end, and a closed client, leave no connection open.

    Raises:
        NotConformant: with how many there are.
    """
    client = make()
    server.released.clear()
    try:
        stream = client.stream(small_request(model))
        await in_time(anext(stream), CLOSES)
        await stream.aclose()  # type: ignore[attr-defined]  # an async generator, as the interface wants it
    finally:
        server.released.set()
        await in_time(client.close(), CLOSES)
    until = time.monotonic() + _CLOSED
    while server.connections and time.monotonic() < until:  # noqa: ASYNC110  # the server is another thread's
        await asyncio.sleep(0.01)
    require(not server.connections, CLOSES, f"after `close` {server.connections} connections are open")


async def check_faults(make: Make, model: str, server: FaultServer, secrets: tuple[str, ...] = ()) -> None:
    """Check that every failure is a TaskError of the right category, and shows no key.

    Raises:
        NotConformant: with what happened and what was raised.
    """
    for mode, categories in FAULT_CATEGORIES.items():
        if mode == "unreachable":
            continue
        with server.fault(mode, retry_after="7"):
            error = await _failure(make(), small_request(model), _fault_text(mode))
        _judge(error, mode, categories, secrets)
        if mode in _SAYS_WHY:
            told = f"the server says {mode}" in error.message
            require(told, FAULTS, f"when {_fault_text(mode)}, the error does not tell what it says: {error.message}")
        if mode == "refused":
            require(not error.retriable, FAULTS, f"when {_fault_text(mode)}, it is asked for, and paid, again")
        if mode == 429:
            wait = error.retry_after
            require(wait in (None, 7.0), FAULTS, f"the server asks to wait 7 s, `retry_after` is {wait}")


async def check_unreachable(make: Make, model: str) -> None:
    """Check that an address where nothing listens is a network error, which `health` returns without raising.

    Args:
        make: makes a client whose address is one where nothing listens.
    """
    client = make()
    try:
        health = await in_time(client.health(), FAULTS)
        require(not health.ok, FAULTS, "`health` is fine although nothing listens there")
    except Exception as error:
        if isinstance(error, NotConformant):
            raise
        raise NotConformant(FAULTS, f"`health` raises {error!r:.200}") from error
    finally:
        await client.close()
    failure = await _failure(make(), small_request(model), _fault_text("unreachable"))
    _judge(failure, "unreachable", FAULT_CATEGORIES["unreachable"], ())


def _judge(error: TaskError, mode: str | int, categories: frozenset[Category], secrets: tuple[str, ...]) -> None:
    wanted = " or ".join(sorted(category.value for category in categories))
    require(
        error.category in categories,
        FAULTS,
        f"when {_fault_text(mode)}, it fails as {error.category.value}, not {wanted}: {error.message}",
    )
    shown = [secret for secret in secrets if secret in f"{error.message} {error.hint}"]
    require(not shown, FAULTS, f"when {_fault_text(mode)}, the error shows a key")


def _fault_text(mode: str | int) -> str:
    words = {
        "drop": "the server closes the connection",
        "cut": "the answer breaks off",
        "garbage": "the answer is a page, not JSON",
        "refused": "status 200 has an error in place of an answer",
        "unreachable": "nothing listens there",
    }
    return words[mode] if isinstance(mode, str) else f"the server answers with status {mode}"


async def _failure(client: Client, request: ModelRequest, when: str) -> TaskError:
    try:
        texts, _ = await in_time(read_stream(client, request), FAULTS)
    except TaskError as error:
        return error
    except NotConformant as error:
        raise NotConformant(FAULTS, f"when {when}: {error.seen}") from error
    except Exception as error:
        raise NotConformant(FAULTS, f"when {when}, it raises {error!r:.200}, not TaskError") from error
    finally:
        await client.close()
    raise NotConformant(FAULTS, f"when {when}, it answers {''.join(texts)!r:.100}")


async def in_time(awaitable: Awaitable[T], rule: str) -> T:
    """Await something that must not take long. Raise NotConformant with the rule if it does."""
    try:
        async with asyncio.timeout(_SECONDS):
            return await awaitable
    except TimeoutError:
        raise NotConformant(rule, f"nothing happened for {_SECONDS:g} s") from None
    except StopAsyncIteration:
        raise NotConformant(rule, "the stream ends before it begins") from None
