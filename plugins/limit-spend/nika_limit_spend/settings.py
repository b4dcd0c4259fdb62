"""What the variables say: budgets, whose they are, when a day begins, and where the accounts are."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from datetime import datetime, timezone, tzinfo
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Final, NamedTuple

from nika_core.plugin import Limit, Unit, UsageError, codes

TEAM_BUDGET: Final = "NIKA_MAX_COST_DAY"
USER_BUDGET: Final = "NIKA_MAX_COST_USER_DAY"
TEAM: Final = "NIKA_SPEND_TEAM"
ZONE: Final = "NIKA_SPEND_ZONE"
DATABASE: Final = "NIKA_SPEND_DATABASE"
TEAM_DAY: Final = "spend.team.day"
USER_DAY: Final = "spend.user.day"
PURPOSES: Final[Mapping[str, str]] = {
    TEAM_DAY: "cost of a team's runs in a day",
    USER_DAY: "cost of a user's runs in a day",
}
BUDGETS: Final[Mapping[str, str]] = {TEAM_DAY: TEAM_BUDGET, USER_DAY: USER_BUDGET}

_AMOUNT: Final = re.compile(r"\$?([0-9]{1,15}(?:\.[0-9]{1,15})?)\Z")
_NANO: Final = Decimal(10**9)


def budget(measure: str, environ: Mapping[str, str]) -> Limit:
    """Return a budget in US dollars; infinite without its variable, or if it is `none`. Raise UsageError."""
    name, purpose = BUDGETS[measure], PURPOSES[measure]
    text = environ.get(name)
    if text is None or text.strip() == "none":
        return Limit(measure, math.inf, Unit.USD, name, "default" if text is None else "environment", purpose=purpose)
    match = _AMOUNT.match(text.strip())
    if match is None:
        shown = text if len(text) <= 60 else f"{text[:57]}..."
        raise UsageError(
            f"The variable {name} is {shown!r}: expected an amount in US dollars such as 50 or 2.50.",
            code=codes.BAD_LIMIT,
            hint=f"Set {name} to an amount, or unset it to have no budget.",
        )
    return Limit(measure, float(match[1]), Unit.USD, name, "environment", purpose=purpose)


def nano(usd: Decimal | float) -> int:
    """Return US dollars in billionths, rounded up."""
    amount = usd if isinstance(usd, Decimal) else Decimal(repr(usd))
    return int((amount * _NANO).to_integral_value(ROUND_CEILING))


class Place(NamedTuple):
    """Where a run is accounted: `team` ("" without one), the `zone` of its days, the `database`."""

    team: str
    zone: tzinfo
    database: Path

    def day(self, time: float) -> str:
        """Return the day of a time in seconds since the epoch, e.g. `2026-11-26`."""
        return datetime.fromtimestamp(time, self.zone).date().isoformat()


def place(environ: Mapping[str, str]) -> Place:
    """Return where the runs of an environment are accounted. Raise UsageError for a malformed variable."""
    return Place(environ.get(TEAM, "").strip(), _zone(environ.get(ZONE, "")), _database(environ))


def _zone(name: str) -> tzinfo:
    if not name or name.upper() == "UTC":
        return timezone.utc  # noqa: UP017  # `datetime.UTC` is the same, and mypy's name for it differs between versions
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise UsageError(
            f"The variable {ZONE} is {name[:60]!r}: there is no such time zone on this machine.",
            code=codes.BAD_LIMIT,
            hint=f"Set {ZONE} to a name such as Europe/Berlin, or unset it: then days begin at midnight UTC.",
        ) from None


def _database(environ: Mapping[str, str]) -> Path:
    named = environ.get(DATABASE, "")
    if "***" in named or "\0" in named or (named and not os.path.isabs(named)):  # noqa: PTH117  # of a text that may be no path
        raise UsageError(
            f"The variable {DATABASE} is {named[:60]!r}: expected an absolute path without a secret in it.",
            code=codes.BAD_LIMIT,
            hint=f"Set {DATABASE} to a path such as /var/lib/nika/spend.db.",
        )
    if named:
        return Path(named)
    state = environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(state):  # noqa: PTH117  # "" is not a path
        return Path(state, "nika", "spend.db")
    return Path(os.path.expanduser("~"), ".local", "state", "nika", "spend.db")  # noqa: PTH111  # `Path.home` may raise
