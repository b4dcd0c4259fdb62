"""Works that go on later: what they wait for with a provider is not there yet, and one of them asks for all."""

from __future__ import annotations

from typing import Any, Final

from nika_core.model.json import JsonObject

TIMER: Final = "again:"  # begins the id of a timer that ends a pause
_FIRST: Final = 2.0  # seconds before it is asked for the second time
_LONGEST: Final = 60.0
_LONGER: Final = 1.5


class Postponed:
    """Of one run. Pure: the same calls in the same order return the same."""

    def __init__(self) -> None:
        self._works: dict[str, list[str]] = {}  # by what they wait for
        self._pauses: dict[str, float] = {}
        self._asking: dict[str, str] = {}  # by work, what it asks for on behalf of all

    def add(self, key: str, id_: str) -> tuple[float | None, list[str]]:
        """Postpone a work.

        Returns:
            The seconds of the pause that begins; None: one has begun before. And the works that go on now.
        """
        asked = self._asking.pop(id_, None)
        if asked == key:
            self._works.setdefault(key, []).insert(0, id_)
            self._pauses[key] = min(self._pauses[key] * _LONGER, _LONGEST)
            return self._pauses[key], []
        free = [] if asked is None else self._release(asked)
        begins = key not in self._pauses
        self._works.setdefault(key, []).append(id_)
        if begins:
            self._pauses[key] = _FIRST
        return (_FIRST if begins else None), free

    def pause_over(self, key: str) -> str | None:
        """Return the work that asks now; None: nobody waits any more."""
        works = self._works.get(key)
        if not works:
            self._release(key)
            return None
        id_ = works.pop(0)
        self._asking[id_] = key
        return id_

    def ended(self, id_: str) -> list[str]:
        """Return the works that go on now that this one has ended, or will never end."""
        asked = self._asking.pop(id_, None)
        return [] if asked is None else self._release(asked)

    def remove(self, id_: str) -> bool:
        """Return whether a work was postponed, and forget it."""
        for works in self._works.values():
            if id_ in works:
                works.remove(id_)
                return True
        return False

    def has(self, id_: str) -> bool:
        """Return whether a work is postponed."""
        return any(id_ in works for works in self._works.values())

    @property
    def keys(self) -> list[str]:
        """What works wait for."""
        return [key for key, works in self._works.items() if works]

    def _release(self, key: str) -> list[str]:
        self._pauses.pop(key, None)
        return self._works.pop(key, [])

    def snapshot(self) -> JsonObject:
        """Return its state as JSON; a work that asks is started again, and asks for itself."""
        return {"works": {key: list(works) for key, works in self._works.items() if works}}

    def restore(self, data: Any) -> None:
        """Take over what `snapshot` returned."""
        self._works = {key: list(works) for key, works in data["works"].items()}
        self._pauses = dict.fromkeys(self._works, _FIRST)
