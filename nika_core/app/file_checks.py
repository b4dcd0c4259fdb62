"""The files that tasks give to models, as far as they are known before a run: who takes them, and how many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from nika_core import codes
from nika_core.engine.llm.request_defaults import FilesSoFar, why_refused
from nika_core.errors import Problem
from nika_core.model.files import FileError
from nika_core.model.media import TEXT, Media, inside, read_media
from nika_core.model.template import Template
from nika_core.model.workflow import Task
from nika_core.plugin import ModelInfo

UNSEEN: Final = "NIKA_MOCK_FILES"  # set: mocked models take images and PDF files, without looking at them


def refused_files(task: Task, info: ModelInfo, fields: Iterable[str], folder: Path) -> Iterator[Problem]:
    """Yield a problem for each file that a model does not take, by itself or beside those before it.

    Args:
        fields: those of the payload that are lists of files.
        folder: the workflow's.
    """
    so_far = FilesSoFar(info)
    for name, number, entry in _entries(task, fields):
        why = None if info.files else "takes no files"
        if why is None and (media := _media(folder, entry)) is not None:
            why = why_refused(media, info) or so_far.why_too_much(media)
        if why is not None:
            what = entry.text if isinstance(entry, Template) else entry
            message = f"the model '{info.name}' {why}, and task '{task.id}' attaches '{what}'"
            hint = "use another model, or attach something else"
            yield Problem(codes.MODEL_CANNOT, message, task.at((name, number)), hint)


def unseen_files(task: Task, fields: Iterable[str], folder: Path, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for each image and PDF file of a mocked run: nothing looks at them, so no answer is about them.

    Args:
        environ: may say that this is what the user wants.
    """
    if environ.get(UNSEEN):
        return
    for name, number, entry in _entries(task, fields):
        media = _media(folder, entry)
        if media is not None and media.media_type != TEXT:
            message = f"a mocked run shows '{entry}' to no model, and task '{task.id}' attaches it"
            hint = f"run it without --mock, or set {UNSEEN}=1 to go on with an answer that has not seen the file"
            yield Problem(codes.MODEL_CANNOT, message, task.at((name, number)), hint)


def _entries(task: Task, fields: Iterable[str]) -> Iterator[tuple[str, int, object]]:
    for name in sorted(fields):
        entries = task.payload.get(name)
        for number, entry in enumerate(entries if isinstance(entries, list | tuple) else ()):
            yield name, number, entry


def _media(folder: Path, entry: object) -> Media | None:
    """Return a file that the author names; None if a value names it, or it cannot be attached at all."""
    if isinstance(entry, str):
        with suppress(FileError):  # the task's own check reports it
            return read_media(inside(folder, entry))
    return None
