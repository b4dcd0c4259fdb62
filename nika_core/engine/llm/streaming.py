"""One call to a provider's client: text as it comes, and an end that is an end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from nika_core.engine.core.ports import CallScope
from nika_core.engine.fair_turns import FairTurns
from nika_core.engine.llm.connections import Connection
from nika_core.engine.llm.overlong import ReplyMeter
from nika_core.errors import Category, TaskError
from nika_core.model.message import ToolCall
from nika_core.model.usage import Usage
from nika_core.plugin import ClientNotice, Finished, ModelRequest, TextDelta, TokenEstimate, estimate_tokens
from nika_core.values import replace

_SHOWN_ONCE: Final = frozenset({Category.NETWORK, Category.TIMEOUT})


async def stream_reply(
    request: ModelRequest, meter: ReplyMeter, call: CallScope, turns: FairTurns, on_notice: Callable[[str], None]
) -> Finished:
    """Stream a reply into the text of its call in flight, which `meter` counts, and to those that watch `call`.

    Raise TaskError, also for a stream that ends without its end, or that its `meter` stops.

    A server, or a client that had to wait, may have many pieces at hand: between them others have their `turns`.

    A connection that is lost after text was shown, and paid for, is not tried again by itself: its text would be
    shown twice.
    """
    try:
        return await _stream(request, meter, call, turns, on_notice)
    except TaskError as error:
        consumed = not isinstance(error.usage, Usage) or error.usage.total_tokens != 0
        if meter.in_flight.text and consumed and error.category in _SHOWN_ONCE:
            error.retriable = False
        raise


async def _stream(
    request: ModelRequest, meter: ReplyMeter, call: CallScope, turns: FairTurns, on_notice: Callable[[str], None]
) -> Finished:
    connection, text = meter.in_flight.connection, meter.in_flight.text
    provider = connection.provider.name
    chunks = connection.client.stream(request)
    try:
        async for chunk in chunks:
            if call.heartbeat is not None:
                call.heartbeat()
            if isinstance(chunk, ClientNotice):
                on_notice(chunk.message)
                continue
            if not isinstance(chunk, TextDelta):
                meter.end()
                return chunk
            if meter.stopped is not None:
                raise meter.stopped
            if chunk.text:
                text.append(chunk.text)
                if call.on_text is not None:
                    call.on_text(chunk.text)
            meter.add(chunk.text)
            if turns.over:
                await turns.acquire()
    except (TaskError, asyncio.CancelledError):
        raise
    except Exception as error:
        raise TaskError(
            f"The provider '{provider}' failed in a way that it does not explain: {type(error).__name__}: {error}",
            category=Category.UNKNOWN,
            hint="This is a fault in the provider's plugin; 'nika plugins show' names who made it.",
        ) from error
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()
    raise TaskError(
        f"The reply of '{provider}' ended before it was complete: the connection was lost, or the server cut it.",
        category=Category.NETWORK,
        hint="What came of it is not used. Run it again, or resume the run.",
    )


def whole_reply(finished: Finished, provider: str, text: str) -> Finished:
    """Return the end of a reply that was not cut short by a failure: without the calls of one that is not whole.

    Raises TaskError for every word for the end but the four. It is not asked for again if something of it was paid.
    """
    match finished.stop_reason:
        case "maxTokens" | "refusal":
            return replace(finished, parts=tuple(part for part in finished.parts if not isinstance(part, ToolCall)))
        case "toolUse" if not finished.tool_calls:
            why = "it ended to call a tool, and calls none"
        case "end" | "toolUse":
            return finished
        case other:
            why = f"it ended as {other!r}" if other else "it has no reason for its end"
    paid = text or (isinstance(finished.usage, Usage) and finished.usage.output_tokens)
    raise TaskError(
        f"The reply of '{provider}' is not a whole one: {why}.",
        category=Category.PROVIDER,
        hint="What came of it is not used. Run it again, ask otherwise, or use another model.",
        output=text or None,
        retriable=False if paid else None,
    )


async def count(request: ModelRequest, connection: Connection) -> TokenEstimate:
    """Count the tokens of the prompt; estimate them if the provider's counter does not answer.

    Raises TaskError (category config) for a wrong key or model: it would be wrong for the call, too.
    """
    try:
        found = await connection.client.estimate(request)
        if found.input_tokens >= 0:  # a reservation of less than nothing would give others more than there is
            return found
    except TaskError as error:
        if error.category is Category.CONFIG:
            raise
    except Exception:  # noqa: S110  # a counter that is broken is no reason not to call: ours stands in
        pass
    return TokenEstimate(estimate_tokens(request))
