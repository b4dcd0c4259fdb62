"""Which plugins are installed: one look at the metadata of all distributions, no plugin imported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nika_core.registry.kinds import BY_GROUP, Kind
from nika_core.registry.metadata import Distribution, installed


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """A distribution offers a word. `module` is the entry point's value, not imported yet."""

    kind: Kind
    word: str
    module: str
    distribution: str
    version: str

    @property
    def id(self) -> str:
        """As allow and block lists name it: `keywords:shell`."""
        return f"{self.kind.id}:{self.word}"

    @property
    def origin(self) -> str:
        """Distribution and version, for people."""
        return f"{self.distribution} {self.version}"


def scan(distributions: Iterable[Distribution] | None = None) -> tuple[PluginRecord, ...]:
    """All offers of all installed distributions, sorted; a distribution found twice counts where it comes first."""
    found: list[PluginRecord] = []
    seen: set[str] = set()
    for distribution in installed() if distributions is None else distributions:
        text = distribution.read_text("entry_points.txt")
        if not text or "nika." not in text:
            continue
        try:
            points = [point for point in distribution.entry_points if point.group in BY_GROUP]
            name, version = distribution.name, distribution.version
        except Exception:  # noqa: S112  # unreadable metadata is another installer's matter; it offers nothing
            continue
        key = name.lower().replace("_", "-").replace(".", "-")
        if not points or key in seen:
            continue
        seen.add(key)
        found.extend(PluginRecord(BY_GROUP[point.group], point.name, point.value, name, version) for point in points)
    return tuple(sorted(found, key=lambda record: (record.kind.id, record.word, record.distribution)))


def required_by(distribution: str) -> frozenset[str]:
    """Names (lower case, dashes) of the distributions that an installed one requires; empty where it is not there."""
    import importlib_metadata

    try:
        requires = importlib_metadata.requires(distribution) or []
    except importlib_metadata.PackageNotFoundError:
        return frozenset()
    names = set()
    for requirement in requires:
        name = requirement.split(";")[0].split("[")[0]
        for operator in "<>=!~ (":
            name = name.split(operator)[0]
        names.add(name.strip().lower().replace("_", "-"))
    return frozenset(names)
