"""Fixtures for pytest, there wherever Nika is installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["nika_trust"]


@pytest.fixture
def nika_trust(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Return a function that lets the project files in a folder, and in those below it, widen things in this test."""

    def trust(folder: Path) -> None:
        folders = [*filter(None, os.environ.get("NIKA_TRUST", "").split(os.pathsep)), str(folder)]
        monkeypatch.setenv("NIKA_TRUST", os.pathsep.join(folders))

    return trust
