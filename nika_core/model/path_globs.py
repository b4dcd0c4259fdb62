"""Globs over paths that a tool is given: relative to a folder, and not to be left by `..`, absolute paths or links."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote

_LONGEST: Final = 4096  # characters, as of Linux
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def glob_problem(glob: str) -> str | None:
    """Return why no path can match a glob, as the end of a sentence; None: one can."""
    if not glob.strip():
        return "it is empty"
    if _is_absolute(glob):
        return "it is absolute, and only paths relative to the workflow's folder match"
    if ".." in glob.split("/"):
        return "it has `..` in it, and a path with `..` matches nothing"
    if _unclear(glob) or not _parts(glob):
        return "it is not a plain relative path"
    return None


def match_paths(glob: str, path: str, folder: Path) -> bool | None:
    """Return whether a path matches a glob; None: it cannot be told what the tool will make of the path.

    The path must match as it is written, and where it really is once links are followed. Looks at the file system.
    """
    if _is_absolute(path) or _unclear(path):
        return None
    parts = _parts(path)
    if ".." in parts:
        return None
    written = _fits(glob, parts)
    try:
        real = os.path.relpath(os.path.realpath(folder / path), os.path.realpath(folder))
    except (OSError, ValueError):
        return None
    real_parts = _parts(real)
    if ".." in real_parts:  # a link leads out of the folder
        return None
    if written != _fits(glob, real_parts):
        return None
    # Some file systems take two spellings for one name.
    return written if written == _fits(_folded(glob), _parts(_folded(path))) else None


def covers_glob(outer: str, inner: str) -> bool:
    """Return whether what matches `inner` surely matches `outer`: it is the same, or all below a folder."""
    if outer == inner:
        return True
    begin, last = _parts(outer)[:-1], _parts(outer)[-1:]
    return (
        last == ["**"]
        and not any("*" in part or "?" in part for part in begin)
        and _parts(inner)[: len(begin)] == begin
    )


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "~"))


def _unclear(path: str) -> bool:
    """Return whether programs may read a path in different ways: other separators, addresses, escapes, white space."""
    if not path or len(path) > _LONGEST or "\\" in path or _SCHEME.match(path) or _CONTROL.search(path):
        return True
    if unquote(path) != path:
        return True
    return any(
        part != part.strip() or (part.rstrip(".") == "" and part not in (".", "..")) for part in path.split("/") if part
    )


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _folded(path: str) -> str:
    return unicodedata.normalize("NFKC", path).casefold()


def _fits(glob: str, parts: Sequence[str]) -> bool:
    """Return whether a path matches, part by part: `**` stands for any folders. Takes no longer for any path."""
    patterns = _compiled(glob)
    reached = _with_skipped({0}, patterns)
    for part in parts:
        following = set()
        for index in reached:
            if index < len(patterns):
                pattern = patterns[index]
                if pattern is None:
                    following.add(index)
                elif pattern.match(part):
                    following.add(index + 1)
        reached = _with_skipped(following, patterns)
    return len(patterns) in reached


def _with_skipped(reached: set[int], patterns: Sequence[re.Pattern[str] | None]) -> set[int]:
    """Return the places in a glob from which to go on, also behind each `**`, which may stand for no folder."""
    for index, pattern in enumerate(patterns):
        if index in reached and pattern is None:
            reached.add(index + 1)
    return reached


@lru_cache(maxsize=256)
def _compiled(glob: str) -> tuple[re.Pattern[str] | None, ...]:
    """Return a pattern for each part of a glob; None: it is `**`. `*` and `?` are characters of a name."""
    return tuple(
        None if part == "**" else re.compile(translate(part.replace("[", "[[]")), re.DOTALL) for part in _parts(glob)
    )
