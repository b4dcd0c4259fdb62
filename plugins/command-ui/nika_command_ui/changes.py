"""Tells all open pages when the history has changed, as server-sent events. One look serves all pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

LOOK_SECONDS: Final = 0.5
QUIET_SECONDS: Final = 15.0  # after which a page is told that the server is still there


class Changes:
    """What has changed since a page last looked.

    Args:
        stamp: returns another value when anything has been written.
        left: called in a thread when no page is open any more.
        look: seconds between two looks.
    """

    def __init__(self, stamp: Callable[[], object], left: Callable[[], None], *, look: float = LOOK_SECONDS) -> None:
        self._stamp = stamp
        self._left = left
        self._look = look
        self._seen: object = None
        self._number = 0
        self._changed = asyncio.Condition()
        self._looking: asyncio.Task[None] | None = None
        self._leaving: asyncio.Future[None] | None = None
        self._pages = 0

    async def told(self) -> AsyncIterator[str]:
        """Yield an event now, and one after each change, until the page is closed."""
        self._pages += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._keep_looking())
        try:
            known = -1
            while True:
                if known == self._number and not await self._next(known):
                    yield ": still here\n\n"
                    continue
                known = self._number
                yield f"data: {known}\n\n"
        finally:
            self._pages -= 1
            if not self._pages and self._looking is not None:
                self._looking.cancel()
                self._looking = None
                self._leaving = asyncio.get_running_loop().run_in_executor(None, self._left)

    async def _next(self, known: int) -> bool:
        """Wait for a change. Return False if there is none for long."""
        try:
            async with asyncio.timeout(QUIET_SECONDS), self._changed:
                await self._changed.wait_for(lambda: self._number != known)
        except TimeoutError:
            return False
        return True

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self._look)  # first: a page that has just been opened is still loading what there is
            stamp = await asyncio.to_thread(self._stamp)
            if stamp != self._seen:
                self._seen = stamp
                async with self._changed:
                    self._number += 1
                    self._changed.notify_all()
