"""What is too large for the server is put where all machines find it, by its digest."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from nika_backend_temporal.blob_stores import BlobStore
from nika_core.plugin import UsageError, codes

INLINE: Final = 256 * 1024  # bytes; what is larger goes to the store
MOST: Final = 1_900_000  # bytes that the server takes; there is some room for what is around them
_ENCODING: Final = b"binary/nika-blob"
_BEGINNING: Final = b'{"definition":'


def size_of(value: Any) -> int:
    """Return the bytes that a value takes on its way."""
    return len(json.dumps(value, separators=(",", ":"), sort_keys=False))


class LargePayloads(PayloadCodec):
    """Replaces what is large by its digest, and back.

    Args:
        store: where it lies; None: there is none, and the sender must see to sizes.
        prepare: is given the definition of each run that is read, so that what it needs is there when it is driven.
    """

    def __init__(self, store: BlobStore | None, prepare: Callable[[Any], None] | None = None) -> None:
        self._store = store
        self._prepare = prepare

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Put away what is large."""
        return [await self._put(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Get back what was put away. Raise UsageError if it is not there."""
        decoded = [await self._get(payload) for payload in payloads]
        if self._prepare is not None:
            for payload in decoded:
                if payload.data.startswith(_BEGINNING):
                    await asyncio.to_thread(self._prepared, payload.data)
        return decoded

    def _prepared(self, data: bytes) -> None:
        assert self._prepare is not None
        self._prepare(json.loads(data)["definition"])

    async def _put(self, payload: Payload) -> Payload:
        if self._store is None or len(payload.data) <= INLINE:
            return payload
        data = payload.SerializeToString()
        name = hashlib.sha256(data).hexdigest()
        await asyncio.to_thread(self._store.put, name, data)
        return Payload(metadata={"encoding": _ENCODING}, data=name.encode())

    async def _get(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != _ENCODING:
            return payload
        name = payload.data.decode()
        if self._store is None:
            raise UsageError(
                "this run has large values in a place that is not known here: give --shared DIR, or the blob store in "
                "the address, as for its submission",
                code=codes.USAGE,
            )
        data = await asyncio.to_thread(self._store.get, name)
        if hashlib.sha256(data).hexdigest() != name:
            raise UsageError(f"a large value of the run is damaged where it lies: {name}", code=codes.EXECUTION_FAILED)
        found = Payload()
        found.ParseFromString(data)
        return found
