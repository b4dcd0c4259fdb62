"""The calls of tools that are under way in a session, and what the server asks in them.

Over stdio nothing says to which call a request of the server belongs. So once a server has asked something there, its
session makes one call at a time; and if several were under way, a request waits until it can only be for one of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

from mcp.client.session import ClientRequestContext
from mcp_types import INVALID_PARAMS, INVALID_REQUEST, ElicitRequestParams, ElicitResult, ErrorData

from nika_keyword_mcp import wire

Answer = Mapping[str, Any] | ErrorData
Ask = Callable[[Any, int], Awaitable[Mapping[str, Any] | str]]
"""Takes the params of a request and its number in the call, from 1; returns its result, or why it is refused."""

_NO_CALL: Final = "no call of a tool is under way for which this could be asked"
_ENDED: Final = "the call for which this was asked has been cancelled"


class InterruptedCallError(Exception):
    """The call was cancelled, since nobody can tell which of several calls the server asks for; it is made again."""


class _Asked:
    """A request of the server."""

    def __init__(self, params: Any) -> None:
        self.params = params
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def refuse(self, reason: str, code: int = INVALID_REQUEST) -> None:
        if not self.answer.done():
            self.answer.set_result(ErrorData(code=code, message=reason))


class PendingCall:
    """One call. `key` tells it from the others of its session."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._number = 0  # of what was asked
        self._asked: deque[_Asked] = deque()
        self._open: set[_Asked] = set()
        self._interrupted = False
        self._news = asyncio.Event()

    def put(self, asked: _Asked) -> None:
        """Put a question that the server asks in the call."""
        self._open.add(asked)
        self._asked.append(asked)
        self._news.set()

    def interrupt(self) -> None:
        """Cancel it; it is made again."""
        self._interrupted = True
        self._news.set()

    async def run(self, send: Callable[[], Awaitable[Any]], ask: Ask | None) -> Any:
        """Return the result of the call. Raise InterruptedCallError, or what `send` or `ask` raises.

        Args:
            send: makes the call; what `ask` raises cancels it.
            ask: called in this task, for one request after the other; None: everything is refused.
        """
        token = _current.set(self)
        try:
            sending = asyncio.ensure_future(send())
        finally:
            _current.reset(token)
        sending.add_done_callback(lambda _: self._news.set())
        try:
            while True:
                if sending.done():
                    return sending.result()
                if self._interrupted:
                    raise InterruptedCallError
                if self._asked:
                    await self._answer(self._asked.popleft(), ask)
                else:
                    self._news.clear()
                    await self._news.wait()
        finally:
            if not sending.done():
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)  # the server is told first that the call is over
            for asked in self._open:
                asked.refuse(_ENDED)

    async def _answer(self, asked: _Asked, ask: Ask | None) -> None:
        if asked.answer.done():  # the server does not want to know any more
            return
        self._number += 1
        answer = "it is not asked here" if ask is None else await ask(asked.params, self._number)
        if isinstance(answer, str):
            asked.refuse(answer, INVALID_PARAMS)
        elif not asked.answer.done():
            asked.answer.set_result(answer)


_current: ContextVar[PendingCall | None] = ContextVar("nika_mcp_call", default=None)


class Calls:
    """The calls of one session."""

    def __init__(self) -> None:
        self._calls: list[PendingCall] = []
        self._unclear: list[_Asked] = []  # nobody knows for which call
        self._one_by_one = False
        self._turn = asyncio.Lock()
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self, key: str, send: Callable[[], Awaitable[Any]], ask: Ask | None) -> Any:
        """Make a call, again if it was interrupted, and return its result. Raise what `send` or `ask` raises."""
        while True:
            async with self._place():
                call = PendingCall(key)
                self._calls.append(call)
                self._idle.clear()
                ended = False
                try:
                    result = await call.run(send, ask)
                    ended = True
                    return result
                except InterruptedCallError:
                    continue
                except Exception:
                    ended = True  # by the server, which then asks nothing more in it
                    raise
                finally:
                    self._calls.remove(call)
                    if not self._calls:
                        self._idle.set()
                    if not ended:
                        self._refuse_unclear(_ENDED)
                    self._settle()

    @contextlib.asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if not self._one_by_one:
            yield
            return
        async with self._turn:
            await self._idle.wait()
            yield

    async def asked(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult | ErrorData:
        """Answer a request of the server: the SDK's callback."""
        mark = wire.raw(context.meta) or wire.raw(params.meta) or {}
        asked, tag = _Asked(mark.get("params")), mark.get("call")
        call = _current.get() or next((one for one in self._calls if tag is not None and one.key == tag), None)
        if call is not None:
            call.put(asked)
        elif tag is not None:
            asked.refuse(_ENDED)
        else:
            self._one_by_one = True
            self._unclear.append(asked)
            self._settle()
        try:
            answer = await asked.answer
        finally:
            asked.answer.cancel()
            if asked in self._unclear:
                self._unclear.remove(asked)
        return answer if isinstance(answer, ErrorData) else ElicitResult.model_validate(answer)

    def _settle(self) -> None:
        """Give what is unclear to the only call that is left; interrupt all if each of them may wait for an answer."""
        if not self._unclear:
            return
        if not self._calls:
            self._refuse_unclear(_NO_CALL)
        elif len(self._calls) == 1:
            for asked in self._unclear:
                self._calls[0].put(asked)
            self._unclear.clear()
        elif len(self._unclear) >= len(self._calls):
            for call in self._calls:
                call.interrupt()

    def _refuse_unclear(self, reason: str) -> None:
        for asked in self._unclear:
            asked.refuse(reason)
        self._unclear.clear()
