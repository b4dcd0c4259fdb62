"""Which plugins there are, and what they bring, without importing one before it is used.

Listing what is installed needs neither the interface nor the loader: `Registry` is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nika_core.registry.kinds import Kind
from nika_core.registry.policy import PluginPolicy, Unmatched, patterns_of
from nika_core.registry.scan import PluginRecord, scan

if TYPE_CHECKING:
    from nika_core.registry.plugin_status import PluginStatus
    from nika_core.registry.registry import Registry

__all__ = ["Kind", "PluginPolicy", "PluginRecord", "PluginStatus", "Registry", "Unmatched", "patterns_of", "scan"]


if not TYPE_CHECKING:  # a type checker that sees it takes every misspelt name for right

    def __getattr__(name: str) -> object:
        if name not in {"PluginStatus", "Registry"}:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from nika_core.registry import registry

        return getattr(registry, name)
