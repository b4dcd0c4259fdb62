"""A coroutine that can be let go of, even when it swallows its cancellation."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any


class Abandonable:
    """Awaiting it is awaiting `work`, until `abandon`: then the next cancellation ends the awaiting, not `work`'s say.

    A step that catches every CancelledError would otherwise live for as long as the event loop, and longer than that
    hold up the loop's own end.
    """

    __slots__ = ("_context", "_free", "_waits", "_work")

    def __init__(
        self,
        work: Coroutine[Any, Any, Any],
        waits: Callable[[], None] | None = None,
        context: Context | None = None,
    ) -> None:
        """`waits` is called once, when `work` waits for the first time: what never waits cannot be told to stop.

        `context`: what `work` sets is set there, and not seen by what runs in the same Task after it; None: a new one.
        """
        self._work = work
        self._waits = waits
        self._context = copy_context() if context is None else context
        self._free = False

    def abandon(self) -> None:
        """From now on a cancellation is not offered to `work` any more."""
        self._free = True

    def __await__(self) -> Generator[Any, Any, Any]:
        work = self._work
        if not hasattr(work, "send"):
            raise TypeError("its `run` is no `async def`")
        try:
            run = self._context.run
            waits_for = run(work.send, None)
            if self._waits is not None:
                self._waits()
            while True:
                try:
                    sent = yield waits_for
                except BaseException as error:
                    if self._free or isinstance(error, GeneratorExit):
                        self._close()
                        raise
                    waits_for = run(work.throw, error)
                else:
                    waits_for = run(work.send, sent)
        except StopIteration as end:
            return end.value

    def _close(self) -> None:
        with contextlib.suppress(BaseException):  # whatever it does on its way out is nobody's business any more
            self._context.run(self._work.close)
