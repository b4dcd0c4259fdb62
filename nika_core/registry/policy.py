"""Which of the installed plugins may be loaded: allow and block lists, and `prefer` for a word that several offer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Final

from nika_core.registry.scan import PluginRecord
from nika_core.values import dataclass, field

SECTIONS: Final = "sections:"  # in `prefer`, for a root key that keywords bring


@dataclass(frozen=True, slots=True)
class Unmatched:
    """An entry that matches nothing that is installed: often a typing mistake.

    `list` is allow, block or prefer; `where` is the place of the list; `entry` is the text of the entry.
    """

    list: str
    where: str
    entry: str


@dataclass(frozen=True, slots=True)
class PluginPolicy:
    """Applied before anything is imported.

    Attributes:
        allow: lists of patterns, each with its place; an offer must match every list.
        block: the same; an offer must not match any of them.
        prefer: `kind:word` (`sections:name` for a root key) -> the distribution that may take it.
        implied: by the place of an allow list, patterns that it need not name.
        prefer_where: the place of `prefer`.
    """

    allow: tuple[tuple[str, tuple[str, ...]], ...] = ()
    block: tuple[tuple[str, tuple[str, ...]], ...] = ()
    prefer: Mapping[str, str] = field(default_factory=dict)
    implied: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prefer_where: str = "nika.yaml"

    def why_blocked(self, record: PluginRecord) -> str | None:
        """Return one sentence that names the list; None if it may be loaded."""
        for where, patterns in self.block:
            for pattern in patterns:
                if _matches(pattern, record):
                    return f"blocked by '{pattern}' in {where}"
        for where, patterns in self.allow:
            if not any(_matches(pattern, record) for pattern in (*patterns, *self.implied.get(where, ()))):
                if patterns:
                    return f"not in the allow list of {where}"
                name = where if where.isupper() else f"plugins.allow of {where}"  # a variable, or a file
                return f"{name} is set and empty: it allows nothing"
        return None

    def blocked(self, records: Collection[PluginRecord]) -> dict[PluginRecord, str]:
        """Return those that may not be loaded, with the sentence that says why."""
        if not self.allow and not self.block:
            return {}
        return {record: why for record in records if (why := self.why_blocked(record)) is not None}

    def unmatched(self, records: Collection[PluginRecord]) -> list[Unmatched]:
        """Entries that match nothing of what is installed."""
        found: list[Unmatched] = []
        for name, lists in (("allow", self.allow), ("block", self.block)):
            for where, patterns in lists:
                vain = (one for one in patterns if not any(_matches(one, record) for record in records))
                found += [Unmatched(name, where, pattern) for pattern in vain]
        for word, distribution in self.prefer.items():
            if not word.startswith(SECTIONS) and not any(
                record.id == word and same_distribution(record.distribution, distribution) for record in records
            ):
                found.append(Unmatched("prefer", self.prefer_where, f"{word}: {distribution}"))
        return found


def _matches(pattern: str, record: PluginRecord) -> bool:
    name = record.id if ":" in pattern else _normal(record.distribution)
    return fnmatchcase(name, pattern if ":" in pattern else _normal(pattern))


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def same_distribution(one: str, other: str) -> bool:
    """Return whether two names mean the same distribution (case, `-`, `_` and `.` do not count)."""
    return _normal(one) == _normal(other)


def patterns_of(text: str) -> tuple[str, ...]:
    """Return the patterns of a comma-separated list, as the environment variables have it."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
