"""Sections: the root keys of a workflow that keywords bring. They are names like words: nobody has one by chance.

A section of a keyword that comes with Nika is that keyword's. Keywords of one distribution may share a section; if two
distributions bring the same one, the project says whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol

from nika_core import codes
from nika_core.errors import PluginError
from nika_core.plugin import Keyword
from nika_core.registry.kinds import Kind
from nika_core.registry.policy import SECTIONS, same_distribution
from nika_core.registry.scan import PluginRecord


class KeywordCatalog(Protocol):
    """The keywords that may be used."""

    def keyword_words(self, *, built_in: bool) -> list[str]:
        """Return the keywords that come with Nika itself, or all others."""
        ...

    def keyword(self, word: str) -> Keyword:
        """Return the description of a keyword. Raise PluginError."""
        ...

    def record(self, kind: Kind, word: str) -> PluginRecord:
        """Return the record of a keyword's plugin. Raise PluginError."""
        ...


def id_of(name: str) -> str:
    """Return the section in `plugins: {prefer: ...}`."""
    return f"{SECTIONS}{name}"


def all_sections(catalog: KeywordCatalog) -> Mapping[str, Any]:
    """Return every section with its validator. Import all keyword plugins."""
    found: dict[str, Any] = {}
    for built_in in (False, True):
        for keyword in _loaded(catalog, catalog.keyword_words(built_in=built_in)):
            found.update(keyword.sections)
    return found


def find_section(catalog: KeywordCatalog, name: str, preferred: str | None = None) -> Any:
    """Return the validator of a section; None if no keyword brings it. Import Nika's own plugins first.

    Args:
        preferred: the distribution whose section it is to be.

    Raises:
        PluginError: several distributions bring it, or not the preferred one.
    """
    owners: dict[str, tuple[PluginRecord, Any]] = {}
    for built_in in (True, False):
        for keyword in _loaded(catalog, catalog.keyword_words(built_in=built_in)):
            if name in keyword.sections:
                record = catalog.record(Kind.KEYWORD, keyword.name)
                owners.setdefault(record.distribution, (record, keyword.sections[name]))
        if owners and preferred is None:
            break
    if not owners:
        return None
    chosen = owners
    if preferred is not None:
        chosen = {each: owner for each, owner in owners.items() if same_distribution(each, preferred)}
    if len(chosen) != 1:
        raise _conflict(name, [record for record, _ in owners.values()], preferred)
    return next(validator for _, validator in chosen.values())


def _loaded(catalog: KeywordCatalog, words: Iterable[str]) -> Iterator[Keyword]:
    for word in words:
        with suppress(PluginError):  # a broken plugin concerns only those who use its word
            yield catalog.keyword(word)


def _conflict(name: str, records: list[PluginRecord], preferred: str | None) -> PluginError:
    names = " and ".join(f"the keyword '{record.word}' ({record.origin})" for record in records)
    wanted = "" if preferred is None else f", and not by '{preferred}' (plugins.prefer)"
    return PluginError(
        codes.PLUGIN_CONFLICT,
        f"the section '{name}' is brought by {names}{wanted}",
        hint=f"say which one in nika.yaml: plugins: {{prefer: {{{id_of(name)}: {records[0].distribution}}}}}",
    )


def conflict_notes(sections: Mapping[PluginRecord, Iterable[str]]) -> dict[PluginRecord, list[str]]:
    """Return what to tell of plugins whose sections another distribution brings, too."""
    owners: dict[str, list[PluginRecord]] = {}
    for record, names in sections.items():
        for name in names:
            owners.setdefault(name, []).append(record)
    found: dict[PluginRecord, list[str]] = {}
    for name, records in owners.items():
        for record in records:
            others = [
                f"the keyword '{other.word}' ({other.origin})"
                for other in records
                if not same_distribution(other.distribution, record.distribution)
            ]
            if others:
                found.setdefault(record, []).append(f"its section '{name}' is brought by {' and '.join(others)}, too")
    return found
