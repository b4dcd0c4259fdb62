"""Files that a model can be shown: what they really are, by their content, and how much of it there is."""

from __future__ import annotations

import contextlib
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nika_core import codes
from nika_core.model.files import FileError, read_file, text_of
from nika_core.values import dataclass

MAX_MEDIA_BYTES: Final = 32 * 1024 * 1024  # of one file, whatever the model
MAX_TOTAL_BYTES: Final = 64 * 1024 * 1024  # of all files of one prompt, whatever the model
PDF: Final = "application/pdf"
TEXT: Final = "text/plain"
IMAGES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
WORDS: Final = {
    "image/png": "a PNG image",
    "image/jpeg": "a JPEG image",
    "image/gif": "a GIF image",
    "image/webp": "a WebP image",
    PDF: "a PDF document",
    TEXT: "text",
}
_NAMES: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".pdf": PDF,
    **dict.fromkeys((".txt", ".md", ".csv", ".tsv", ".json", ".yaml", ".yml", ".xml", ".html", ".py", ".log"), TEXT),
}
_NEEDED: Final = {"image/png": (b"IHDR", b"IEND"), "image/gif": (b"\x3b",)}  # what a whole file has somewhere
_HEAD: Final = 1024  # bytes in which a PDF says that it is one
_MAX_INFLATED: Final = 64 * 1024 * 1024  # bytes of a PDF's compressed objects
_ENCRYPTED: Final = re.compile(rb"/Encrypt\s*(<<|\d+\s+\d+\s+R)")
_STREAM: Final = re.compile(rb">>\s{0,9}stream\r?\n")
_DICTIONARY: Final = 4096  # bytes that one of a compressed stream has at most
_PAGE: Final = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_PAGES: Final = re.compile(rb"/Type\s*/Pages(?![A-Za-z])")
_COUNT: Final = re.compile(rb"/Count\s+(\d+)")


@dataclass(frozen=True, slots=True)
class Media:
    """A file for a model.

    Attributes:
        media_type: `image/png`, `image/jpeg`, `image/gif`, `image/webp`, `application/pdf` or `text/plain`.
        data: its bytes.
        name: the file's own name, without its folder.
        pages: of a PDF; 0 if that cannot be seen.
    """

    media_type: str
    data: bytes
    name: str
    pages: int = 0


def read_media(path: Path) -> Media:
    """Return a file that a model may be shown. Raise FileError, also if it is not what its name says."""
    data = read_file(path, MAX_MEDIA_BYTES)
    if not data:
        raise FileError(path, "is empty", hint="attach a file with something in it")
    media_type = media_type_of(data)
    named = _NAMES.get(path.suffix.lower())
    if media_type is None:
        if named == TEXT:
            text_of(data, path)  # says which byte is wrong
        raise FileError(
            path,
            f"is not {WORDS[named]}, as its name says" if named else "is of a type that no model takes",
            hint="attach PNG, JPEG, GIF, WebP, PDF or UTF-8 text",
        )
    if named is not None and named != media_type:
        raise FileError(
            path, f"is {WORDS[media_type]}, not {WORDS[named]}, as its name says", hint="give it its right name"
        )
    if any(mark not in data for mark in _NEEDED.get(media_type, ())):
        raise FileError(path, f"is a part of {WORDS[media_type]} only", hint="copy it again, whole")
    if media_type == PDF and _ENCRYPTED.search(data):
        raise FileError(path, "is an encrypted PDF, which no model can read", hint="save it without a password")
    return Media(media_type, data, path.name, pages_of(data) if media_type == PDF else 0)


def media_type_of(data: bytes) -> str | None:
    """Return the type of a file's content; None if it is none of those that models take."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if b"%PDF-" in data[:_HEAD]:
        return PDF
    try:
        return None if b"\0" in data else TEXT if data.decode("utf-8-sig") is not None else None
    except UnicodeDecodeError:
        return None


def pages_of(data: bytes) -> int:
    """Return the number of pages of a PDF; 0 if it cannot be seen. Take time in proportion to its size."""
    counts: list[int] = [
        int(count[:9])
        for item in data.split(b"endobj")
        if _PAGES.search(item)  # outlines have a `/Count`, too
        for count in _COUNT.findall(item)
    ]
    most = max(counts, default=0)
    return most or sum(len(_PAGE.findall(part)) for part in (data, *_inflated(data)))


def _inflated(data: bytes) -> Iterator[bytes]:
    """Yield what a PDF's compressed streams of objects hold, as far as it is not too much."""
    left, place = _MAX_INFLATED, data.find(b"/ObjStm")
    while place >= 0 and left > 0:
        end = data.find(b">>", place, place + _DICTIONARY)
        begin = _STREAM.match(data, end) if end >= 0 else None
        place = end + 2 if end >= 0 else place + _DICTIONARY
        if begin is not None:
            stop = data.find(b"endstream", begin.end())
            place = len(data) if stop < 0 else stop
            with contextlib.suppress(zlib.error):
                part = zlib.decompressobj().decompress(data[begin.end() : place], left)
                left -= len(part)
                yield part
        place = data.find(b"/ObjStm", place)


def inside(folder: Path, name: str) -> Path:
    """Return the file of a name in a folder, with links followed. Raise FileError if it lies elsewhere."""
    path = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        what = "is an absolute path" if Path(name).is_absolute() else "has `..` in it"
        raise FileError(path, what, code=codes.BAD_PAYLOAD, hint="copy the file into the workflow's folder")
    return resolved_inside(folder, path)


def resolved_inside(folder: Path, path: Path) -> Path:
    """Return a path with links followed. Raise FileError if it is not there, or does not lie in the folder."""
    try:
        real = path.resolve(strict=True)
        if real.is_relative_to(folder.resolve()):
            return real
    except FileNotFoundError:
        raise FileError(path, "does not exist", missing=True) from None
    except (OSError, ValueError, RuntimeError) as error:
        raise FileError(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    what = "is a link to a file outside the folder" if path.is_relative_to(folder) else "lies outside the folder"
    raise FileError(path, what, code=codes.BAD_PAYLOAD, hint=f"copy the file into {folder.absolute()}")
