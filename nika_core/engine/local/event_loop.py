"""An event loop's whole life, like `asyncio.run`, that ends also when something in it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


def run_to_end(main: Coroutine[Any, Any, T], grace: float = 5.0) -> T:
    """Return what `main` returns, or raise what it raises.

    `asyncio.run` waits for ever for a task that swallows its cancellation, and a step's child task may. Here all that
    is left is cancelled, has `grace` seconds to end, and is then let go of.
    """
    loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        work = loop.create_task(main)
        try:
            return loop.run_until_complete(work)
        except KeyboardInterrupt:  # only `main` knows in which order what it began has to end
            if not work.done():  # it came up elsewhere. In `main` itself, it has ended; waiting for it would never end
                work.cancel()
                with suppress(asyncio.CancelledError):
                    loop.run_until_complete(work)
            raise
    finally:
        try:
            left = _end(loop, asyncio.all_tasks(loop), grace)
            loop.run_until_complete(_within(loop.shutdown_asyncgens(), grace))
            if not left:
                loop.run_until_complete(_within(loop.shutdown_default_executor(), grace))
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def _end(loop: asyncio.AbstractEventLoop, tasks: Iterable[asyncio.Task[Any]], grace: float) -> set[asyncio.Task[Any]]:
    tasks = set(tasks)
    if not tasks:
        return set()
    for task in tasks:
        task.cancel()
    done, left = loop.run_until_complete(asyncio.wait(tasks, timeout=grace))
    for task in done:
        if not task.cancelled() and (error := task.exception()) is not None:
            what = {"message": "something that a step had left behind failed at the end", "exception": error}
            loop.call_exception_handler({**what, "task": task})
    for task in left:
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is known that it has not ended
    return left


async def _within(work: Coroutine[Any, Any, None], seconds: float) -> None:
    await asyncio.wait([asyncio.ensure_future(work)], timeout=seconds)
