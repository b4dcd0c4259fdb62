"""Workflow files of v4 -> v5, on the text: only what must change changes."""

from nika_command_migrate.files import FileResult, migrate_paths, unified_diff
from nika_command_migrate.findings import Surroundings
from nika_command_migrate.migrate import Migration, Status, migrate_text
from nika_command_migrate.notes import Note

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
