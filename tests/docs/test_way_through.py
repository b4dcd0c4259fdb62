"""The pages between the ten steps and production: what they run with the mock prints what they show."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..environments import ROOT
from .pages import Session

GUIDE = ROOT / "docs" / "guide"


def test_a_workflow_goes_from_the_mock_to_a_recording_as_the_pages_show_it(tmp_path: Path) -> None:
    environ = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(tmp_path),
        "NO_COLOR": "1",
        "LANG": "C.UTF-8",
    }
    session = Session(tmp_path, environ)

    session.follow(GUIDE / "real-model.md")
    session.follow(GUIDE / "in-ci.md")
