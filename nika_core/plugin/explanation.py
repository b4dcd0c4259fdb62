"""What `nika explain CODE` prints."""

from __future__ import annotations

from nika_core.values import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """A code, what it means, an example that causes it, and how to fix it.

    Attributes:
        code: `NIKA-nnn`, or a prefix of the plugin's own and three digits (`ACME-001`).
        title: a few words.
        meaning: what is wrong, in one to three sentences.
        example: the part of a workflow, or the command, that causes it.
        fix: what to do.
    """

    code: str
    title: str
    meaning: str
    example: str
    fix: str
