"""Which plugins there are, and what they bring, without importing one before it is used."""

from nika_core.registry.policy import PluginPolicy, Unmatched, patterns_of
from nika_core.registry.registry import PluginStatus, Registry
from nika_core.registry.scan import Kind, PluginRecord, scan

__all__ = ["Kind", "PluginPolicy", "PluginRecord", "PluginStatus", "Registry", "Unmatched", "patterns_of", "scan"]
