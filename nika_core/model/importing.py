"""Imports that take long, one at a time.

Libraries import each other in circles. Two threads that enter such a circle at different places do not wait for each
other for ever, since Python gives way: one of them then sees a module that is only half there.
"""

from __future__ import annotations

import importlib
import threading
from typing import Any, Final

_TURN: Final = threading.RLock()  # an import may lead to another one


def import_alone(name: str) -> Any:
    """Import a module while no other thread does so in this way."""
    with _TURN:
        return importlib.import_module(name)


async def import_in_thread(name: str) -> Any:
    """Import a module in a thread: SDKs take up to two seconds, during which the event loop must not block."""
    import asyncio  # who awaits this has it; who describes a plugin may not

    return await asyncio.to_thread(import_alone, name)
