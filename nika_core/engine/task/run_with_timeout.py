"""Something inside a task that has its own time, and may not listen when it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from nika_core.engine.core.failures import EscapedError
from nika_core.engine.core.ports import Suspended
from nika_core.engine.task.abandonable import Abandonable
from nika_core.engine.task.deadlines import Deadlines


class TookTooLongError(Exception):
    """It did not end in its time; the text says whether it stopped then."""


async def run_with_timeout(
    work: Coroutine[Any, Any, Any], seconds: float, deadlines: Deadlines, grace: float, keyword: str | None = None
) -> Any:
    """Return what `work` returns, or raise what it raises.

    When its time is over, or when the one who waits is cancelled, it is cancelled, and left behind when it has not
    ended `grace` seconds later. A SystemExit or the like comes out as an ordinary exception; a wait for something
    outside comes out as it is.

    Args:
        keyword: whose step `work` is, if it is one.

    Raises:
        TookTooLongError: see above.
    """
    loop = asyncio.get_running_loop()
    abandonable = Abandonable(work, keyword)
    task = loop.create_task(_contained(abandonable))
    over = loop.create_future()  # True: it is told to stop; resolved by the task's end or by patience's

    def wake(*_: Any) -> None:
        if not over.done():
            over.set_result(None)

    task.add_done_callback(wake)
    deadline = deadlines.add(seconds, wake)
    try:
        await over
    except asyncio.CancelledError:
        await _stop(task, abandonable, deadlines, grace)
        raise
    finally:
        deadline.cancel()
    if not task.done():
        stopped = await _stop(task, abandonable, deadlines, grace)
        also = "" if stopped else ", and it did not stop when it was told to"
        raise TookTooLongError(f"did not end within {seconds:g} s{also}")
    if task.cancelled():
        raise RuntimeError("it cancelled itself")
    return task.result()


async def _stop(task: asyncio.Task[Any], abandonable: Abandonable, deadlines: Deadlines, grace: float) -> bool:
    task.cancel()
    ended = asyncio.get_running_loop().create_future()

    def wake(*_: Any) -> None:
        if not ended.done():
            ended.set_result(None)

    task.add_done_callback(wake)
    patience = deadlines.add(grace, wake)
    try:
        await ended
    finally:
        patience.cancel()
    if not task.done():
        abandonable.abandon()
        task.cancel()
        return False
    if not task.cancelled():
        task.exception()  # looked at: nobody else will
    return True


async def _contained(abandonable: Abandonable) -> Any:
    try:
        return await abandonable
    except (Exception, asyncio.CancelledError, Suspended):
        raise
    except BaseException as error:
        raise EscapedError(error) from None
