"""The client that all servers with a url share in a run: it is closed after the last session that uses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from nika_core.toolbox.network import AddressGuard, guarded_client


class SharedClient:
    """An open client, and how many use it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._users = 0
        self.unused = asyncio.Event()
        self.unused.set()

    @contextmanager
    def used(self) -> Iterator[Any]:
        """Return the client, which stays open inside the block: a session tells its server that it ends."""
        self._users += 1
        self.unused.clear()
        try:
            yield self._client
        finally:
            self._users -= 1
            if self._users == 0:
                self.unused.set()


@asynccontextmanager
async def shared_client(guard: AddressGuard, environ: Mapping[str, str]) -> AsyncIterator[SharedClient]:
    """Open the client; close it when nothing uses it any more. Raise TaskError."""
    async with guarded_client(guard, environ=environ) as client:
        shared = SharedClient(client)
        yield shared
        await shared.unused.wait()
