"""Calls that can wait, sent together through a provider's batch interface, at its lower price.

What comes within a moment becomes one batch. That it will be sent is durable before it is, and its id before anybody
waits for it. So a run that is stopped meanwhile asks for the same batch when it is resumed, and one that was stopped
before the id came asks the provider whether it has it: nothing is sent twice where the provider can tell.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, Generic, TypeVar, cast

from nika_core.engine.core.hashing import digest
from nika_core.engine.core.messages import Signal, Wait
from nika_core.engine.core.ports import CallScope, Suspended
from nika_core.engine.llm.connections import Connection
from nika_core.errors import Category, TaskError
from nika_core.model.clock import Clock
from nika_core.model.ids import NodeId
from nika_core.model.json import Json, JsonObject
from nika_core.plugin import BatchClient, BatchReply, BatchSearch, BatchTrace, ModelRequest
from nika_core.values import dataclass, field

T = TypeVar("T")

_PATIENCE: Final = 10  # polls in a row that may fail
_TRANSIENT: Final = frozenset({Category.NETWORK, Category.PROVIDER, Category.RATE_LIMIT, Category.TIMEOUT})
_REFUSED: Final = frozenset({Category.CONFIG, Category.RATE_LIMIT, Category.VALIDATION})  # it has not been taken
AGAIN: Final = "nika:again:"  # begins the key of what a task waits for that has to ask again itself
_SETTLED: Final = 30.0  # seconds after which what a provider does not have will not come any more


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """Which calls can wait, and for how long. Seconds.

    Attributes:
        eligible: whether a call may go into a batch (its model can, that is asked before).
        gather: a batch is sent when nobody has joined it for so long.
        poll: between the first questions whether it is done; later ones are further apart.
        longest_poll: between the last ones.
        patience: for which a run that has nothing else to do stays for a batch before it pauses; None: for ever.
        detached: nothing here outlives an attempt: a task whose batch is not done asks again later, perhaps elsewhere.
    """

    eligible: Callable[[CallScope, ModelRequest], bool]
    gather: float = 0.5
    poll: float = 2.0
    longest_poll: float = 60.0
    patience: float | None = None
    detached: bool = False


class _NotYetError(Exception):
    """The provider does not know it yet."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One call: its request, whose it is, and under which name its task's call cache knows of it."""

    request: ModelRequest
    call: CallScope
    note: str


@dataclass(slots=True)
class _Group:
    """Calls that go together. `sent` has the batch's id once it has one; `going`: the provider may have it already.

    `mark`: tells this sending apart from all others, of any run.
    """

    sent: asyncio.Future[str]
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    going: bool = False
    entries: dict[str, _Entry] = field(default_factory=dict)


@dataclass(slots=True)
class _Question(Generic[T]):
    """What a provider is asked again and again. `asked`: it has answered, or failed to, at least once."""

    answer: asyncio.Task[T]
    asked: asyncio.Event


