"""How long the validation of one file may take."""

from __future__ import annotations

from nika_core import codes
from nika_core.errors import Place, Problem
from nika_core.model.clock import Clock
from nika_core.model.limits import LimitKind, Limits


class OutOfTimeError(BaseException):
    """Validation has taken as long as it may. Not an `Exception`: guards around a plugin's code let it pass."""


class ValidationDeadline:
    """The moment at which validation must end. `check` is cheap enough for every few thousand steps."""

    __slots__ = ("_clock", "_until", "limit")

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self.limit = limits.bounds.get(LimitKind.VALIDATE_SECONDS)
        self._until = None if self.limit is None else clock.monotonic() + self.limit.value

    def check(self) -> None:
        """Raise OutOfTimeError after the deadline."""
        if self._until is not None and self._clock.monotonic() > self._until:
            raise OutOfTimeError

    def problem(self, path: str) -> Problem:
        limit = self.limit
        name, value = (limit.name, limit.value) if limit else ("the limit", 0)
        return Problem(
            codes.TIMEOUT,
            f"validation took longer than the {value:g} s that {name} allows",
            Place(path, 1, 1),
            f"make the file smaller, or raise {name}",
        )
