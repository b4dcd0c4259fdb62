"""What is installed, read straight from the folders on `sys.path`: `importlib_metadata` costs twice as much to import.

Returns the same as `importlib_metadata.distributions()`, as far as plugins need it; a test checks it. If distributions
may come from anything but a folder (a zip file, an egg, another finder), that library is used.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Collection, Iterable, Iterator
from importlib.machinery import PathFinder
from typing import Final, NamedTuple, Protocol

DISTRIBUTION_INFO: Final = (".dist-info", ".egg-info")
_USUAL_FINDERS: Final = ("importlib_metadata", "importlib.metadata")
_MAX_BYTES: Final = 1 << 26  # of one file of metadata; RECORD of a large distribution has some millions


class Point(NamedTuple):
    """A line of entry_points.txt; `value` names the object."""

    name: str
    value: str
    group: str


class EntryPoint(Protocol):
    """`Point`, or importlib_metadata's own."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def group(self) -> str: ...


class Distribution(Protocol):
    """An installed distribution. Name, version and entry points raise if their metadata cannot be read."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def entry_points(self) -> Iterable[EntryPoint]: ...

    def read_text(self, filename: str) -> str | None:
        """Return one of its metadata files; None if it is missing."""
        ...


class Folder:
    """A distribution whose metadata is a folder on the disk."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def read_text(self, filename: str) -> str | None:
        """Return one of its metadata files; None if it is missing, no regular file, or cannot be read.

        Bytes that are not UTF-8 become lone surrogates.
        """
        path = f"{self._path}/{filename}"
        try:
            with open(path, "rb", buffering=0, opener=_open) as file:  # a start reads hundreds of them
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
                    return None
                text = file.read(status.st_size).decode("utf-8", "surrogateescape")
        except OSError:
            return None
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text

    @property
    def folder(self) -> str:
        """The path of the folder, such as `/site-packages/acme-1.0.dist-info`."""
        return self._path

    @property
    def entry_points(self) -> list[Point]:
        """Return all lines of entry_points.txt. Raises ValueError for an invalid one."""
        return _points(self.read_text("entry_points.txt") or "")

    @property
    def name(self) -> str:
        """As its author writes it. Raises KeyError."""
        return self._header("name")

    @property
    def version(self) -> str:
        """Raises KeyError."""
        return self._header("version")

    def _header(self, wanted: str) -> str:
        return header(self.read_text("METADATA") or self.read_text("PKG-INFO") or "", wanted)


def _points(text: str) -> list[Point]:
    found: list[Point] = []
    group = None
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            group = line.strip("[]")
        elif group is not None:
            name, equals, value = line.partition("=")
            if not equals:
                raise ValueError(line)
            found.append(Point(name.strip(), value.strip(), group))
    return found


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a named pipe would block


def header(text: str, wanted: str) -> str:
    """Return a line of METADATA. Raise KeyError."""
    for line in text.partition("\n\n")[0].splitlines():  # what follows is the description
        name, colon, value = line.partition(":")
        if not line or not colon:
            break
        if name.lower() == wanted:
            return value.strip()
    raise KeyError(wanted)


class Offer(NamedTuple):
    """What a distribution offers, and the folder of its metadata, if it has one.

    `fault` says why its metadata cannot be used; it offers nothing then.
    """

    name: str
    version: str
    points: list[EntryPoint]
    folder: str
    fault: str = ""


def offers_in(groups: Collection[str], distributions: Iterable[Distribution]) -> Iterator[Offer]:
    """Return what each distribution offers in these groups, by `first_of_each_name`."""
    return first_of_each_name(all_offers(groups, distributions))


def first_of_each_name(offers: Iterable[Offer]) -> Iterator[Offer]:
    """Yield offers; of several distributions of one name, that of the first that can be read.

    One whose metadata cannot be read hides no other of its name, but is hidden by one before it.
    """
    seen: set[str] = set()
    for offer in offers:
        key = normal_name(offer.name)
        if key not in seen:
            yield offer
            if not offer.fault:
                seen.add(key)


