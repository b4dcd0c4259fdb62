"""The tutorial, followed by somebody who does nothing else than what it says."""

from __future__ import annotations

from pathlib import Path

from ..environments import ROOT
from .pages import Session, offline

PAGE = ROOT / "docs" / "plugins" / "tutorial.md"


def test_who_does_what_the_tutorial_says_has_a_keyword_that_works_and_a_wheel_of_it(
    wheelhouse: Path, libraries: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()

    Session(work, offline(wheelhouse, libraries, tmp_path / "home")).follow(PAGE)
