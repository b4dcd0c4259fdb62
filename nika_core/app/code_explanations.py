"""What codes mean: those of the kernel, and those that the plugins of keywords explain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from nika_core.errors import PluginError

if TYPE_CHECKING:
    from nika_core.app.workspace import Workspace
    from nika_core.plugin import Explanation


def explanations_of(workspace: Workspace) -> Iterator[Explanation]:
    """Yield Nika's own, then those of keywords, which are imported as they are needed; a broken one explains nothing.

    Keywords that come with Nika go first. Plugins are looked at, and `nika.lock` is, only after Nika's own.
    """
    from nika_core.explanations import EXPLANATIONS

    yield from EXPLANATIONS.values()
    registry = workspace.registry
    for word in (*registry.keyword_words(built_in=True), *registry.keyword_words(built_in=False)):
        with suppress(PluginError):  # `nika plugins check` says why
            yield from registry.keyword(word).explanations