def all_offers(groups: Collection[str], distributions: Iterable[Distribution]) -> Iterator[Offer]:
    """Yield what each distribution offers in these groups, or why its metadata cannot be used."""
    for distribution in distributions:
        path = folder_of(distribution)
        if os.path.isdir(path):  # noqa: PTH112  # as above
            distribution = Folder(path)  # importlib_metadata's own waits for ever at a named pipe
        folder = os.path.basename(path)  # noqa: PTH119  # as above
        if folder.startswith("~"):  # what pip leaves behind when it cannot remove something
            continue
        text: str | None = None
        try:
            text = distribution.read_text("entry_points.txt")
            if not text or not any(group in text for group in groups):
                continue
            listed = _points(text) if isinstance(distribution, Folder) else distribution.entry_points
            points: list[EntryPoint] = [point for point in listed if point.group in groups]
            _require_utf8(text, "entry_points.txt")
            if points:
                name, version = _name_and_version(distribution)
                _require_own_name(folder, name)
                yield Offer(name, version, points, path)
        except Exception as error:  # whatever another installer has written
            named = folder.partition("-")
            version = named[2].rpartition(".")[0] or "?"
            yield Offer(named[0] or "?", version, _readable_points(text or "", groups), path, _fault(error))


def _name_and_version(distribution: Distribution) -> tuple[str, str]:
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO")
    if not text:
        raise ValueError("it has no METADATA, or none that can be read")
    _require_utf8(text, "METADATA")
    try:
        if isinstance(distribution, Folder):
            return header(text, "name"), header(text, "version")
        return distribution.name, distribution.version
    except KeyError as error:
        raise ValueError(f"its METADATA has no {str(error.args[0]).title()}") from None


def _require_own_name(folder: str, name: str) -> None:
    """Raise ValueError if a folder of metadata has another name than the distribution that it describes."""
    if claimed_name(folder) not in {"", normal_name(name)}:
        raise ValueError(f"it claims to be '{name}', but its folder is {folder}")


def normal_name(name: str) -> str:
    """Return a distribution's name in the form in which names are compared."""
    return re.sub("[-_.]+", "-", name).lower()


def claimed_name(folder: str) -> str:
    """Return the normalized name in the name of a folder of metadata, such as `acme-1.0.dist-info`; "" for others."""
    stem, dot, suffix = folder.rpartition(".")
    return normal_name(stem.partition("-")[0]) if dot and f".{suffix.lower()}" in DISTRIBUTION_INFO else ""


def _require_utf8(text: str, filename: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"its {filename} is not UTF-8") from None


def _fault(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "its metadata is not UTF-8"
    said = str(error)
    return said if said.startswith("it") else f"a line of its entry_points.txt cannot be read: {said[:100]!r}"


def folder_of(distribution: Distribution) -> str:
    """Return the path of the folder of its metadata; "" if it has none."""
    if isinstance(distribution, Folder):
        return distribution.folder
    return str(getattr(distribution, "_path", "") or "")  # importlib_metadata says it nowhere else


def _readable_points(text: str, groups: Collection[str]) -> list[EntryPoint]:
    """Return the entry points that can be read, so that their words can say what is wrong."""
    found: list[EntryPoint] = []
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[]").strip()
        elif group in groups and line and not line.startswith("#"):
            word, _, value = line.partition("=")
            found.append(Point(word.strip().encode("utf-8", "replace").decode(), value.strip(), group))
    return [point for point in found if point.value] or found


def summaries(names: Collection[str]) -> dict[str, str]:
    """Return the one sentence that each of these distributions says of itself; without those that say nothing."""
    found: dict[str, str] = {}
    for distribution in installed():
        try:
            name = distribution.name
            if name in names and name not in found:
                text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
                found[name] = header(text, "summary")
        except Exception:  # noqa: S112  # unreadable metadata, or none of that name
            continue
    return found


def installed() -> Iterable[Distribution]:
    """Return all installed distributions, in the order of `sys.path`."""
    found = [in_folder(path) for path in sys.path] if has_usual_finders() else [None]
    if None not in found:
        return [each for folder in found for each in folder or ()]
    import importlib_metadata

    return importlib_metadata.distributions()


def has_usual_finders() -> bool:
    """Return whether modules, and so distributions, are found by nothing but Python's own means."""
    return all(map(_is_usual, sys.meta_path))


def _is_usual(finder: object) -> bool:
    if finder is PathFinder or not hasattr(finder, "find_distributions"):
        return True
    return type(finder).__module__ in _USUAL_FINDERS


def in_folder(path: str) -> list[Folder] | None:
    """Return the distributions in a folder of `sys.path`; None if it may be more than a folder."""
    try:
        names = os.listdir(path or ".")  # noqa: PTH208  # pathlib costs as much again
    except NotADirectoryError:
        return None
    except OSError:
        return []
    if path.lower().endswith(".egg"):
        return None
    return [Folder(os.path.join(path, name)) for name in names if name.lower().endswith(DISTRIBUTION_INFO)]  # noqa: PTH118  # as above
