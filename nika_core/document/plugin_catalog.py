"""What the document needs to know of plugins, and no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from nika_core.document.yaml.deadline import ValidationDeadline
from nika_core.plugin import Facets, Keyword, Source


class Vocabulary(Protocol):
    """The words that plugins bring. A plugin is loaded when its word is asked for."""

    def words(self) -> Collection[str]:
        """Every keyword that is installed; loads nothing."""
        ...

    def keyword(self, word: str) -> Keyword:
        """The keyword's description. Raises PluginError."""
        ...

    def facets(self, word: str) -> Facets:
        """The keyword's facets. Raises PluginError."""
        ...

    def sections(self) -> Mapping[str, Any]:
        """The root keys of all keywords, each with its validator. Loads every plugin: asked only when one is needed."""
        ...

    def sources(self) -> Collection[str]:
        """Every template source that is installed; loads nothing."""
        ...

    def source(self, name: str) -> Source:
        """A template source. Raises PluginError."""
        ...

    def install_hint(self, word: str) -> str | None:
        """What to install for a keyword that nobody offers, where that is known."""
        ...


class TimedVocabulary:
    """The same words, as long as there is time: asking for a word raises OutOfTimeError at the deadline."""

    def __init__(self, vocabulary: Vocabulary, deadline: ValidationDeadline) -> None:
        self._check = deadline.check
        self._asked = 0
        self._vocabulary = vocabulary
        self.words = vocabulary.words
        self.keyword = vocabulary.keyword
        self.sections = vocabulary.sections
        self.install_hint = vocabulary.install_hint

    def facets(self, word: str) -> Facets:
        self._asked += 1
        if not self._asked & 7:  # asked for every task, and a task takes microseconds
            self._check()
        return self._vocabulary.facets(word)

    def sources(self) -> Collection[str]:
        self._check()
        return self._vocabulary.sources()

    def source(self, name: str) -> Source:
        self._check()
        return self._vocabulary.source(name)
