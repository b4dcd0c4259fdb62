"""What is known of an offer: whether it can be used, and why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from nika_core.errors import PluginError, UsageError
from nika_core.registry.kinds import Kind
from nika_core.registry.loading import metadata_error
from nika_core.registry.scan import PluginRecord
from nika_core.values import dataclass


@dataclass(frozen=True, slots=True)
class PluginStatus:
    """An offer and its status.

    `status`: available, blocked, conflict (no plugin gets the word), shadowed (another distribution has it), broken.
    `seconds` that importing took and `notes`, what else its users should know, are found by `nika plugins check`.
    """

    record: PluginRecord
    status: str
    why: str = ""
    hint: str = ""
    seconds: float | None = None
    notes: tuple[str, ...] = ()


def select_plugins(listed: Sequence[PluginStatus], names: Iterable[str]) -> list[PluginStatus]:
    """Return the offers with one of these names: a word, `kind:word` or a distribution. Without names, all.

    Raises UsageError if there is none with one of the names.
    """
    called = [(each, {each.record.word, each.record.id, each.record.distribution}) for each in listed]
    wanted = set(names)
    for name in sorted(wanted.difference(*(its_names for _, its_names in called))):
        known = ", ".join(sorted({each.record.word for each in listed}))
        raise UsageError(f"no installed plugin is called '{name}'", hint=f"there are: {known or 'none'}")
    return [each for each, its_names in called if not wanted or wanted & its_names]


def status_of(
    record: PluginRecord,
    blocked: Mapping[PluginRecord, str],
    winner_of: Callable[[Kind, str], PluginRecord],
    loaded: Mapping[PluginRecord, object],
) -> PluginStatus:
    """Return the status of an offer as far as it is known without importing anything.

    Args:
        blocked: why an offer may not be used.
        winner_of: returns the offer that has a word. Raises PluginError if none has.
        loaded: what importing an offer brought: a description or an error.
    """
    if record in blocked:
        return PluginStatus(record, "blocked", blocked[record])
    if record.fault:
        unreadable = metadata_error(record)
        return PluginStatus(record, "broken", unreadable.message, unreadable.hint or "")
    try:
        winner = winner_of(record.kind, record.word)
    except PluginError as error:
        return PluginStatus(record, "conflict", error.message, error.hint or "")
    if winner is not record:
        hint = f"to use this one: plugins: {{prefer: {{{record.id}: {record.distribution}}}}} in nika.yaml"
        return PluginStatus(record, "shadowed", f"{winner.origin} has the word", hint)
    failure = loaded.get(record)
    if isinstance(failure, PluginError):
        return PluginStatus(record, "broken", failure.message, failure.hint or "")
    return PluginStatus(record, "available")
