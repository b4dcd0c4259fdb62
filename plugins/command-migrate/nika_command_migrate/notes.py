"""The notes of a migration: the place, the reason, and the fix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nika_command_migrate.source import Source
from nika_core.plugin import Severity, codes


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that its author should know. Lines and columns count from 1.

    An error is something that v5 refuses until it is fixed; a warning is something that v5 does differently.
    """

    line: int
    column: int
    severity: Severity
    message: str
    hint: str
    code: str = codes.MIGRATION

    def as_json(self) -> dict[str, Any]:
        """Return the JSON of `--format json`."""
        return {
            "line": self.line,
            "column": self.column,
            "severity": self.severity.value,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
        }


def note_at(source: Source, offset: int, severity: Severity, message: str, hint: str) -> Note:
    """Return a note at a character of the file."""
    offset = min(max(offset, 0), len(source.text))
    return Note(source.line_of(offset) + 1, source.column_of(offset) + 1, severity, message, hint)
