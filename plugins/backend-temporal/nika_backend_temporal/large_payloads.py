"""What is too large for the server is put into a folder that all machines share, by its digest."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

INLINE: Final = 256 * 1024  # bytes; what is larger goes to the folder
MOST: Final = 1_900_000  # bytes that the server takes; there is some room for what is around them
_ENCODING: Final = b"binary/nika-blob"
_BEGINNING: Final = b'{"definition":'


def size_of(value: Any) -> int:
    """Return the bytes that a value takes on its way."""
    return len(json.dumps(value, separators=(",", ":"), sort_keys=False))


class LargePayloads(PayloadCodec):
    """Replaces what is large by its digest, and back.

    Args:
        shared: the folder; None: there is none, and the sender must see to sizes.
        prepare: is given the definition of each run that is read, so that what it needs is there when it is driven.
    """

    def __init__(self, shared: str | None, prepare: Callable[[Any], None] | None = None) -> None:
        self._folder = None if shared is None else Path(shared, "blobs")
        self._prepare = prepare

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Put away what is large."""
        return [await self._put(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Get back what was put away. Raise RuntimeError if it is not there."""
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
        if self._folder is None or len(payload.data) <= INLINE:
            return payload
        data = payload.SerializeToString()
        name = hashlib.sha256(data).hexdigest()
        await asyncio.to_thread(_write, self._folder / name[:2] / name, data)
        return Payload(metadata={"encoding": _ENCODING}, data=name.encode())

    async def _get(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != _ENCODING:
            return payload
        name = payload.data.decode()
        if self._folder is None:
            raise RuntimeError("this run needs the folder that the machines share: give --shared DIR")
        try:
            data = await asyncio.to_thread((self._folder / name[:2] / name).read_bytes)
        except OSError as error:
            raise RuntimeError(f"a value of the run is not in the shared folder: {error}") from None
        if hashlib.sha256(data).hexdigest() != name:
            raise RuntimeError(f"a value of the run is damaged in the shared folder: {name}")
        found = Payload()
        found.ParseFromString(data)
        return found


def _write(path: Path, data: bytes) -> None:
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.{id(data)}")
    beside.write_bytes(data)
    beside.replace(path)
