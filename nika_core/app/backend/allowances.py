"""The budget of a run on a backend: works take allowances out of it, and their reports give back what is left.

Pure: the same requests in the same order give the same allowances. What all works together may spend is never more
than the budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from nika_core.engine.core.messages import InnerBudget
from nika_core.engine.llm.ledger import MAX_BUDGET, SpendingLimits
from nika_core.model.json import JsonObject
from nika_core.model.usage import NOTHING, Usage
from nika_core.values import dataclass

_USD: Final = ""  # the account of the whole run
_SHARE: Final = 4  # of what is left, at most one part for a work that has not said what it needs


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a work waits for; `usd` and `tokens` None: it has not said what it needs."""

    id: str
    accounts: tuple[str, ...]
    usd: Decimal | None
    tokens: int | None


class Allowances:
    """One for each run. Amounts in US dollars and tokens."""

    def __init__(self, bounds: SpendingLimits) -> None:
        self._bounds = bounds
        self._usd: dict[str, Decimal] = {}
        if bounds.run_cost is not None:
            self._usd[_USD] = Decimal(bounds.run_cost.value)
        self._tokens = None if bounds.run_tokens is None else int(bounds.run_tokens.value)
        self._out: dict[str, tuple[tuple[str, ...], Decimal, int]] = {}
        self._held: set[str] = set()  # of those that are out, what is held for works that go on later
        self._wishes: list[_Wish] = []

    def ask(self, id_: str, budgets: Sequence[InnerBudget] = (), needs: JsonObject | None = None) -> None:
        """Put a work into the queue for an allowance.

        Args:
            budgets: those of the workflows that it is inside of.
            needs: what its next call may take at most, as it has said; None: it has not.
        """
        for budget in budgets:
            self._usd.setdefault(budget.account, Decimal(repr(budget.usd)))
        accounts = tuple(name for name in (_USD, *(budget.account for budget in budgets)) if name in self._usd)
        usd = None if needs is None else Decimal(needs["usd"])
        self._wishes.append(_Wish(id_, accounts, usd, None if needs is None else int(needs["tokens"])))

    def charge(self, usages: Iterable[Usage]) -> None:
        """Count what the runs before this one have used: it is resumed within the same budget."""
        spent = sum(usages, NOTHING)
        if _USD in self._usd:
            self._usd[_USD] -= spent.cost_usd
        if self._tokens is not None:
            self._tokens -= spent.total_tokens

    def bounded(self, budgets: Iterable[InnerBudget] = ()) -> bool:
        """Return whether anything bounds a work inside these workflows."""
        return _USD in self._usd or self._tokens is not None or any(budgets)

    def grants(self) -> list[tuple[str, JsonObject]]:
        """Return the works that may go now, first come first served, each with its allowance."""
        granted = []
        while self._wishes and (allowance := self._allowance(self._wishes[0])) is not None:
            granted.append((self._wishes.pop(0).id, allowance))
        return granted

    def withdraw(self, id_: str) -> None:
        """Withdraw work that waits and is no longer wanted."""
        self._wishes = [wish for wish in self._wishes if wish.id != id_]

    def settle(self, id_: str, spent: JsonObject | None) -> None:
        """Take back what is left of an allowance.

        Args:
            spent: what the work took, or may have taken; None: nobody knows, and all of it counts.
        """
        if id_ not in self._out:
            return
        accounts, usd, tokens = self._out.pop(id_)
        self._held.discard(id_)
        if spent is None:
            return
        for name in accounts:
            self._usd[name] += usd - Decimal(spent["usd"])
        if self._tokens is not None:
            self._tokens += tokens - int(spent["tokens"])

    def hold(self, id_: str, spent: JsonObject, held: JsonObject) -> None:
        """Take back what is left of an allowance, but for what its calls hold, whose end is not known yet.

        Args:
            spent: what the work took, or may have taken.
            held: what the work needs again when it goes on.
        """
        if id_ not in self._out:
            return
        accounts, _, _ = self._out[id_]
        usd, tokens = Decimal(held["usd"]), int(held["tokens"])
        taken = {"usd": str(Decimal(spent["usd"]) + usd), "tokens": int(spent["tokens"]) + tokens}
        self.settle(id_, taken)
        self._out[id_] = (accounts, usd, tokens)
        self._held.add(id_)

    def again(self, id_: str) -> JsonObject | None:
        """Return what is held for a work as its allowance; None: nothing is."""
        if id_ not in self._held:
            return None
        self._held.remove(id_)
        accounts, usd, tokens = self._out[id_]
        return self._written(_Wish(id_, accounts, usd, tokens), usd, tokens, final=False)

    def _allowance(self, wish: _Wish) -> JsonObject | None:
        usd = min((self._usd[name] for name in wish.accounts), default=Decimal(0))
        usd, tokens = max(usd, Decimal(0)), max(self._tokens or 0, 0)
        fits = wish.usd is not None and wish.tokens is not None
        fits = fits and (not wish.accounts or wish.usd <= usd) and (self._tokens is None or wish.tokens <= tokens)  # type: ignore[operator]  # `fits` says they are there
        final = False
        if fits:
            assert wish.usd is not None
            assert wish.tokens is not None
            usd, tokens = wish.usd, wish.tokens
        elif wish.usd is None and (usd > 0 or not wish.accounts) and (tokens > 0 or self._tokens is None):
            share = max(_SHARE, len(self._wishes))  # in a long list all have the same, which mostly is enough
            usd, tokens = usd / share, tokens // share
        elif self._out:
            return None  # it may be given back
        else:
            final = True
        for name in wish.accounts:
            self._usd[name] -= usd
        if self._tokens is not None:
            self._tokens -= tokens
        self._out[wish.id] = (wish.accounts, usd, tokens)
        return self._written(wish, usd, tokens, final=final)

    def _written(self, wish: _Wish, usd: Decimal, tokens: int, *, final: bool) -> JsonObject:
        cost = self._bounds.run_cost.name if self._bounds.run_cost is not None else MAX_BUDGET
        run_tokens = self._bounds.run_tokens
        whole = Decimal(0) if self._bounds.run_cost is None else Decimal(self._bounds.run_cost.value)
        return {
            "usd": str(usd) if wish.accounts else None,
            "usdTotal": str(whole) if final and whole > usd else str(usd),
            "tokensTotal": int(run_tokens.value) if final and run_tokens is not None else tokens,
            "tokens": None if run_tokens is None else tokens,
            "usdName": cost,
            "tokensName": "" if run_tokens is None else run_tokens.name,
            "final": final,
        }

    def snapshot(self) -> JsonObject:
        """Return its state as JSON, as if what is out had never been taken: its works are started again."""
        usd, tokens = dict(self._usd), self._tokens
        for accounts, amount, count in (out for id_, out in self._out.items() if id_ not in self._held):
            for name in accounts:
                usd[name] += amount
            tokens = None if tokens is None else tokens + count
        held = {id_: [list(names), str(amount), count] for id_, (names, amount, count) in self._out.items()}
        return {
            "usd": {name: str(amount) for name, amount in usd.items()},
            "tokens": tokens,
            "held": {id_: held[id_] for id_ in sorted(self._held)},
        }

    def restore(self, data: Any) -> None:
        """Take over what `snapshot` returned."""
        self._usd = {name: Decimal(amount) for name, amount in data["usd"].items()}
        self._tokens = data["tokens"]
        for id_, (accounts, amount, count) in data["held"].items():
            self._out[id_] = (tuple(accounts), Decimal(amount), count)
            self._held.add(id_)
