"""The one reader of named files: whatever a user, a workflow or a folder names is opened here and nowhere else.

A name says nothing about what is there: a pipe blocks, a device never ends, and what is there can be exchanged between
a check and its use. So only regular files are opened, and without blocking; what was opened is looked at, not only what
the name meant before; and no more is read than a bound allows.
"""

from __future__ import annotations

import codecs
import errno
import os
import stat
from io import FileIO
from pathlib import Path
from typing import Final

from nika_core import codes
from nika_core.errors import NikaError, Place
from nika_core.model.bounded import shorten
from nika_core.model.json import Json
from nika_core.model.json_text import JsonSyntaxError, TooDeepError, parse_json
from nika_core.model.read_files import note

MAX_BYTES: Final = 10 * 1024 * 1024  # of one file, if no limit says otherwise
_STEP: Final = 1 << 20  # bytes read at once of a file that grows: a limit may be more than there is memory
_MAX_SHOWN: Final = 300  # characters of a path in a message
MAX_DEPTH: Final = 100  # of JSON in files: what is read here is walked by code that calls itself
_FLAGS: Final = (
    os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
)  # Python itself opens everything with O_CLOEXEC
_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_UTF16_OR_32: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


class FileError(NikaError):
    """A named file that cannot be used.

    Attributes:
        reason: why, to be put after the file's name: "is a directory, not a file".
        missing: nothing has this name, not even a link.
        size: of a file that is larger than was allowed: how large it is, as far as is known; else None.
    """

    exit_code = 2

    def __init__(
        self,
        path: Path,
        reason: str,
        *,
        code: str = codes.FILE_UNREADABLE,
        hint: str | None = None,
        place: Place | None = None,
        missing: bool = False,
        size: int | None = None,
    ) -> None:
        super().__init__(
            code, f"{shorten(str(path), _MAX_SHOWN)!r} {reason}", hint=hint, place=place or Place(str(path))
        )
        self.reason = reason
        self.missing = missing
        self.size = size


def open_file(path: Path, max_bytes: int = MAX_BYTES) -> FileIO:
    """Open a regular file of at most `max_bytes` for reading, without buffer. Raise FileError.

    For what is read in pieces; else use `read_file`, which also holds the bound for a file that grows meanwhile.
    """
    try:
        _require_regular(path, path.stat(), max_bytes)  # opening a device can have effects
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    try:
        size = _require_regular(path, os.fstat(descriptor), max_bytes)
        if size == 0 and os.read(descriptor, 1):
            hint = "copy it to a file first"
            raise FileError(path, "is made by the system while it is read, and has no size", hint=hint)
        note(path)
        return os.fdopen(descriptor, "rb", buffering=0)
    except OSError as error:
        os.close(descriptor)
        raise _unreadable(path, error) from None
    except BaseException:
        os.close(descriptor)
        raise


def read_file(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the bytes of a regular file, at most `max_bytes`. Raise FileError."""
    with open_file(path, max_bytes) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            data = file.read(min(size, max_bytes) + 1)
            while len(data) <= max_bytes and (more := file.read(min(_STEP, max_bytes + 1 - len(data)))):
                data += more
        except OSError as error:
            raise _unreadable(path, error) from None
    if len(data) > max_bytes:
        raise _too_large(path, len(data), max_bytes)
    return data


def read_text(path: Path, max_bytes: int = MAX_BYTES) -> str:
    """Return the text of a UTF-8 file, without a byte order mark. Raise FileError, with the place of a wrong byte."""
    return text_of(read_file(path, max_bytes), path)


def read_json(path: Path, max_bytes: int = MAX_BYTES) -> Json:
    """Return what a file of strict JSON holds. Raise FileError, with the place if the text is not JSON."""
    return json_of(read_file(path, max_bytes), path)


def json_of(data: bytes, path: Path) -> Json:
    """Return what a file's bytes hold as strict JSON. Raise FileError, as `read_json` does."""
    try:
        return parse_json(text_of(data, path), MAX_DEPTH)
    except JsonSyntaxError as error:
        place = Place(str(path), error.line, error.column)
        raise FileError(path, f"is not JSON: {error.reason}", place=place) from None
    except TooDeepError as error:
        raise FileError(path, f"is {error}", code=codes.DEPTH_LIMIT, hint="make it flatter") from None
    except ValueError as error:
        raise FileError(path, f"is not strict JSON: {error}") from None


def text_of(data: bytes, path: Path) -> str:
    """Return a file's bytes as text. Raise FileError, as `read_text` does."""
    hint = "save it as UTF-8"
    if data.startswith(_UTF16_OR_32):
        raise FileError(path, "is UTF-16 or UTF-32", hint=hint, place=Place(str(path), 1, 1))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")  # the mark is gone already
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        reason = f"is not UTF-8: byte 0x{error.object[error.start]:02x} is not valid here"
        raise FileError(path, reason, hint=hint, place=Place(str(path), line, column)) from None


def require_regular_files(*paths: Path) -> None:
    """Raise FileError if something other than a regular file has one of these names: for what a library opens by name.

    What is not there is left to the library, which may make it.
    """
    for path in paths:
        try:
            _require_regular(path, path.stat(), None)
        except (OSError, ValueError) as error:
            missing = isinstance(error, FileNotFoundError | NotADirectoryError)
            if not missing or path.is_symlink():
                raise _unreadable(path, error) from None


def is_folder(path: Path) -> bool:
    """Return whether a folder has this name; False, not an exception, for a name that nothing can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def size_of(path: Path) -> int:
    """Return the size of a regular file; 0 for everything that cannot be read as one."""
    try:
        return _require_regular(path, path.stat(), None)
    except (OSError, ValueError, FileError):
        return 0


def _require_regular(path: Path, status: os.stat_result, max_bytes: int | None) -> int:
    """Return the file's size."""
    if stat.S_ISDIR(status.st_mode):
        raise FileError(path, "is a directory, not a file", hint="name a file in it")
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise FileError(path, f"is {kind}, not a regular file", hint="write what it holds to a file first")
    if max_bytes is not None and status.st_size > max_bytes:
        raise _too_large(path, status.st_size, max_bytes)
    return status.st_size


def _too_large(path: Path, size: int, max_bytes: int) -> FileError:
    reason = f"has {size:,} bytes; at most {max_bytes:,} are read"
    return FileError(path, reason, code=codes.SIZE_LIMIT, hint="make it smaller", size=size)


def _unreadable(path: Path, error: OSError | ValueError) -> FileError:
    """Return the error for what the system says; ValueError: of a name that no file can have."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        if path.is_symlink():
            return FileError(path, "is a link to a file that does not exist", hint="correct or remove the link")
        return FileError(path, "does not exist", missing=True)
    if isinstance(error, ValueError):
        return FileError(path, "has a name that no file can have", hint="correct the name")
    hint = {
        errno.EACCES: "check who may read it",
        errno.EPERM: "check who may read it",
        errno.ELOOP: "its links lead in a circle: remove one",
        errno.ENAMETOOLONG: "shorten the name",
    }.get(error.errno or 0)
    return FileError(path, f"cannot be read: {error.strerror or error}", hint=hint)
