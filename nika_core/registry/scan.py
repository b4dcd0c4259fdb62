"""Which plugins are installed: one look at the metadata of all distributions, no plugin imported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from nika_core.registry.metadata import Distribution, entry_points_in, installed

DISTRIBUTION: Final = "nika-workflows"  # what people install: it requires the kernel and every built-in plugin


class Kind(StrEnum):
    """What a plugin may bring; the value is the entry-point group's name after `nika.`."""

    KEYWORD = "keywords"
    PROVIDER = "providers"
    TEMPLATE_SOURCE = "template_sources"
    LIMIT_POLICY = "limit_policies"

    @property
    def group(self) -> str:
        """The entry-point group."""
        return f"nika.{self.value}"


_KINDS = {kind.group: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """A distribution offers a word. `module` is the entry point's value, not imported yet."""

    kind: Kind
    word: str
    module: str
    distribution: str
    version: str
    plugin: object = field(default=None, compare=False, repr=False)  # passed by a program in place of `module`

    @property
    def id(self) -> str:
        """As allow and block lists name it: `keywords:shell`."""
        return f"{self.kind.value}:{self.word}"

    @property
    def origin(self) -> str:
        """Distribution and version, for people."""
        return f"{self.distribution} {self.version}"


def scan(distributions: Iterable[Distribution] | None = None) -> tuple[PluginRecord, ...]:
    """All offers of all installed distributions, sorted; a distribution found twice counts where it comes first."""
    found: list[PluginRecord] = []
    seen: set[str] = set()
    for name, version, points in entry_points_in(_KINDS, installed() if distributions is None else distributions):
        key = name.lower().replace("_", "-").replace(".", "-")
        if key in seen:
            continue
        seen.add(key)
        found.extend(PluginRecord(_KINDS[point.group], point.name, point.value, name, version) for point in points)
    return tuple(sorted(found, key=lambda record: (record.kind, record.word, record.distribution)))


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
