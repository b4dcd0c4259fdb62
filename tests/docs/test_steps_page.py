"""The guide's ten steps: each runs, and prints what the page shows."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..environments import ROOT
from .pages import Session

PAGE = ROOT / "docs" / "guide" / "steps.md"


def test_every_step_prints_what_the_page_shows(tmp_path: Path) -> None:
    environ = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(tmp_path),
        "NO_COLOR": "1",
        "LANG": "C.UTF-8",
    }

    Session(tmp_path, environ).follow(PAGE)
