"""Large outputs in blobs, read when they are asked for; those that were read last stay in memory."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any, Final

from nika_core import codes
from nika_core.errors import JournalError
from nika_core.journal.blobs import Blobs
from nika_core.journal.encoding import LOST, decode
from nika_core.model.json import Json
from nika_core.model.large_values import LargeValue

_RECENT: Final = 8 * 1024 * 1024  # bytes of JSON that stay in memory


class KeptValues:
    """Values by the names of their blobs. From any thread."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._recent: OrderedDict[str, tuple[Json, int]] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def get(self, name: str) -> Json:
        """Return a value. Raise JournalError if it is lost or damaged."""
        with self._lock:
            found = self._recent.get(name)
            if found is not None:
                self._recent.move_to_end(name)
                return found[0]
        content = self._blobs.get(name)
        try:
            if content is None:
                raise ValueError
            value: Json = decode(content.decode("ascii"))
        except ValueError:
            raise JournalError(
                codes.JOURNAL_CORRUPT,
                f"An output of a run is lost: {self._blobs.folder / name[:2] / name} is damaged, or no longer there.",
                hint="`nika resume` runs its task again.",
            ) from None
        self._remember(name, value, len(content))
        return value

    def lazy(self, name: str) -> Any:
        """Return a value that stays where it is or, if it is lost or damaged, `{"lost": <its name>}`."""
        if self._blobs.get(name) is None:
            return {LOST: name}
        return LargeValue(read=lambda: self.get(name), name=name)

    def _remember(self, name: str, value: Json, size: int) -> None:
        if size > _RECENT:
            return
        with self._lock:
            if name not in self._recent:
                self._size += size
            self._recent[name] = value, size
            while self._size > _RECENT:
                self._size -= self._recent.popitem(last=False)[1][1]