class Batches:
    """The batches of one run. One event loop."""

    def __init__(self, batch_policy: BatchPolicy, clock: Clock) -> None:
        self.batch_policy = batch_policy
        self._clock = clock
        self._gathering: dict[tuple[str, str], _Group] = {}
        self._polls: dict[tuple[str, str], _Question[Mapping[str, BatchReply]]] = {}
        self._searches: dict[tuple[str, str], _Question[str | None]] = {}
        self._senders: dict[asyncio.Task[None], _Group] = {}
        self._awaited: dict[str, asyncio.Task[Any]] = {}  # by the key that tasks wait for
        self._suspended: dict[tuple[str, str], _Question[Any]] = {}  # by the waiting task's key, and that one

    async def reply(self, name: str, request: ModelRequest, connection: Connection, call: CallScope) -> BatchReply:
        """Return the reply to one call.

        Args:
            name: tells the call apart from all others of its task.

        Raises:
            Suspended: the batch is not done; the task is to wait for it, and to ask again then.
            TaskError: the batch has no reply to the call.
        """
        note = f"batch:{name}"
        mark, batch = _noted(call.call_cache.get(call.key, note))
        if mark and batch is None:  # it was about to be sent, and nobody knows what came of it
            key = f"search:{mark}"
            batch = await self._result_of(key, lambda: self._search(connection, mark, call), connection, call)
            if batch is not None:
                call.call_cache.put(call.key, note, {"mark": mark, "batch": batch})
        if batch is None:
            mark, batch = await self._join(name, _Entry(request, call, note), connection)
        try:
            key = f"batch:{batch}"
            replies = await self._result_of(key, lambda: self._poll(connection, batch), connection, call)
        except TaskError as error:
            if _refused(error):
                call.call_cache.put(call.key, note, _NOT_SENT)
            raise
        found = replies.get(_in_batch(call, name, mark))
        if found is not None and found.error is None and found.finished is not None:
            return found
        # Another attempt must ask anew, not for this batch once more.
        call.call_cache.put(call.key, note, _NOT_SENT)
        reason = found.error if found is not None and found.error else "it has no reply to this call"
        raise TaskError(
            f"The batch {batch} of '{connection.provider.name}' failed for this call: {reason}",
            category=Category.PROVIDER,
        )

    def has_begun(self, name: str, call: CallScope) -> bool:
        """Return whether a call is in a batch, or may be."""
        mark, batch = _noted(call.call_cache.get(call.key, f"batch:{name}"))
        return bool(mark or batch)

    async def _result_of(self, key: str, ask: Callable[[], _Question[T]], connection: Connection, call: CallScope) -> T:
        """Return what the provider says now, or have the task wait for it."""
        question = self._suspended.pop((call.key, key), None) or ask()
        about: JsonObject = {"kind": "batch", "provider": connection.provider.name}
        await question.asked.wait()
        if not question.answer.done() and key not in call.signals:
            self._suspended[call.key, key] = question
            self._awaited[key] = question.answer
            raise Suspended(Wait(key, about, patience=self.batch_policy.patience))
        try:
            return await asyncio.shield(question.answer)
        except _NotYetError:
            raise Suspended(Wait(f"{AGAIN}{connection.provider.name}/{key}", about)) from None

    def attend(self, node: NodeId, wait: Wait, post: Callable[[Signal], None]) -> None:
        """Post a signal as soon as what a node waits for is known, if it is a batch."""
        asked = self._awaited.get(wait.key)
        if asked is not None:
            asked.add_done_callback(lambda done: None if done.cancelled() else post(Signal(node, wait.key)))

    async def close(self) -> None:
        """Stop asking. What was sent stays with the provider, and can be asked for later.

        A batch that is on its way is waited for: without its id it would be paid for nothing.
        """
        asked: list[asyncio.Task[Any]] = [question.answer for question in self._polls.values()]
        asked += [question.answer for question in self._searches.values()]
        for task in asked:
            task.cancel()
        for sender, group in self._senders.items():
            if not group.going:
                sender.cancel()
        await asyncio.gather(*self._senders, *asked, return_exceptions=True)

    async def _join(self, name: str, entry: _Entry, connection: Connection) -> tuple[str, str]:
        """Return the mark and the id of the batch that the call went with."""
        kind = (connection.provider.name, entry.request.model or "")  # not every provider mixes models in a batch
        group = self._gathering.get(kind)
        if group is None:
            loop = asyncio.get_running_loop()
            group = self._gathering[kind] = _Group(loop.create_future())
            sender = loop.create_task(self._send(connection, group, kind))
            self._senders[sender] = group
            sender.add_done_callback(lambda done: self._senders.pop(done, None))
        inside = _in_batch(entry.call, name, group.mark)
        group.entries[inside] = entry
        try:
            return group.mark, await asyncio.shield(group.sent)
        except asyncio.CancelledError:
            if self._gathering.get(kind) is group:  # it is not on its way yet
                del group.entries[inside]
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
            first = next(iter(group.entries.values())).call
            self._note(group, {"mark": group.mark})
            sending: JsonObject = {"names": list(requests), "at": self._clock.time()}
            self._note_sending(group, sending)
            await first.barrier()
            group.going = True
            batch = await _batches_of(connection).submit_batch(requests)
        except asyncio.CancelledError:
            group.sent.cancel()
            raise
        except Exception as error:
            failure = error if isinstance(error, TaskError) else _unexplained(provider, error)
            if failure.category in _REFUSED:  # else it may have been taken: the next attempt looks for it
                self._note(group, _NOT_SENT)
            group.sent.set_exception(failure)
            group.sent.exception()  # if everybody has left meanwhile, nobody else looks at it
            return
        self._note(group, {"mark": group.mark, "batch": batch})
        if self.batch_policy.detached:  # the names have done their part, and each task would carry them along
            self._note_sending(group, {"names": [], "at": sending["at"]})
        await first.barrier()
        count = "1 call was" if len(requests) == 1 else f"{len(requests)} calls were"
        leave = "Interrupt the run whenever you like: 'nika resume' goes on waiting for it."
        leave = "The run goes on waiting for it without you." if self.batch_policy.detached else leave
        first.notice(f"{count} sent to '{provider}' as a batch: this may take hours. {leave}")
        group.sent.set_result(batch)

    def _note(self, group: _Group, known: Json) -> None:
        for entry in group.entries.values():
            entry.call.call_cache.put(entry.call.key, entry.note, known)

    @staticmethod
    def _note_sending(group: _Group, sending: JsonObject) -> None:
        """Note what is sent in each call cache: all tasks have one and the same, or each has its own."""
        for call in {id(entry.call.call_cache): entry.call for entry in group.entries.values()}.values():
            call.call_cache.put(_sendings(call), group.mark, sending)

    async def _gather(self, group: _Group) -> None:
        count = -1
        while count != len(group.entries):
            count = len(group.entries)
            await self._clock.sleep(self.batch_policy.gather)

    def _poll(self, connection: Connection, batch: str) -> _Question[Mapping[str, BatchReply]]:
        async def replies() -> Mapping[str, BatchReply] | None:
            result = await _batches_of(connection).poll_batch(batch)
            return result.replies if result.done else None

        return _one_for_all(
            self._polls, (connection.provider.name, batch), lambda asked: self._until_known(replies, asked)
        )

    def _search(self, connection: Connection, mark: str, call: CallScope) -> _Question[str | None]:
        """Return the id of the batch that was about to be sent; None: it is to be sent again."""
        return _one_for_all(
            self._searches,
            (connection.provider.name, mark),
            lambda asked: self._found(connection, mark, call, asked),
        )

    async def _found(self, connection: Connection, mark: str, call: CallScope, asked: asyncio.Event) -> str | None:
        provider, sending = connection.provider.name, call.call_cache.get(_sendings(call), mark)
        find: Any = getattr(connection.client, "find_batch", None)
        told = False

        async def search() -> BatchSearch | None:
            nonlocal told
            assert isinstance(sending, dict)
            found: BatchSearch = await find(tuple(sending["names"]), sending["at"])
            if found.trace is BatchTrace.UNDECIDED and not told:
                told = True
                call.notice(
                    f"A batch was on its way to '{provider}' when its sending was cut off. '{provider}' can say only "
                    "later whether it has it: until then nothing is sent again."
                )
            if found.trace is BatchTrace.ABSENT and self._clock.time() < sending["at"] + _SETTLED:
                return None  # it may still be on its way
            return None if found.trace is BatchTrace.UNDECIDED else found

        found = None if find is None or not isinstance(sending, dict) else await self._until_known(search, asked)
        if found is not None and found.trace is BatchTrace.TAKEN:
            call.notice(f"The batch that was on its way to '{provider}' when its sending was cut off is there.")
            return found.batch_id
        if found is None or found.trace is BatchTrace.UNKNOWN:
            call.notice(
                f"A batch was on its way to '{provider}' when its sending was cut off, and '{provider}' cannot say "
                "whether it has it: it is sent again, and may be paid twice."
            )
        return None

    async def _until_known(self, ask: Callable[[], Awaitable[T | None]], asked: asyncio.Event) -> T:
        """Ask, less and less often, until there is an answer. Raises TaskError."""
        batch_policy = self.batch_policy
        pause, failed = batch_policy.poll, 0
        while True:
            try:
                found = await ask()
                failed = 0
                if found is not None:
                    return found
            except TaskError as error:
                failed += 1
                if error.category not in _TRANSIENT or _refused(error) or failed >= _PATIENCE:
                    raise
                pause = max(pause, error.retry_after or 0.0)
            if batch_policy.detached:
                raise _NotYetError
            asked.set()
            await self._clock.sleep(pause)
            pause = min(max(pause, batch_policy.poll) * 1.5, batch_policy.longest_poll)


