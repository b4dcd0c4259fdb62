"""Which plugins are installed: one look at the metadata of all distributions, no plugin imported."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.registry.installed_offers import installed_offers
from nika_core.registry.kinds import BY_GROUP, Kind
from nika_core.registry.metadata import Distribution, offers_in
from nika_core.values import dataclass, field

DISTRIBUTION: Final = "nika-workflows"  # what people install: it requires the kernel and every built-in plugin


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """A distribution offers a word. `module` is the entry point's value, not imported yet.

    `id` is how allow and block lists name it: `keywords:shell`. If `fault` says why the metadata of its distribution
    cannot be read, it has no claim to the word.
    """

    kind: Kind
    word: str
    module: str
    distribution: str
    version: str
    plugin: object = field(default=None, compare=False, repr=False)  # passed by a program in place of `module`
    fault: str = field(default="", compare=False, repr=False)
    folder: str = field(default="", compare=False, repr=False)  # of the metadata that offers it
    id: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", f"{self.kind.value.id}:{self.word}")

    @property
    def origin(self) -> str:
        """Distribution and version, for people."""
        return f"{self.distribution} {self.version}"


def scan(distributions: Iterable[Distribution] | None = None) -> tuple[PluginRecord, ...]:
    """Return all plugins of all installed distributions, sorted."""
    found: list[PluginRecord] = []
    for offer in installed_offers(BY_GROUP) if distributions is None else offers_in(BY_GROUP, distributions):
        for point in offer.points:
            module = point.value.partition("[")[0].strip()  # what follows are extras, which pip installs
            kind = BY_GROUP[point.group]
            origin = (offer.name, offer.version, None, offer.fault, offer.folder)
            found.append(PluginRecord(kind, point.name, module, *origin))
    return tuple(sorted(found, key=lambda record: (record.id, record.distribution)))


def required_by(distribution: str) -> frozenset[str]:
    """Return the names (lower case, dashes) of the distributions that an installed one requires; empty without it."""
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
