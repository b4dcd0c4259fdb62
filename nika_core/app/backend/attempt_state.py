"""What one attempt of work hands on to the next one, on whichever machine: what was used, paid and tried so far."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final, Self

from nika_core import codes
from nika_core.app.backend.allowed_budget import NO_SPENDING, Allowance
from nika_core.errors import Category
from nika_core.model.codec import usage_json, usage_of
from nika_core.model.json import Json, JsonObject
from nika_core.model.state import Failure
from nika_core.model.usage import NOTHING, Usage

_KEPT: Final = 100  # events of failed attempts that are handed on


class AttemptState:
    """Attributes:
    attempt: the number of the attempt that runs, from 1.
    usage: of the attempts before it.
    memo: replies of models and results of tools, by key and call.
    events: of the attempts before it, the last ones.
    """

    def __init__(self) -> None:
        self.attempt = 1
        self.usage: Usage = NOTHING
        self.memo: dict[tuple[str, str], Json] = {}
        self.failures: list[JsonObject] = []
        self.events: list[JsonObject] = []
        self._spent: JsonObject = NO_SPENDING
        self._lost = False

    @classmethod
    def of(cls, state: Any, memo: Any, used: Any = None, attempt: int = 1) -> Self:
        """Return the state for the next attempt.

        Args:
            state: what the attempt before it has kept last; None: this is the first.
            memo: what the driver has kept of the same work.
            attempt: its number, as the backend counts.
            used: what it has used before that no report has told the core of.
        """
        new = cls()
        new.usage = usage_of(used)
        for key, call, value in (*(memo or ()), *(state or {}).get("memo", ())):
            new.memo[key, call] = value
        if state:
            new.attempt = state["attempt"] + 1
            new.usage = usage_of(state["usage"])
            new.failures = list(state["failures"])
            new.events = list(state.get("events", ()))
            new._spent = state["spent"]
            new._lost = not state["closed"]
        elif attempt > 1:
            new.attempt, new._lost = attempt, True
        return new

    def charged(self, allowance: JsonObject) -> JsonObject:
        """Return what of an allowance counts as spent before this attempt: all of it, if the last one was lost."""
        if self._lost:
            return {"usd": allowance["usd"] or "0", "tokens": allowance["tokens"] or 0}
        return self._spent

    def begin(self) -> None:
        """Begin an attempt; if it is the first, nothing was lost."""
        if self._lost:
            self.failures.append({"attempt": self.attempt - 1, "delay": 0.0, "failure": _lost().as_json()})
        self._lost = False

    def use(self, usage: Usage) -> None:
        """Count what an attempt has used."""
        self.usage = self.usage + usage

    def failed(self, delay: float, failure: Failure, events: list[JsonObject]) -> None:
        """Note that an attempt failed and another one follows."""
        self.events = events[-_KEPT:]
        self.failures.append({"attempt": self.attempt, "delay": delay, "failure": failure.as_json()})


def _lost() -> Failure:
    return Failure(codes.EXECUTION_FAILED, Category.UNKNOWN, "the worker was lost")


class KeptCalls:
    """The call cache of one work: what it keeps is handed on with the work's state.

    Args:
        keep: hands the state to the backend.
        mask: replaces secrets in JSON.
        settle: returns when the last state is durable; None: nobody can say.
    """

    def __init__(
        self,
        state: AttemptState,
        allowance: Allowance | None,
        keep: Callable[[Json], None] | None,
        mask: Callable[[Json], Any],
        settle: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._state = state
        self._allowance = allowance
        self._keep = keep
        self._mask = mask
        self._settle = settle
        self._unsettled = False

    def get(self, key: str, call: str) -> Json:
        return self._state.memo.get((key, call))

    def put(self, key: str, call: str, value: Json) -> None:
        self._state.memo[key, call] = value
        self._unsettled = True
        self.keep()

    async def settle(self) -> None:
        """Wait until all that was put is durable."""
        if self._unsettled and self._settle is not None:
            self._unsettled = False
            await self._settle()

    def end(self) -> None:
        """Hand on nothing any more: the work has ended."""
        self._keep = None

    def keep(self) -> None:
        """Hand the state on."""
        if self._keep is not None:
            self._keep(self.state())

    def state(self, *, closed: bool = False) -> JsonObject:
        """Return the state as JSON. `closed`: the attempt has ended, and it is known what it took."""
        state = self._state
        spent = NO_SPENDING if self._allowance is None else self._allowance.spent
        return {
            "attempt": state.attempt,
            "usage": usage_json(state.usage),
            "failures": state.failures,
            "spent": {"usd": str(Decimal(spent["usd"])), "tokens": spent["tokens"]},
            "closed": closed,
            "memo": memo_json(state, self._mask),
            **({"events": state.events} if state.events else {}),
        }


def memo_json(state: AttemptState, mask: Callable[[Json], Any]) -> list[list[Json]]:
    """Return what was paid for, as JSON; what has a secret in it is left out: it would not be the same any more."""
    return [[key, call, value] for (key, call), value in state.memo.items() if mask(value) == value]