_NOT_SENT: Final[Json] = {"batch": None}


def _batches_of(connection: Connection) -> BatchClient:
    client: Any = connection.client
    return cast("BatchClient", client)


def _refused(error: TaskError) -> bool:
    """Return whether a provider says that it did nothing of a batch, and will not."""
    return error.category is Category.PROVIDER and not error.retriable


def _noted(known: Json) -> tuple[str, str | None]:
    """Return what a task's call cache has of a call: the mark of its sending, "" without one, and the batch's id."""
    if not isinstance(known, dict):
        return "", None
    mark, batch = known.get("mark"), known.get("batch")
    return str(mark or ""), batch if isinstance(batch, str) else None


def _in_batch(call: CallScope, name: str, mark: str) -> str:
    """Under which name a call goes into a batch: no other batch has it."""
    return digest([call.key, name, mark])


def _sendings(call: CallScope) -> str:
    """Return the call cache's key for all batches of a run that were about to be sent."""
    return f"{call.run_id}/batches"


def _one_for_all(
    questions: dict[tuple[str, str], _Question[T]],
    key: tuple[str, str],
    begin: Callable[[asyncio.Event], Coroutine[Any, Any, T]],
) -> _Question[T]:
    """Return the question that is asked for all that want to know; a new one if the last one has failed."""
    question = questions.get(key)
    answer = None if question is None else question.answer
    if question is None or (answer and answer.done() and (answer.cancelled() or answer.exception() is not None)):
        asked = asyncio.Event()
        question = questions[key] = _Question(asyncio.get_running_loop().create_task(begin(asked)), asked)
        question.answer.add_done_callback(lambda _: asked.set())
    return question


def _unexplained(provider: str, error: BaseException) -> TaskError:
    found = TaskError(
        f"The provider '{provider}' failed to take a batch: {type(error).__name__}: {error}", category=Category.UNKNOWN
    )
    found.__cause__ = error
    return found
