"""Checks the files of a project template: they are texts, and lie in the project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nika_core.model.project import FILE_NAME
from nika_core.registry.loading import broken
from nika_core.registry.scan import PluginRecord

_HISTORY = ".nika"


def checked_files(found: Any, record: PluginRecord) -> dict[str, str]:
    """Return what the function of a project template has returned. Raise PluginError if it cannot be a project."""
    if not isinstance(found, Mapping):
        raise broken(record, f"returns {type(found).__name__} from `files`, not texts by their paths")
    for path, text in found.items():
        if not isinstance(path, str) or not _is_inside(path):
            raise broken(record, f"has a file {path!r:.80}, which is not a path in a project, such as notes/first.md")
        if not isinstance(text, str):
            raise broken(record, f"has a file {path!r:.80} that is {type(text).__name__}, not text")
    workflow = f"{record.word}.nika.yaml"
    if not {workflow, FILE_NAME} & found.keys():
        raise broken(record, f"has neither {workflow} nor {FILE_NAME}, so there is nothing to run")
    return dict(found)


def _is_inside(path: str) -> bool:
    parts = path.split("/")
    return path.isprintable() and "\\" not in path and parts[0] != _HISTORY and not {"", ".", ".."} & set(parts)
