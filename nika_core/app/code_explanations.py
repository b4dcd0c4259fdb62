"""What codes mean: those of the kernel, and those that the plugins of keywords explain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from nika_core.errors import PluginError

if TYPE_CHECKING:
    from nika_core.plugin import Explanation
    from nika_core.registry import Registry


def explanations_of(registry: Registry) -> Iterator[Explanation]:
    """Yield Nika's own, then those of keywords, which are imported as they are needed; a broken one explains nothing.

    Keywords that come with Nika go first.
    """
    from nika_core.explanations import EXPLANATIONS

    yield from EXPLANATIONS.values()
    for word in (*registry.keyword_words(built_in=True), *registry.keyword_words(built_in=False)):
        with suppress(PluginError):  # `nika plugins check` says why
            yield from registry.keyword(word).explanations
