"""Paths of files in a rendered payload: where they may lie, and what they hold now."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nika_core.errors import TemplateValueError
from nika_core.model.bounded import shorten
from nika_core.model.files import FileError, read_file
from nika_core.model.media import MAX_MEDIA_BYTES, inside, resolved_inside
from nika_core.model.workflow import Task
from nika_core.plugin import Keyword


def with_files(
    payload: Mapping[str, Any], task: Task, keyword: Keyword, run_folder: Callable[[], str]
) -> Mapping[str, Any]:
    """Return a rendered payload in which each file of the keyword's `file_fields` has its digest.

    Raises TemplateValueError for a file that is not there or may not be read from where it lies.

    Args:
        run_folder: returns the run's folder, in which the files lie that a value names.
    """
    fields = [name for name in keyword.file_fields if isinstance(payload.get(name), list | tuple)]
    if not fields:
        return payload
    return {**payload, **{name: _files(name, payload[name], task, run_folder) for name in sorted(fields)}}


def _files(field: str, names: list[Any], task: Task, run_folder: Callable[[], str]) -> list[Any]:
    written = task.payload[field]
    assert isinstance(written, list | tuple)
    folder = Path(task.place.path).parent
    entries = []
    for number, name in enumerate(names):
        literal = isinstance(written[number], str)
        try:
            path = inside(folder, name) if literal else _from_value(Path(run_folder()), str(name))
            digest = hashlib.sha256(read_file(path, MAX_MEDIA_BYTES)).hexdigest()
        except FileError as error:
            raise TemplateValueError(
                f"in '{field}.{number}': the file {shorten(str(name), 200)!r} {error.reason}", hint=error.hint
            ) from None
        entries.append({"path": name if literal else str(path), "digest": digest})
    return entries


def _from_value(folder: Path, name: str) -> Path:
    try:
        return resolved_inside(folder, folder / name)
    except FileError as error:
        if error.missing or error.hint is None:
            raise
        hint = "a path that comes from a value lies in ${run.folder}: let the task write the file there"
        raise FileError(folder / name, "does not lie in the folder of the run", hint=hint) from None
