"""A backend as the kernel calls it: whatever a plugin does wrong there is one error with its name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from nika_core.errors import NikaError, PluginError
from nika_core.model.json import JsonObject
from nika_core.plugin import Backend, BackendRun, RunUpdate, Submission, WorkerOptions
from nika_core.registry.guarded_call import guarded_call
from nika_core.registry.loading import broken, one_line
from nika_core.registry.scan import PluginRecord


class GuardedRunBackend:
    """Guard `own`, an object of `record`. Errors meant for the user pass; all else is the plugin's fault."""

    def __init__(self, own: Backend, record: PluginRecord) -> None:
        self._own = own
        self.record = record

    def _failed(self, error: BaseException) -> PluginError:
        return broken(self.record, f"fails: {one_line(error)}")

    async def submit(self, submission: Submission) -> None:
        """Start a run. Raise NikaError."""
        await guarded_call(lambda: self._own.submit(submission), self._failed)

    async def events(self, run_id: str, since: int = 0) -> AsyncIterator[RunUpdate]:
        """Follow a run. Raise NikaError."""
        try:
            async for update in self._own.events(run_id, since):
                yield update
        except NikaError:
            raise
        except Exception as error:
            raise self._failed(error) from error

    async def signal(self, run_id: str, signal: JsonObject) -> None:
        """Hand a signal to a run. Raise NikaError."""
        await guarded_call(lambda: self._own.signal(run_id, signal), self._failed)

    async def cancel(self, run_id: str, reason: str) -> None:
        """Cancel a run. Raise NikaError."""
        await guarded_call(lambda: self._own.cancel(run_id, reason), self._failed)

    async def result(self, run_id: str) -> JsonObject | None:
        """Return the result of a run. Raise NikaError."""
        return await guarded_call(lambda: self._own.result(run_id), self._failed)

    async def definition(self, run_id: str) -> JsonObject:
        """Return what was submitted. Raise NikaError."""
        return await guarded_call(lambda: self._own.definition(run_id), self._failed)

    async def runs(self, limit: int = 100) -> Sequence[BackendRun]:
        """Return the runs. Raise NikaError."""
        return await guarded_call(lambda: self._own.runs(limit), self._failed)

    async def offered(self) -> Mapping[str, int]:
        """Return how many workers offer each keyword. Raise NikaError."""
        return await guarded_call(self._own.offered, self._failed)

    async def versions(self) -> Mapping[str, int]:
        """Return how many workers there are of each version; empty if the backend has none. Raise NikaError."""
        own: Any = getattr(self._own, "versions", None)
        return {} if own is None else await guarded_call(own, self._failed)

    async def serve(self, options: WorkerOptions) -> None:
        """Be a worker. Raise NikaError."""
        await guarded_call(lambda: self._own.serve(options), self._failed)

    async def close(self) -> None:
        """Close its connections. Raise NikaError."""
        await guarded_call(self._own.close, self._failed)
