"""A recording: a folder that says what was given back for each request, and which requests a replay has asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from pathlib import Path
from typing import Any, Final

from nika_core import codes
from nika_core.app.recording.files import as_yaml, read_yaml, write_yaml
from nika_core.engine.core.hashing import digest
from nika_core.errors import Place, UsageError
from nika_core.model.json import JsonObject

HEADER: Final = "recording.yaml"
_VERSION: Final = 1
_SUFFIX: Final = ".yaml"
_SHOWN_LINES: Final = 24  # of a difference
_COMPARED: Final = 20_000  # characters of a request
_MODEL: Final = "model"
_UNSAFE: Final = re.compile(r"[^\w.-]")


@dataclass(frozen=True)
class Entry:
    """What was given back for one request.

    Attributes:
        request: the task, its keyword, and what it was given; a model that no step has called has no keyword.
        gave: what it gave, each time that one run asked.
        computed: its step only computes: it is run when the recording is replayed.
        name: the file's name.
    """

    request: JsonObject
    gave: Sequence[JsonObject]
    computed: bool
    name: str

    @property
    def digest(self) -> str:
        """The digest of the request."""
        return digest(self.request)

    @property
    def content(self) -> JsonObject:
        """What the file holds."""
        return {**self.request, **({"computed": True} if self.computed else {}), "gave": list(self.gave)}


def recorded_entry(request: JsonObject, gave: Sequence[JsonObject], *, computed: bool) -> Entry:
    """Return an entry with the name of its file: the task's, and the beginning of the request's digest."""
    task = request["task"].replace("/", ".") if request["keyword"] else f"{request['task']}.{_MODEL}"
    return Entry(request, gave, computed, f"{_UNSAFE.sub('-', task)}.{digest(request)[:12]}{_SUFFIX}")


class Recording:
    """The recording in a folder. It may hold several runs of one workflow; runs that replay it may share it.

    Attributes:
        path: the folder.
        workflow: the name of the workflow.
    """

    def __init__(self, path: Path, workflow: str, entries: Iterable[Entry]) -> None:
        """Make one of what is known of it; `open` reads one."""
        self.path = path
        self.workflow = workflow
        self._entries = {entry.digest: entry for entry in entries}
        self._used: set[str] = set()

    @classmethod
    def open(cls, path: str | Path) -> Recording:
        """Read a recording. Raise UsageError if there is none, or something in it cannot be read."""
        path = Path(path)
        header = _header(path)
        if header is None:
            raise UsageError(
                f"there is no recording in {path}",
                code=codes.BAD_RECORDING,
                hint=f"make one: nika run WORKFLOW --record {path}",
            )
        return cls(path, header["workflow"], (_read(file) for file in _files(path)))

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, request: JsonObject) -> Entry | None:
        """Return what was given back for a request, and note that it was asked for; None: it was not recorded."""
        key = digest(request)
        found = self._entries.get(key)
        if found is not None:
            self._used.add(key)
        return found

    @property
    def unused(self) -> tuple[Path, ...]:
        """The files that no replay has asked for so far, in order; of what is only computed none is needed."""
        found = (each for key, each in self._entries.items() if key not in self._used and not each.computed)
        return tuple(sorted(self.path / entry.name for entry in found))

    def nearest(self, request: JsonObject) -> Entry | None:
        """Return the recorded request that is most like one that was not recorded: of its task, else of its keyword."""
        entries = self._entries.values()
        for same in ("task", "keyword"):
            alike = [entry for entry in entries if entry.request[same] == request[same]]
            if alike:
                matcher = SequenceMatcher(b=as_yaml(request)[:_COMPARED].splitlines(), autojunk=False)

                def likeness(entry: Entry, matcher: SequenceMatcher[str] = matcher) -> float:
                    matcher.set_seq1(as_yaml(entry.request)[:_COMPARED].splitlines())
                    return matcher.ratio()

                return max(sorted(alike, key=lambda entry: entry.name), key=likeness)
        return None

    def require_workflow(self, name: str) -> None:
        """Raise UsageError if it is of another workflow."""
        if name != self.workflow:
            raise UsageError(
                f"the recording in {self.path} is of the workflow '{self.workflow}', and this is '{name}'",
                code=codes.BAD_RECORDING,
                place=Place(str(self.path / HEADER)),
                hint=f"name its own recording, or record it: nika run WORKFLOW --record {self.path.parent}/{name}",
            )


def difference(recorded: JsonObject, asked: JsonObject) -> str:
    """Return what differs between two requests, as lines with `-` (recorded) and `+` (asked for now)."""
    lines = list(
        unified_diff(as_yaml(recorded).splitlines(), as_yaml(asked).splitlines(), "recorded", "now", n=1, lineterm="")
    )[2:]
    more = len(lines) - _SHOWN_LINES
    return "\n".join([*lines[:_SHOWN_LINES], *([f"… and {more} more lines"] if more > 0 else [])])


def check_folder(path: Path, workflow: str) -> None:
    """Raise UsageError if a recording of a workflow cannot be written to a folder."""
    if not os.path.lexists(path):
        try:
            path.mkdir(parents=True)
        except OSError as error:
            raise _unfit(path, f"cannot be made ({error.strerror})") from None
    if not path.is_dir():
        raise _unfit(path, "is not a folder")
    header = _header(path)
    if header is not None:
        Recording(path, header["workflow"], ()).require_workflow(workflow)
    elif any(path.iterdir()):
        raise _unfit(path, "holds something other than a recording")


def write_entries(path: Path, workflow: str, entries: Iterable[Entry]) -> int:
    """Write entries into a folder, those of other requests in it are kept; return how many files changed.

    Raise OSError or FileError.
    """
    path.mkdir(parents=True, exist_ok=True)
    write_yaml(path / HEADER, {"version": _VERSION, "workflow": workflow})
    return sum(write_yaml(path / entry.name, entry.content) for entry in entries)


def _unfit(path: Path, why: str) -> UsageError:
    return UsageError(
        f"--record {path}: it {why}", code=codes.BAD_RECORDING, hint="name a new folder, or one with a recording"
    )


def _header(path: Path) -> JsonObject | None:
    file = path / HEADER
    if not file.is_file():
        return None
    found = read_yaml(file)
    if not isinstance(found, Mapping) or not isinstance(found.get("workflow"), str):
        raise _damaged(file, "it does not say which workflow it is of (`workflow:`)")
    if found.get("version") != _VERSION:
        raise _damaged(file, f"its version is {found.get('version')!r}, and this Nika reads version {_VERSION}")
    return found


def _files(path: Path) -> Iterator[Path]:
    return (file for file in sorted(path.glob(f"*{_SUFFIX}")) if file.name != HEADER)


def _read(file: Path) -> Entry:
    found = read_yaml(file)
    fields: tuple[tuple[str, type[Any]], ...] = (("task", str), ("keyword", str), ("given", dict), ("gave", list))
    for name, kind in fields:
        if not isinstance(found, dict) or not isinstance(found.get(name), kind):
            raise _damaged(file, f"`{name}` is missing, or is not what it should be")
    request = {name: found[name] for name in ("task", "keyword", "given")}
    return Entry(request, found["gave"], bool(found.get("computed")), file.name)


def _damaged(file: Path, why: str) -> UsageError:
    return UsageError(
        f"the recording cannot be read: {why}",
        code=codes.BAD_RECORDING,
        place=Place(str(file)),
        hint="restore the file, or record again: nika run --record DIR, or nika test --update",
    )
