"""Checks of what stands under a plugin's key in the project file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nika_core.app.workspace import Workspace
from nika_core.document.reading.project_file import PROJECT
from nika_core.errors import ProblemsError
from nika_core.model.project import FILE_NAME
from nika_core.testing.errors import NotConformant, require

SETTINGS: Final = "settings"
_UNKNOWN: Final = "noSuchKeyOfAnybody"


def checked_settings(word: str, settings: Any, folder: Path) -> Any:
    """Return the settings of a sample as the plugin's validator returns them. The project is in `folder`.

    Raises:
        NotConformant: the plugin's own validator refuses them.
    """
    problems, checked = _checked(word, settings, folder)
    require(not problems, SETTINGS, f"it refuses the settings of its sample: {'; '.join(problems)}")
    return checked


def check_strict_settings(word: str, settings: Any) -> None:
    """Check that the settings of the sample are accepted, and an unknown key in them is a problem.

    Raises:
        NotConformant: with what is accepted or refused.
    """
    require(word not in PROJECT, SETTINGS, f"`{word}` is a key of Nika itself in {FILE_NAME}: take another name")
    with tempfile.TemporaryDirectory(prefix="nika-testing-") as name:
        folder = Path(name).resolve()
        checked_settings(word, settings, folder)
        for wrong in _with_unknown_key(settings):
            if not _checked(word, wrong, folder)[0]:
                shown = json.dumps({word: wrong})[:200]
                raise NotConformant(SETTINGS, f"it accepts a key that it does not know: {shown}; use fields.Map")


def _checked(word: str, settings: Any, folder: Path) -> tuple[list[str], Any]:
    (folder / FILE_NAME).write_text(json.dumps({word: settings}, ensure_ascii=False), encoding="utf-8")
    try:  # the settings of a sample are its author's own
        return [], Workspace.open(folder, environ={"NIKA_TRUST": "1"}).checked_project.settings[word]
    except ProblemsError as error:
        return [problem.message for problem in error.problems], None


def _with_unknown_key(settings: Any) -> list[Any]:
    if isinstance(settings, Mapping):
        return [{**settings, _UNKNOWN: "x"}]
    if isinstance(settings, list):
        return [
            [*settings[:index], changed, *settings[index + 1 :]]
            for index, entry in enumerate(settings)
            for changed in _with_unknown_key(entry)
        ]
    return []


__all__ = ["check_strict_settings", "checked_settings"]
