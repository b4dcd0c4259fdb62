"""Cached byte code: Python runs it in place of the source, and believes what it says of that.

Byte code that Python would use is compared with what the source compiles to. That takes a second for all of Nika, so
what was found right is remembered for the user, by the hashes of byte code and source.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import sys
import warnings
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import CodeType
from typing import Final

from nika_core.model.files import FileError, read_file
from nika_core.model.user_folders import user_folder

_MAX: Final = 1 << 28  # bytes of a file
_HEADER: Final = 16
_OPTIMIZED: Final = (("", 0), ("1", 1), ("2", 2))
_HASHED, _CHECKED = 1, 2  # bits of the flags in the header


def forged_byte_code(folder: Path, sources: Iterable[Path]) -> list[str]:
    """Return the files of byte code that Python would use in place of these sources and that do not match them.

    Args:
        folder: the folder of the distribution's metadata.
        sources: the `.py` files of the distribution.
    """
    pairs, forged = [], []
    digest = hashlib.sha256(f"{sys.version}\n".encode())
    for source in sources:
        for name, level in _OPTIMIZED:
            cached = Path(importlib.util.cache_from_source(str(source), optimization=name))
            try:
                data, text = read_file(cached, _MAX), read_file(source, _MAX)
                status = source.stat()
            except FileError as error:
                if not error.missing and cached.exists() and not cached.is_dir():
                    forged.append(str(cached))
                continue
            except OSError:
                continue
            if _is_used(data, text, status):
                pairs.append((source, text, cached, data, level))
                for part in (os.fsencode(cached), data, text):
                    digest.update(b"%d " % len(part))
                    digest.update(part)
    memory = user_folder(os.environ, "XDG_STATE_HOME") / "byte-code" / _name_for(folder)
    if forged or not _is_remembered(memory, digest.hexdigest()):
        forged += [str(cached) for source, text, cached, data, level in pairs if not _match(source, text, data, level)]
        if not forged:
            _remember(memory, digest.hexdigest())
    return forged


def _is_used(data: bytes, text: bytes, status: os.stat_result) -> bool:
    """Return whether Python would use byte code: it believes the time and the size, or a hash, in the header."""
    if len(data) < _HEADER or data[:4] != importlib.util.MAGIC_NUMBER:
        return False
    flags = int.from_bytes(data[4:8], "little")
    if flags & _HASHED:
        return not flags & _CHECKED or data[8:16] == importlib.util.source_hash(text)
    time, size = (int.from_bytes(data[at : at + 4], "little") for at in (8, 12))
    return (time, size) == (int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF)


def _match(source: Path, text: bytes, data: bytes, level: int) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(text, str(source), "exec", dont_inherit=True, optimize=level)
        found = marshal.loads(data[_HEADER:])  # noqa: S302  # Python would do the same, and then run it
    except Exception:  # what cannot be compiled, or read
        return False
    return isinstance(found, CodeType) and found == code


def _name_for(folder: Path) -> str:
    return hashlib.sha256(f"{os.path.realpath(folder)}\n{sys.version}".encode("utf-8", "surrogateescape")).hexdigest()


def _is_remembered(memory: Path, digest: str) -> bool:
    try:
        return read_file(memory, len(digest)) == digest.encode()
    except FileError:
        return False


def _remember(memory: Path, digest: str) -> None:
    """Note that all of it is right; if that cannot be written, it is found out again the next time."""
    beside = memory.with_name(f"{memory.name}.{os.getpid()}")
    with suppress(OSError):
        memory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside.write_text(digest, encoding="ascii")
        beside.replace(memory)


def is_cache_name(name: str) -> bool:
    """Return whether a file in `__pycache__` has a name of cached byte code, which nothing imports by that name."""
    return name.endswith(".pyc") and name.count(".") > 1
