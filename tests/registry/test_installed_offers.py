"""What is installed is looked for again only where something has changed since, and then it is seen."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from nika_core.registry import installed_offers as looked_up
from nika_core.registry.scan import scan

GROUP = "nika.keywords"


def install(folder: Path, word: str) -> None:
    info = folder / f"acme_{word}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-{word}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{word} = acme_{word}\n", encoding="utf-8")


def settle(folder: Path, *, ago: float = 60.0) -> None:
    """Let all of a folder have last changed some time ago."""
    at = time.time() - ago
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (at, at))


def words() -> set[str]:
    return {record.word for record in scan() if record.distribution.startswith("acme-")}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    install(folder, "first")
    settle(folder)
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    return folder


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders whose distributions were looked at."""
    folders: list[str] = []
    real = looked_up.in_folder
    monkeypatch.setattr(looked_up, "in_folder", lambda path: [folders.append(path), real(path)][1])
    return folders


def test_a_folder_that_has_not_changed_is_read_once(site: Path, read: list[str]) -> None:
    assert words() == words() == {"first"}
    assert read.count(str(site)) == 1


def test_a_folder_that_changed_just_now_is_read_again(site: Path, read: list[str]) -> None:
    os.utime(site)
    assert words() == words() == {"first"}
    assert read.count(str(site)) == 2


def test_what_is_installed_and_removed_later_is_seen(site: Path) -> None:
    assert words() == {"first"}
    install(site, "second")
    assert words() == {"first", "second"}
    settle(site)
    assert words() == {"first", "second"}
    shutil.rmtree(site / "acme_first-1.0.dist-info")
    settle(site, ago=30.0)
    assert words() == {"second"}


def test_a_plugin_whose_own_metadata_changed_is_read_again(site: Path) -> None:
    assert words() == {"first"}
    (site / "acme_first-1.0.dist-info" / "entry_points.txt").write_text(f"[{GROUP}]\nother = acme\n", encoding="utf-8")
    settle(site)
    os.utime(site / "acme_first-1.0.dist-info" / "entry_points.txt")
    assert words() == {"other"}
