from __future__ import annotations

from pathlib import Path

import pytest

from nika_core.errors import UsageError
from nika_core.scaffold import make_project

FILES = {"hello.nika.yaml": "tasks: []"}
MAIN = "hello.nika.yaml"
FIRST = ["nika.yaml", MAIN, ".gitignore"]


def test_without_a_schema_nothing_is_made_for_editors(tmp_path: Path) -> None:
    assert [made.path.name for made in make_project(tmp_path / "deep" / "new", FILES, MAIN)] == FIRST
    assert sorted(path.name for path in (tmp_path / "deep" / "new").iterdir()) == sorted(FIRST)


def test_a_second_time_everything_is_kept(tmp_path: Path) -> None:
    make_project(tmp_path, FILES, MAIN, {"type": "object"})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = make_project(tmp_path, FILES, MAIN, {"type": "array"})
    assert all(made.kept for made in again)
    assert {path: path.read_bytes() for path in before} == before


def test_a_link_that_leads_nowhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "nika.yaml").symlink_to(tmp_path / "elsewhere")
    assert make_project(tmp_path, FILES, MAIN)[0].kept
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_where_a_folder_is_needed_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / ".vscode").write_text("")
    with pytest.raises(UsageError) as raised:
        make_project(tmp_path, FILES, MAIN, {})
    assert ".vscode" in raised.value.message
    assert raised.value.hint
