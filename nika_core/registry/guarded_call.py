"""How the kernel awaits a plugin's call whose failure must end nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nika_core.errors import NikaError, PluginError

T = TypeVar("T")


async def guarded_call(call: Callable[[], Awaitable[T]], failed: Callable[[BaseException], PluginError]) -> T:
    """Return what a call returns. Errors meant for the user pass; of all else, `failed` makes the error.

    That is also so for SystemExit, and for a cancellation that the plugin made up; a real one passes.
    """
    try:
        return await call()
    except NikaError:
        raise
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # its time is over
            raise
        raise failed(error) from error
    except BaseException as error:  # not even its SystemExit may end a run
        raise failed(error) from error
