"""Calls that can wait, sent together through a provider's batch interface, at its lower price.

What comes within a moment becomes one batch. That it was sent is durable before anybody waits for it, so a run that is
stopped meanwhile asks for the same batch when it is resumed, and sends nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from nika_core.engine.hashing import digest
from nika_core.engine.models.connections import Connection
from nika_core.engine.services import CallScope
from nika_core.errors import Category, TaskError
from nika_core.model.clock import Clock
from nika_core.plugin import BatchReply, ModelRequest

_PATIENCE: Final = 10  # polls in a row that may fail
_TRANSIENT: Final = frozenset({Category.NETWORK, Category.PROVIDER, Category.RATE_LIMIT, Category.TIMEOUT})


def _nothing() -> None:
    """Nobody minds."""


@dataclass(frozen=True, slots=True)
class Economy:
    """Which calls can wait, and for how long. Seconds.

    Attributes:
        eligible: whether a call may go into a batch (its model can, that is asked before).
        gather: a batch is sent when nobody has joined it for so long.
        poll: between the first questions whether it is done; later ones are further apart.
        longest_poll: between the last ones.
        longest_wait: for one batch, after which `waited_long` is called, after every question; None: never.
    """

    eligible: Callable[[CallScope, ModelRequest], bool]
    gather: float = 0.5
    poll: float = 2.0
    longest_poll: float = 60.0
    longest_wait: float | None = None
    waited_long: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True)
class _Entry:
    """One call: its request, whose it is, and under which name its task's memo knows of it."""

    request: ModelRequest
    call: CallScope
    note: str
    provider: str


@dataclass(slots=True)
class _Group:
    """Calls that go together. `sent` has the batch's id once it has one; `going`: the provider may have it already."""

    sent: asyncio.Future[str]
    going: bool = False
    entries: dict[str, _Entry] = field(default_factory=dict)


class Batches:
    """The batches of one run. One event loop."""

    def __init__(self, economy: Economy, clock: Clock) -> None:
        self.economy = economy
        self._clock = clock
        self._gathering: dict[tuple[str, str], _Group] = {}
        self._polls: dict[tuple[str, str], asyncio.Task[Mapping[str, BatchReply]]] = {}
        self._senders: dict[asyncio.Task[None], _Group] = {}

    @property
    def pending(self) -> tuple[str, ...]:
        """Whose batches were sent and are not done: a provider for each."""
        going = (next(iter(group.entries.values())).provider for group in self._senders.values() if group.going)
        return (*going, *(provider for (provider, _), task in self._polls.items() if not task.done()))

    async def reply(self, name: str, request: ModelRequest, connection: Connection, call: CallScope) -> BatchReply:
        """The reply to one call. Cancelling the wait leaves the batch as it is. Raises TaskError.

        Args:
            name: tells the call apart from all others of its task.
        """
        entry = digest([call.key, name])
        note = f"batch:{name}"
        known = call.memo.get(call.key, note)
        if isinstance(known, dict) and isinstance(known.get("batch"), str):
            batch = str(known["batch"])
        else:
            batch = await self._join(entry, _Entry(request, call, note, connection.provider.name), connection)
        replies = await asyncio.shield(self._poll(connection, batch))
        found = replies.get(entry)
        if found is not None and found.error is None and found.finished is not None:
            return found
        # Another attempt must ask anew, not for this batch once more.
        call.memo.put(call.key, note, {"batch": None})
        reason = found.error if found is not None and found.error else "it has no reply to this call"
        raise TaskError(
            f"The batch {batch} of '{connection.provider.name}' failed for this call: {reason}",
            category=Category.PROVIDER,
        )

    async def close(self) -> None:
        """Stop asking. What was sent stays with the provider, and can be asked for later.

        A batch that is on its way is waited for: without its id it would be paid for nothing.
        """
        for task in self._polls.values():
            task.cancel()
        for sender, group in self._senders.items():
            if not group.going:
                sender.cancel()
        await asyncio.gather(*self._senders, *self._polls.values(), return_exceptions=True)

    async def _join(self, name: str, entry: _Entry, connection: Connection) -> str:
        kind = (connection.provider.name, entry.request.model or "")  # not every provider mixes models in a batch
        group = self._gathering.get(kind)
        if group is None:
            loop = asyncio.get_running_loop()
            group = self._gathering[kind] = _Group(loop.create_future())
            sender = loop.create_task(self._send(connection, group, kind))
            self._senders[sender] = group
            sender.add_done_callback(lambda done: self._senders.pop(done, None))
        group.entries[name] = entry
        try:
            return await asyncio.shield(group.sent)
        except asyncio.CancelledError:
            if self._gathering.get(kind) is group:  # it is not on its way yet
                del group.entries[name]
            raise

    async def _send(self, connection: Connection, group: _Group, kind: tuple[str, str]) -> None:
        provider = connection.provider.name
        try:
            await self._gather(group)
            del self._gathering[kind]
            if not group.entries:
                group.sent.cancel()
                return
            requests = {name: entry.request for name, entry in group.entries.items()}
            group.going = True
            batch = await connection.client.submit_batch(requests)
        except asyncio.CancelledError:
            group.sent.cancel()
            raise
        except Exception as error:
            group.sent.set_exception(error if isinstance(error, TaskError) else _unexplained(provider, error))
            group.sent.exception()  # if everybody has left meanwhile, nobody else looks at it
            return
        for entry in group.entries.values():
            entry.call.memo.put(entry.call.key, entry.note, {"batch": batch})
        first = next(iter(group.entries.values())).call
        await first.barrier()
        count = "1 call was" if len(requests) == 1 else f"{len(requests)} calls were"
        first.notice(
            f"{count} sent to '{provider}' as a batch: this may take hours. "
            "Interrupt the run whenever you like: 'nika resume' goes on waiting for it."
        )
        group.sent.set_result(batch)

    async def _gather(self, group: _Group) -> None:
        count = -1
        while count != len(group.entries):
            count = len(group.entries)
            await self._clock.sleep(self.economy.gather)

    def _poll(self, connection: Connection, batch: str) -> asyncio.Task[Mapping[str, BatchReply]]:
        key = (connection.provider.name, batch)
        task = self._polls.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._polls[key] = asyncio.get_running_loop().create_task(self._until_done(connection, batch))
        return task

    async def _until_done(self, connection: Connection, batch: str) -> Mapping[str, BatchReply]:
        economy, began = self.economy, self._clock.monotonic()
        pause, failed = economy.poll, 0
        while True:
            try:
                result = await connection.client.poll_batch(batch)
                failed = 0
                if result.done:
                    return result.replies
            except TaskError as error:
                failed += 1
                if error.category not in _TRANSIENT or failed >= _PATIENCE:
                    raise
                pause = max(pause, error.retry_after or 0.0)
            if economy.longest_wait is not None:
                waited = self._clock.monotonic() - began
                if waited >= economy.longest_wait:
                    economy.waited_long()
                else:
                    pause = min(pause, economy.longest_wait - waited)
            await self._clock.sleep(pause)
            pause = min(max(pause, economy.poll) * 1.5, economy.longest_poll)


def _unexplained(provider: str, error: BaseException) -> TaskError:
    found = TaskError(
        f"The provider '{provider}' failed to take a batch: {type(error).__name__}: {error}", category=Category.UNKNOWN
    )
    found.__cause__ = error
    return found
