"""What the tasks of one run share: opened once, by a task of its own, closed when the run ends.

A task of its own, since what is opened may hold cancel scopes (an MCP session does) that must be left by the task that
entered them, and since a step that is cancelled while it opens something must not break it for the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

from nika_core.engine.core.failures import EscapedError, described


class _Holder:
    """One resource: `opened` is done once it is there (or could not be opened)."""

    def __init__(self, open_: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        loop = asyncio.get_running_loop()
        self._open = open_
        self._closing = asyncio.Event()
        self.opened: asyncio.Future[Any] = loop.create_future()
        self.task = loop.create_task(self._hold())

    async def _hold(self) -> None:
        try:
            async with self._open() as value:
                if not self.opened.done():
                    self.opened.set_result(value)
                await self._closing.wait()
        except BaseException as error:
            if self.opened.done():
                if isinstance(error, Exception | asyncio.CancelledError):
                    raise
                raise EscapedError(error) from None  # a SystemExit would end the event loop
            failed = error if isinstance(error, Exception) else EscapedError(error)
            self.opened.set_exception(failed)
            self.opened.exception()  # nobody may be waiting any more

    def close(self) -> None:
        self._closing.set()


class Resources:
    """By distribution and key. `close` ends all of them, the last opened first to be told."""

    def __init__(self) -> None:
        self._holders: dict[tuple[str, str], _Holder] = {}
        self._all: list[asyncio.Task[None]] = []
        self._closed = False

    async def get(self, key: tuple[str, str], open_: Callable[[], AbstractAsyncContextManager[Any]]) -> Any:
        """Return the resource. All that wait raise what opening it raised; the next one to ask opens it again."""
        if self._closed:
            raise RuntimeError("the run has ended")
        holder = self._holders.get(key)
        if holder is None or holder.task.done():
            holder = self._holders[key] = _Holder(open_)
            self._all.append(holder.task)
        try:
            return await asyncio.shield(holder.opened)
        except asyncio.CancelledError:
            raise
        except BaseException:
            if self._holders.get(key) is holder:
                del self._holders[key]
            raise

    def begin_close(self) -> list[asyncio.Task[None]]:
        """Tell all to close; gives the tasks to wait for."""
        self._closed = True
        for holder in reversed(self._holders.values()):
            if holder.opened.done():
                holder.close()
            else:
                holder.task.cancel()
        return [task for task in self._all if not task.done()]

    def failures(self) -> list[str]:
        """Return a description of what closing raised."""
        return failures_of(self._all)


def failures_of(tasks: Iterable[asyncio.Task[Any]]) -> list[str]:
    """Describe what these raised, except cancellation."""
    ended = (task for task in tasks if task.done() and not task.cancelled())
    return [described(error) for task in ended if (error := task.exception()) is not None]
