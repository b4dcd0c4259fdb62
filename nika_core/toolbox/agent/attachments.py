"""Files that a prompt has beside its text (`attach`)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.files import FileError
from nika_core.model.json import JsonObject
from nika_core.model.media import MAX_TOTAL_BYTES, PDF, TEXT, Media, inside, read_media
from nika_core.model.message import DocumentPart, ImagePart
from nika_core.model.template import Template
from nika_core.plugin.facets import Payload, Report
from nika_core.plugin.step import StepContext

FIELD: Final = "attach"
_FEWER: Final = "attach fewer or smaller files, or spread them over several tasks"
_LEAST_IMAGE: Final = 64  # tokens
_LEAST_PAGE: Final = 100


def attached_names(payload: Payload) -> list[str]:
    """Return the paths of the files, those that a value names as their author wrote them."""
    written = payload.fields.get(FIELD)
    entries = written if isinstance(written, list | tuple) else ()
    return [entry.text if isinstance(entry, Template) else str(entry) for entry in entries]


def check_attached(payload: Payload, report: Report) -> None:
    """Report each file, named by the author, that no model can be given, by itself or beside those before it."""
    total = 0
    for number, name in _literals(payload):
        try:
            total += len(read_media(inside(payload.folder, name)).data)
            if total > MAX_TOTAL_BYTES:
                message = f"the file {name!r} {_too_much(total)}"
                report(message, payload.at(FIELD, number), code=codes.BAD_PAYLOAD, hint=_FEWER)
                return
        except FileError as error:
            hint = error.hint or f"paths are relative to the workflow's folder, {payload.folder.absolute()}"
            report(f"the file {name!r} {error.reason}", payload.at(FIELD, number), code=error.code, hint=hint)


def least_tokens(payload: Payload) -> int:
    """Return how many tokens the files that are known have at least."""
    least = 0
    for _, name in _literals(payload):
        try:
            media = read_media(inside(payload.folder, name))
        except FileError:
            continue
        if media.media_type == TEXT:
            least += len(media.data) // 8
        else:
            least += _LEAST_PAGE * max(1, media.pages) if media.media_type == PDF else _LEAST_IMAGE
    return least


async def attached_files(payload: JsonObject, context: StepContext) -> Sequence[ImagePart | DocumentPart]:
    """Read the files of a rendered payload, for a message to a model. Raise TaskError.

    What a file holds must be what it held when the task was prepared.
    """
    entries = payload.get(FIELD)
    if not entries or not isinstance(entries, list | tuple):  # a thread costs more than all the rest of a short call
        return ()
    import asyncio

    return await asyncio.to_thread(_read_all, entries, context.folder)


def _read_all(entries: Sequence[object], folder: Path) -> Sequence[ImagePart | DocumentPart]:
    files: list[ImagePart | DocumentPart] = []
    total = 0
    for entry in entries:
        files.append(_read(entry, folder))
        total += len(files[-1].data)
        if total > MAX_TOTAL_BYTES:
            message = f"the file {files[-1].name!r} {_too_much(total)}"
            raise TaskError(message, category=Category.CONFIG, code=codes.BAD_PAYLOAD, hint=_FEWER)
    return files


def _too_much(total: int) -> str:
    return f"makes {total:,} bytes of files for one prompt; at most {MAX_TOTAL_BYTES:,} are allowed"


def _read(entry: object, folder: Path) -> ImagePart | DocumentPart:
    given = entry if isinstance(entry, Mapping) else {}
    name = str(given.get("path", entry))
    try:
        media = read_media(folder / name if given else inside(folder, name))
    except FileError as error:
        message = f"the file {name!r} {error.reason}"
        raise TaskError(message, category=Category.CONFIG, code=error.code, hint=error.hint) from None
    if given and given.get("digest") != digest_of(media.data):
        raise TaskError(
            f"the file {name!r} has changed since the task was prepared",
            category=Category.EXECUTION,
            hint="nothing was sent: let nothing write it while the run goes on, and resume the run",
            retriable=False,
        )
    return part_of_media(media)


def digest_of(data: bytes) -> str:
    """Return the digest of a file's content, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def part_of_media(media: Media) -> ImagePart | DocumentPart:
    """Return a file as the part of a message."""
    if media.media_type in (PDF, TEXT):
        return DocumentPart(media.media_type, media.data, media.name, media.pages)
    return ImagePart(media.media_type, media.data, media.name)


def _literals(payload: Payload) -> list[tuple[int, str]]:
    written = payload.fields.get(FIELD)
    entries = written if isinstance(written, list | tuple) else ()
    return [(number, entry) for number, entry in enumerate(entries) if isinstance(entry, str)]


def history_text(prompt: str, files: Sequence[ImagePart | DocumentPart]) -> str:
    """Return a prompt as later tasks of the conversation see it: with the names of its files, not with these."""
    if not files:
        return prompt
    return f"[attached: {', '.join(file.name for file in files)}]\n{prompt}"
