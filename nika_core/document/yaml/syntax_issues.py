"""What is wrong with a document's syntax, by offset; it becomes a `Problem` with a place at the end."""

from __future__ import annotations

from nika_core.errors import Severity
from nika_core.values import dataclass

MAX_ISSUES = 100  # of one file: enough to fix before the next validation


@dataclass(frozen=True, slots=True)
class SyntaxIssue:
    """A problem at a character's offset."""

    code: str
    message: str
    start: int
    end: int | None = None
    hint: str | None = None
    severity: Severity = Severity.ERROR
