"""Shows the project's observers a run on a backend, while a program follows it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable
from typing import Final

from nika_core.app.backend.client import event_of
from nika_core.app.prepared_run import PreparedRun
from nika_core.app.run_observers import RunObservers
from nika_core.engine.local.observers import Observers
from nika_core.plugin import RunUpdate

_GRACE: Final = 5.0  # seconds of standstill for which an observer is waited for, as at the end of a run here


async def with_observers(
    prepared: PreparedRun,
    run_id: str,
    updates: AsyncIterable[RunUpdate],
    notice: Callable[[str], None] | None = None,
) -> AsyncGenerator[RunUpdate, None]:
    """Yield the updates, and show their events to the observers. Raise NikaError for wrong settings of one."""
    observing = RunObservers(prepared, run_id, None)
    observers = Observers(observing.plugins)
    try:
        async for update in updates:
            observers.show(event_of(run_id, data) for data in update.events)
            observers.show(event_of(run_id, {"seq": 0, **data}) for data in update.live)
            yield update
    finally:
        await observers.end(_GRACE)
        for warning in observing.warnings():
            if notice is not None:
                notice(warning)
