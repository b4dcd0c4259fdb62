"""The policy: limits, and reasons to refuse. It never waits and does not depend on other policies."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final

from nika_core.plugin import Admission, Limit, LimitKind, Policy, Refusal, Stage, Unit, UsageError, codes

MODELS: Final = "{{cookiecutter.__variable}}_MODELS"
COST: Final = "{{cookiecutter.__variable}}_MAX_COST"
DEFAULT_COST: Final = 5.0  # US dollars


class {{cookiecutter.__class}}Policy(Policy):
    """`MODELS` is a comma-separated list of patterns (default: all models), `COST` is in US dollars per run."""

    def __init__(self) -> None:
        self._models = [name.strip() for name in os.environ.get(MODELS, "").split(",") if name.strip()]

    def limits(self, environ: Mapping[str, str]) -> Iterable[Limit]:
        """Return the limits; the smallest of all policies applies. Raises UsageError for a malformed variable."""
        text = environ.get(COST)
        origin = "default" if text is None else "environment"
        return [Limit(LimitKind.RUN_COST, DEFAULT_COST if text is None else _dollars(text), Unit.USD, COST, origin)]

    def admit(self, request: Admission) -> Refusal | None:
        """Refuse a call to a model that is not on the list."""
        if request.stage is not Stage.MODEL or not self._models:
            return None
        if any(fnmatchcase(request.model, pattern) for pattern in self._models):
            return None
        return Refusal(f"the model '{request.model}' may not be used here", f"allowed are: {', '.join(self._models)}")


def _dollars(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise UsageError(f"{COST} is {text!r}: expected an amount in US dollars such as 2.50", code=codes.BAD_LIMIT)
    return value
