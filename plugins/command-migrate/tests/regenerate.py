"""Writes the goldens anew: `python plugins/command-migrate/tests/regenerate.py`. Read the diff."""

from __future__ import annotations

from pathlib import Path

from nika_command_migrate.findings import MigrationContext
from nika_command_migrate.migrate import Migration, Status, migrate_text

HERE = Path(__file__).parent
V4, V5 = HERE / "v4", HERE / "v5"


def migrated(path: Path) -> Migration:
    """A file of v4 on a machine without Node, and without a .mcp.json beside it."""
    return migrate_text(path.read_bytes().decode(), path.name, MigrationContext(node=False))


def told(migration: Migration) -> str:
    """Status and notes, one a line."""
    notes = [
        f"{note.line}:{note.column} {note.severity.value}: {note.message} [{note.hint}]" for note in migration.notes
    ]
    return "\n".join([migration.status.value, *notes]).replace("\r", "") + "\n"


if __name__ == "__main__":
    V5.mkdir(exist_ok=True)
    for source in sorted(V4.glob("*.nika.yaml")):
        migration = migrated(source)
        if migration.status is Status.MIGRATED:
            (V5 / source.name).write_bytes(migration.text.encode())
        (V5 / source.name.replace(".nika.yaml", ".notes")).write_text(told(migration))
