"""Errors for words that several plugins offer, or that are not to be had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nika_core import codes
from nika_core.errors import PluginError
from nika_core.registry.policy import same_distribution
from nika_core.registry.scan import PluginRecord


def reserved_word(records: Sequence[PluginRecord]) -> PluginError:
    """Return the error for a word of the kernel itself, which is a plugin's only if the project says so."""
    first = records[0]
    names = " and ".join(record.origin for record in records)
    return PluginError(
        codes.PLUGIN_CONFLICT,
        f"the {first.kind.value.title} '{first.word}' of Nika itself is offered by {names}, too",
        hint=f"to use another one: plugins: {{prefer: {{{first.id}: {first.distribution}}}}} in nika.yaml",
    )


def preferred_in_vain(
    records: Sequence[PluginRecord], preferred: str, where: str, blocked: Mapping[PluginRecord, str]
) -> PluginError:
    """Return the error for a preferred distribution that cannot have the word.

    To use another one in its place would do what the project does not want, and say nothing.

    Args:
        records: those that offer the word and may be used.
        where: the file that prefers it.
        blocked: the plugins that may not be used, with the reason.
    """
    first = records[0]
    name = first.kind.value.title
    others = " and ".join(record.origin for record in records)
    why = "does not offer it"
    for record, reason in blocked.items():
        if record.id == first.id and same_distribution(record.distribution, preferred):
            why = f"may not be used: {reason}"
    return PluginError(
        codes.PLUGIN_CONFLICT,
        f"the {name} '{first.word}' is to be that of '{preferred}' (plugins.prefer in {where}), which {why}; "
        f"it is offered by {others}",
        hint=f"install {preferred}, correct its name, or write plugins: "
        f"{{prefer: {{{first.id}: {first.distribution}}}}} in {where}",
    )
