"""One reply of a server as the kernel takes it: text as it comes, then the end, or the error that it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from nika_core.errors import Category, TaskError
from nika_core.model.usage import Usage
from nika_core.plugin.provider import Chunk, ClientNotice, Finished, ModelRequest, TextDelta
from nika_core.toolbox.providers.error_body import error_in, sentence_in
from nika_core.toolbox.providers.events import TextJoiner
from nika_core.toolbox.providers.failures import clean, truncated_error
from nika_core.toolbox.providers.rates import ReplyEvents
from nika_core.toolbox.providers.usage import read_usage
from nika_core.values import replace

if TYPE_CHECKING:
    from nika_core.toolbox.providers.server_client import ServerClient


class StreamedReply(Protocol):
    """Collects the events of one reply.

    It may have an attribute `begun`: whether any event so far belongs to a reply. What has none is not asked for again.

    Attributes:
        usage: what the reply has used so far, if the server has said so.
        complete: whether the reply has ended; a stream that stops before that is an error.
    """

    usage: Usage | None

    @property
    def complete(self) -> bool:  # an attribute, described above
        ...

    def add(self, event: Any) -> str:
        """Take an event and return the text in it."""
        ...

    def finished(self) -> Finished:
        """Return the reply's end. Only called if it is complete."""
        ...


async def chunks_of(client: ServerClient, request: ModelRequest) -> AsyncIterator[Chunk]:
    """Call the model. Yield text as it comes, then `Finished`. Raise TaskError."""
    reply = client.new_reply(request)
    joiner = TextJoiner()
    shown, count, first = False, 0, None

    def text_in(event: Any) -> str:
        said = error_in(event) if isinstance(event, dict | Mapping) else None
        if said is not None:
            told = event.get("usage")
            usage = read_usage(told, reply.usage) if isinstance(told, Mapping) and told else reply.usage
            raise client.error_in_reply(said, model=request.model, usage=usage, first=count == 1)
        return joiner.add(reply.add(event))

    try:
        events = await client.send(request)
        try:
            for message in client.take_notices():
                yield ClientNotice(message)
            following = aiter(events)
            async for event in following:
                count, first = count + 1, first if count else event
                text = text_in(event)
                shown = shown or bool(text)
                if text or count == 1:  # an empty one says that the reply has begun: it is not free any more
                    yield TextDelta(text)
                if reply.complete:
                    break
            until: float | None = asyncio.get_running_loop().time() + client.end_timeout
            while reply.complete and (event := await _next(following, until)) is not None:
                text = text_in(event)
                if text:
                    until = None  # it was not the end
                    yield TextDelta(text)
        finally:
            await _close(events)
    except (TaskError, asyncio.CancelledError, GeneratorExit) as error:
        if isinstance(error, TaskError):
            error.usage = error.usage or reply.usage
            error.retriable = False if shown else error.retriable
        raise
    except Exception as error:
        raise client.error(error, model=request.model, usage=reply.usage, shown=shown) from error
    if not reply.complete:  # SDKs take a stream that was cut for an answer
        whole = isinstance(events, ReplyEvents) and events.whole
        raise _no_end(client, reply, first, only=count == 1, shown=shown, whole=whole)
    rest = joiner.finish()
    if rest:
        yield TextDelta(rest)
    finished = reply.finished()
    if finished.rates is None and isinstance(events, ReplyEvents):
        finished = replace(finished, rates=events.rates)
    yield finished


async def _next(events: AsyncIterator[Any], until: float | None) -> Any:
    """Return what follows the end of a reply: its usage, say. None: nothing does, or the connection breaks.

    The server has said that the reply is whole: how the connection ends takes nothing away from it.

    Args:
        until: the time of the event loop until which to wait; None: it was not whole after all.
    """
    try:
        async with asyncio.timeout_at(until):
            return await anext(events, None)
    except TaskError:
        raise
    except Exception:
        if until is None:
            raise
        return None


def _no_end(
    client: ServerClient, reply: StreamedReply, first: Any, *, only: bool, shown: bool, whole: bool
) -> TaskError:
    """Return the error for a reply without an end.

    Args:
        first: the first event of it.
        only: whether nothing else came.
        whole: whether it was sent as one answer: what it says was used has been paid for.
    """
    said = clean(sentence_in(first), client.secrets) if only and not shown else ""
    if first is not None and not said and not getattr(reply, "begun", True):
        said = clean(json.dumps(first, ensure_ascii=False, default=str), client.secrets)
        message = f"what {client.provider} sent is not a reply of the interface that was asked for: {said}"
        hint = "check that the address is that of a server of this kind, its path included"
        return TaskError(message, category=Category.PROVIDER, usage=reply.usage, retriable=False, hint=hint)
    failure = truncated_error(client.provider, usage=reply.usage, said=said)
    if said or (whole and reply.usage is not None and reply.usage.output_tokens):
        failure.category, failure.retriable = Category.PROVIDER, False
    return failure


async def _close(closable: Any) -> None:
    """Close a stream: SDKs have `close`, generators and httpx `aclose`."""
    await (closable.aclose() if hasattr(closable, "aclose") else closable.close())
