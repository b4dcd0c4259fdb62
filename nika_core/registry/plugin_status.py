"""What is known of an offer: whether it can be used, and why not."""

from __future__ import annotations

from nika_core.registry.scan import PluginRecord
from nika_core.values import dataclass


@dataclass(frozen=True, slots=True)
class PluginStatus:
    """An offer and its status.

    `status`: available, blocked, conflict (no plugin gets the word), shadowed (another distribution has it), broken.
    `seconds` that importing took and `notes`, what else its users should know, are found by `nika plugins check`.
    """

    record: PluginRecord
    status: str
    why: str = ""
    hint: str = ""
    seconds: float | None = None
    notes: tuple[str, ...] = ()
