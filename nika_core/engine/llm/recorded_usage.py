"""What a run has spent in its earlier lives, read from its events: a resumed run has the same budget, not a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nika_core.engine.core.ports import SENT
from nika_core.model.codec import usage_of
from nika_core.model.ids import identity_in
from nika_core.model.json import Json
from nika_core.model.usage import NOTHING, Usage

if TYPE_CHECKING:
    from nika_core.engine.llm.budget import Budget


def noted_by_task(call_cache: Mapping[tuple[str, str], Json]) -> dict[str, tuple[Usage, Usage]]:
    """Return by the identity of nodes what their calls took, and what they may have taken that nobody knows of."""
    found: dict[str, tuple[Usage, Usage]] = {}
    for (key, call), value in call_cache.items():
        if call.startswith(SENT) and isinstance(value, dict):
            account = identity_in(key)
            told, unknown = found.get(account, (NOTHING, NOTHING))
            found[account] = (told + usage_of(value["told"]), unknown + usage_of(value["unknown"]))
    return found


def charge_earlier(
    budget: Budget, told: Mapping[str, Usage], call_cache: Mapping[tuple[str, str], Json] | None = None
) -> None:
    """Count in `budget` what the run has spent before, by its events (`usage_by_task`), and may have spent.

    Notes and events tell of the same calls: notes are exact even when the run was killed between a reply and its
    event, events know what was paid other than for models. Of both the larger counts.
    """
    noted = noted_by_task(call_cache or {})
    for task in told.keys() | noted.keys():
        by_events, (by_notes, unknown) = told.get(task, NOTHING), noted.get(task, (NOTHING, NOTHING))
        tokens = max(by_events.total_tokens, by_notes.total_tokens)
        budget.charge(task, tokens, max(by_events.cost_usd, by_notes.cost_usd))
        if unknown != NOTHING:
            budget.charge(task, unknown.total_tokens, unknown.cost_usd, unknown=True)
