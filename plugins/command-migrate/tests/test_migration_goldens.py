"""Real-looking workflows of v4, and what a reviewer approved of in v5. `regenerate.py` writes the goldens."""

from __future__ import annotations

from pathlib import Path

import pytest
from nika_command_migrate.migrate import Status, migrate_text

from nika_core.document import load_workflow
from nika_core.errors import Severity

from .regenerate import V4, V5, migrated, told
from .seven_keywords import NO_LIMITS, SevenKeywords

FILES = sorted(path.name for path in V4.glob("*.nika.yaml"))
GOLDENS = sorted(path.name for path in V5.glob("*.nika.yaml"))


@pytest.mark.parametrize("name", FILES)
def test_notes_are_as_approved(name: str) -> None:
    expected = (V5 / name.replace(".nika.yaml", ".notes")).read_text("utf-8")
    assert told(migrated(V4 / name)) == expected


@pytest.mark.parametrize("name", FILES)
def test_the_text_is_as_approved(name: str) -> None:
    migration = migrated(V4 / name)
    golden = V5 / name
    expected = golden.read_bytes() if golden.exists() else (V4 / name).read_bytes()
    assert migration.text.encode() == expected
    assert golden.exists() == (migration.status is Status.MIGRATED)


@pytest.mark.parametrize("name", GOLDENS)
def test_a_golden_is_not_changed_again(name: str) -> None:
    text = (V5 / name).read_bytes().decode()
    again = migrate_text(text)
    assert (again.status, again.text) == (Status.UNCHANGED, text)


@pytest.mark.parametrize("name", GOLDENS)
def test_v5_takes_a_golden_exactly_when_there_is_no_error_among_its_notes(name: str) -> None:
    loaded = load_workflow(V5 / name, SevenKeywords(), NO_LIMITS)
    refused = [problem for problem in loaded.problems if problem.severity is Severity.ERROR]
    # Which servers there are is not known to this catalog.
    errors = [note for note in migrated(V4 / name).errors if "MCP server" not in note.message]
    assert bool(refused) == bool(errors), refused


def test_there_is_a_file_of_each_version_and_of_each_outcome() -> None:
    assert {Status(told(migrated(V4 / name)).partition("\n")[0]) for name in FILES} == set(Status) - {Status.UNREADABLE}
    assert {name.rsplit("-", 1)[-1].partition(".")[0] for name in FILES} >= {"45", "46", "47", "mixed"}
    assert all(Path(V4 / name).exists() for name in GOLDENS)
