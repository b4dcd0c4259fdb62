"""The policy: a call to a model is refused if the most that it may cost is more than what is left of today's budgets.

It fails closed: if the accounts cannot be read or written, nothing that costs money is called.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

from nika_core.plugin import Admission, Limit, Policy, Refusal, Spending, Stage, UsageError
from nika_limit_spend.accounts import Account, Accounts, ClockError, OpenAccounts, Short
from nika_limit_spend.settings import BUDGETS, DATABASE, TEAM_DAY, USER_DAY, Place, budget, nano, place

_AGAIN: Final = 0.25  # seconds after which a call asks again that other calls leave no room for
_UNLIMITED: Final = 2**62  # billionths of a US dollar
_STAGES: Final = (Stage.RUN, Stage.TASK, Stage.MODEL)


class SpendPolicy(Policy):
    """Keeps the budgets of `NIKA_MAX_COST_DAY` and `NIKA_MAX_COST_USER_DAY`."""

    def __init__(self) -> None:
        self._accounts = OpenAccounts()
        self._reserved: set[str] = set()  # calls of this process; those that cost nothing are not in it

    def limits(self, environ: Mapping[str, str]) -> Iterable[Limit]:
        """Return the budgets; infinite without a variable. Raise UsageError for a malformed one."""
        place(environ)
        return tuple(budget(measure, environ) for measure in BUDGETS)

    def stages(self, limits: Mapping[str, float]) -> Collection[Stage]:
        """Return none if there is no budget."""
        return _STAGES if any(math.isfinite(limits.get(measure, math.inf)) for measure in BUDGETS) else ()

    def admit(self, request: Admission) -> Refusal | None:
        """Refuse what costs more than is left today, and what nobody knows the price of."""
        if request.mocked or request.cost_usd == 0 or request.stage not in _STAGES or not self.stages(request.limits):
            return None
        if request.stage is Stage.RUN:
            return self._refused_run(request)
        if request.cost_usd is None or not request.cost_usd.is_finite():
            return _unpriced(request)
        try:
            where = place(request.environ)
            accounts = self._accounts.of(where.database)
            team, user = _accounts_of(request, where)
            today, amount = where.day(request.time), nano(request.cost_usd)
            short = accounts.reserve(request.call, today, team, user, amount, begun=request.stage is Stage.TASK)
        except (sqlite3.Error, OSError, ClockError, UsageError) as error:
            return _unusable(request.environ, error)
        if short is None:
            self._reserved.add(request.call)
            return None
        return _short_of(short, request.cost_usd)

    def _refused_run(self, request: Admission) -> Refusal | None:
        """Refuse a run of which not even the first call could be made."""
        try:
            where = place(request.environ)
            accounts, today = self._accounts.of(where.database), where.day(request.time)
            for account in _accounts_of(request, where):
                spent, reserved = accounts.spent(today, account.name)
                if spent >= account.limit:
                    return _short_of(Short(account, spent, reserved, may_fit=False), None)
        except (sqlite3.Error, OSError, ClockError, UsageError) as error:
            return _unusable(request.environ, error)
        return None

    def sending(self, request: Admission) -> None:
        """Count a call as spent from now on. Raise UsageError if it is no longer reserved."""
        if request.call not in self._reserved:
            return
        if not self._of(request.environ).sending(request.call):
            raise UsageError(
                f"{place(request.environ).database} no longer has what was reserved for this call",
                hint="something has removed or replaced the file; run it again",
            )

    def settle(self, spending: Spending) -> None:
        """Count what a call, or an attempt, has cost."""
        if spending.cost_usd <= 0 and not spending.recovered and spending.call not in self._reserved:
            return
        where = place(spending.environ)
        self._of(spending.environ).settle(
            spending.call,
            where.day(spending.time),
            f"team:{where.team}",
            f"user:{spending.user}",
            nano(max(Decimal(0), spending.cost_usd)),
            unknown=not spending.exact and spending.recovered,
        )
        self._reserved.discard(spending.call)

    def left(self, request: Admission) -> Mapping[str, float]:
        """Return what is left of today's budgets. Raise UsageError if the accounts cannot be read."""
        found = {}
        where = place(request.environ)
        for measure, account in zip((TEAM_DAY, USER_DAY), _accounts_of(request, where), strict=True):
            if account.limit < _UNLIMITED:
                spent = reserved = 0
                try:
                    if _is_there(where.database):
                        accounts = self._accounts.of(where.database)
                        spent, reserved = accounts.spent(where.day(request.time), account.name)
                except (sqlite3.Error, OSError, ClockError) as error:
                    refusal = _unusable(request.environ, error)
                    raise UsageError(refusal.reason, hint=refusal.hint) from error
                found[measure] = max(0, account.limit - spent - reserved) / 10**9
        return found

    def _of(self, environ: Mapping[str, str]) -> Accounts:
        return self._accounts.of(place(environ).database)


def _is_there(path: Path) -> bool:
    """Return whether anything has this name. Raise OSError if nobody may know: a budget is not whole then."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def _accounts_of(request: Admission, where: Place) -> tuple[Account, Account]:
    def limit(measure: str) -> int:
        amount = request.limits.get(measure, math.inf)
        return nano(amount) if math.isfinite(amount) else _UNLIMITED

    return Account(f"team:{where.team}", limit(TEAM_DAY)), Account(f"user:{request.user}", limit(USER_DAY))


def _unpriced(request: Admission) -> Refusal:
    what = f"the model '{request.model}'" if request.model else f"`{request.keyword}`"
    return Refusal(
        f"nobody knows what {what} may cost, and there is a budget for the day",
        "give the model's price under `prices:` in nika.yaml (`free: true` if it costs nothing), or use another one",
    )


def _short_of(short: Short, cost: Decimal | None) -> Refusal:
    kind, _, name = short.account.name.partition(":")
    whose = f"the {kind} '{name}'" if name else "today's runs"
    asked = "" if cost is None else f"a call may cost up to ${cost:f}, and "
    held = f", ${_usd(short.reserved)} of it held by calls in flight" if short.reserved else ""
    variable = BUDGETS[TEAM_DAY if kind == "team" else USER_DAY]
    return Refusal(
        f"{asked}{whose} may spend ${_usd(short.account.limit)} a day ({variable}): "
        f"${_usd(short.left)} is left today, ${_usd(short.spent + short.reserved)} is spent{held}",
        f"wait until tomorrow, or have {variable} raised; `nika limits` shows what is left",
        retry_after=_AGAIN if short.may_fit else None,
    )


def _usd(amount: int) -> str:
    text = f"{Decimal(amount) / 10**9:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _unusable(environ: Mapping[str, str], error: Exception) -> Refusal:
    if isinstance(error, UsageError):
        return Refusal(error.message, error.hint)
    where, why = place(environ).database, str(error)
    if isinstance(error, OSError):
        why = error.strerror or why
    hint = f"make {where} and its folder writable for the user that runs Nika, or name another file: {DATABASE}"
    if isinstance(error, ClockError):
        hint = f"set the clock right; if it was wrong before, remove {where}: what was spent is forgotten then"
    elif "locked" in why:
        hint = "another process holds it for long: find and end it, then run it again"
    elif "full" in why:
        hint = "free some space on its disk, then run it again"
    elif isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        hint = f"restore {where} from a copy, or move it away: what was spent today is forgotten then"
    reason = f"what was spent today cannot be read or written in {where} ({why}): nothing that costs money is called"
    return Refusal(reason, hint)
