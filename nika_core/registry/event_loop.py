"""Restores the event loop if importing a plugin changes it, and reports the change."""

from __future__ import annotations

import asyncio
import asyncio.base_events
import asyncio.events
import asyncio.runners
import asyncio.selector_events
import asyncio.tasks
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_WATCHED: Final[tuple[Any, ...]] = (
    asyncio,
    asyncio.events,
    asyncio.tasks,
    asyncio.runners,
    asyncio.base_events,
    asyncio.base_events.BaseEventLoop,
    asyncio.selector_events.BaseSelectorEventLoop,
)
_POLICY: Final = "_event_loop_policy"  # a private name, but the one way to look without making a policy
_CHANGES_BY_ITSELF: Final = frozenset({_POLICY, "__doc__", "__dict__", "__abstractmethods__", "_abc_impl"})


@contextmanager
def preserve_event_loop() -> Iterator[list[str]]:
    """Restore asyncio after this block. Yields the names that were changed, which are known once the block has been
    left.
    """
    changed: list[str] = []
    before = [dict(vars(watched)) for watched in _WATCHED]
    policy = getattr(asyncio.events, _POLICY, None)
    try:
        yield changed
    finally:
        for watched, was in zip(_WATCHED, before, strict=True):
            now = vars(watched)
            for name, value in was.items():
                if name not in _CHANGES_BY_ITSELF and now.get(name) is not value:
                    setattr(watched, name, value)
                    changed.append(f"{watched.__name__}.{name}")
        found = getattr(asyncio.events, _POLICY, None)
        if found is not policy and not (policy is None and type(found) is asyncio.DefaultEventLoopPolicy):
            setattr(asyncio.events, _POLICY, policy)
            changed.append("asyncio's event loop policy")
