"""A coroutine that can be let go of, even when it swallows its cancellation."""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine, Generator
from typing import Any


class Abandonable:
    """Awaiting it is awaiting `work`, until `abandon`: then the next cancellation ends the awaiting, not `work`'s say.

    A step that catches every CancelledError would otherwise live for as long as the event loop, and longer than that
    hold up the loop's own end.

    Args:
        keyword: whose step `work` is; a watchdog that finds this object on the stack names it.
    """

    __slots__ = ("_free", "_work", "keyword")

    def __init__(self, work: Coroutine[Any, Any, Any], keyword: str | None = None) -> None:
        self.keyword = keyword
        self._work = work
        self._free = False

    def abandon(self) -> None:
        """Offer a cancellation to `work` no longer, from now on."""
        self._free = True

    def __await__(self) -> Generator[Any, Any, Any]:
        work = self._work
        if not hasattr(work, "send"):
            raise TypeError("its `run` is not an `async def`")
        try:
            waits_for = work.send(None)
            while True:
                try:
                    sent = yield waits_for
                except BaseException as error:
                    if self._free or isinstance(error, GeneratorExit):
                        self._close()
                        raise
                    waits_for = work.throw(error)
                else:
                    waits_for = work.send(sent)
        except StopIteration as end:
            return end.value

    def _close(self) -> None:
        with contextlib.suppress(BaseException):  # whatever it does on its way out is nobody's business any more
            self._work.close()
