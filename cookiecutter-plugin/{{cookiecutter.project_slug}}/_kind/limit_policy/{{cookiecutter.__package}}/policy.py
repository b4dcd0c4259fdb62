"""The policy: limits, reasons to refuse, and accounts. It never waits and does not depend on other policies."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final

from nika_core.plugin import Admission, Limit, LimitKind, Policy, Refusal, Spending, Stage, Unit, UsageError, codes

MODELS: Final = "{{cookiecutter.__variable}}_MODELS"
COST: Final = "{{cookiecutter.__variable}}_MAX_COST"
DEFAULT_COST: Final = 5.0  # US dollars
TOTAL: Final = "{{cookiecutter.__variable}}_MAX_TOTAL"
TOTAL_MEASURE: Final = "{{cookiecutter.word}}.total"  # by which the kernel hands the smallest limit back


class {{cookiecutter.__class}}Policy(Policy):
    """Keeps the limits that three variables set.

    `MODELS` is a comma-separated list of patterns (default: all models), `COST` is in US dollars per run, `TOTAL` in US
    dollars for all runs of one process (default: no limit).
    """

    def __init__(self) -> None:
        self._models = [name.strip() for name in os.environ.get(MODELS, "").split(",") if name.strip()]
        self._costs: dict[str, Decimal] = {}  # of each call: the most that it may cost, then what it has cost
        self._lock = threading.Lock()  # each run asks in a thread of its own

    def limits(self, environ: Mapping[str, str]) -> Iterable[Limit]:
        """Return the limits; the smallest of all policies applies. Raises UsageError for a malformed variable."""
        return [
            _limit(LimitKind.RUN_COST, COST, DEFAULT_COST, environ),
            _limit(TOTAL_MEASURE, TOTAL, math.inf, environ, "cost of all runs of one process"),
        ]

    def admit(self, request: Admission) -> Refusal | None:
        """Refuse a call to a model that is not on the list, and what may cost more than is left of the total."""
        if request.stage is Stage.MODEL and not self._allows(request.model):
            allowed = ", ".join(self._models)
            return Refusal(f"the model '{request.model}' may not be used here", f"allowed are: {allowed}")
        total = request.limits.get(TOTAL_MEASURE, math.inf)
        if request.stage in (Stage.MODEL, Stage.TASK) and math.isfinite(total):
            return self._reserve(request, Decimal(str(total)))
        return None

    def _allows(self, model: str) -> bool:
        return not self._models or any(fnmatchcase(model, pattern) for pattern in self._models)

    def _reserve(self, request: Admission, total: Decimal) -> Refusal | None:
        """Reserve the most that a call may cost until `settle` says what it has cost."""
        if request.cost_usd is None:
            return Refusal("nobody knows what this may cost", "give the model's price under `prices:` in nika.yaml")
        with self._lock:
            spent = sum((cost for call, cost in self._costs.items() if call != request.call), Decimal(0))
            if spent + request.cost_usd > total:
                return Refusal(
                    f"it may cost ${request.cost_usd:f}, and ${max(Decimal(0), total - spent):f} of ${total:f} is left",
                    f"raise {TOTAL}",
                )
            self._costs[request.call] = request.cost_usd
        return None

    def settle(self, spending: Spending) -> None:
        """Note what a call has cost. A call that is told again, under the same name, counts once."""
        with self._lock:
            self._costs[spending.call] = spending.cost_usd


def _limit(measure: str, name: str, default: float, environ: Mapping[str, str], purpose: str = "") -> Limit:
    text = environ.get(name)
    origin = "default" if text is None else "environment"
    return Limit(measure, default if text is None else _dollars(name, text), Unit.USD, name, origin, purpose=purpose)


def _dollars(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < math.inf:
        raise UsageError(f"{name} is {text!r}: expected an amount in US dollars such as 2.50", code=codes.BAD_LIMIT)
    return value
