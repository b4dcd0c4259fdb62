"""Workflow files of v4 -> v5, on the text: only what must change changes."""

from nika_core.migration.files import FileResult, migrate_paths, unified_diff
from nika_core.migration.findings import Surroundings
from nika_core.migration.migrate import Migration, Status, migrate_text
from nika_core.migration.notes import Note

__all__ = [
    "FileResult",
    "Migration",
    "Note",
    "Status",
    "Surroundings",
    "migrate_paths",
    "migrate_text",
    "unified_diff",
]
