"""A recording: a folder that says what was given back for each request, and which requests a replay has asked for."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Final

from nika_core import codes
from nika_core.app.recording.files import as_yaml, read_yaml, write_yaml
from nika_core.app.recording.shapes import entry_fault
from nika_core.engine.core.hashing import digest
from nika_core.errors import Place, UsageError
from nika_core.model.json import JsonObject

HEADER: Final = "recording.yaml"
_VERSION: Final = 1
_SUFFIX: Final = ".yaml"
_SHOWN_LINES: Final = 24  # of a difference
_COMPARED: Final = 20_000  # characters of a request
_COMPARED_IN_ALL: Final = 2_000_000  # characters of the recorded requests, for one that is not recorded
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
        self._lines: dict[str, Counter[str]] = {}

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
        for same in ("task", "keyword"):
            alike = [key for key, entry in self._entries.items() if entry.request[same] == request[same]]
            if alike:
                asked = Counter(_text(request).splitlines())
                alike.sort(key=lambda key: self._entries[key].name)
                most = _COMPARED_IN_ALL // len(alike)
                return self._entries[max(alike, key=lambda key: _likeness(asked, self._lines_of(key), most))]
        return None

    def _lines_of(self, key: str) -> Counter[str]:
        """Return the lines of a recorded request; to write one as YAML takes long, and a run may ask for many."""
        lines = self._lines.get(key)
        if lines is None:
            lines = self._lines[key] = Counter(_text(self._entries[key].request).splitlines())
        return lines

    def require_workflow(self, name: str) -> None:
        """Raise UsageError if it is of another workflow."""
        if name != self.workflow:
            raise UsageError(
                f"the recording in {self.path} is of the workflow '{self.workflow}', and this is '{name}'",
                code=codes.BAD_RECORDING,
                place=Place(str(self.path / HEADER)),
                hint=f"name its own recording, or record it: nika run WORKFLOW --record {self.path.parent}/{name}",
            )


def _text(request: JsonObject) -> str:
    return as_yaml(request)[:_COMPARED]


def _likeness(one: Counter[str], other: Counter[str], most: int) -> float:
    """Return how much two texts have in common, by characters: in lines that are equal, and in parts of other lines.

    Of the lines that differ, up to `most` characters, runs of three are counted wherever they are: the cost grows with
    the length of the texts, and not with its square.
    """
    same = sum(len(line) * count for line, count in (one & other).items())
    left, right = (_triples("\n".join(lines.elements())[:most]) for lines in (one - other, other - one))
    alike = same + (left & right).total()
    everything = 2 * same + left.total() + right.total()
    return 2 * alike / everything if everything else 1.0


def _triples(text: str) -> Counter[str]:
    return Counter(text[at : at + 3] for at in range(len(text)))


def difference(recorded: JsonObject, asked: JsonObject) -> str:
    """Return what differs between two requests, as lines with `-` (recorded) and `+` (asked for now)."""
    lines = list(
        unified_diff(as_yaml(recorded).splitlines(), as_yaml(asked).splitlines(), "recorded", "now", n=1, lineterm="")
    )[2:]
    more = len(lines) - _SHOWN_LINES
    return "\n".join([*lines[:_SHOWN_LINES], *([f"… and {more} more lines"] if more > 0 else [])])


def check_folder(path: Path, workflow: str, *, mocked: bool = False) -> None:
    """Raise UsageError if a recording of a workflow, or of a mocked run of it, cannot be written to a folder."""
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
        if mocked:
            raise UsageError(
                f"--record {path}: a mocked run would replace values of the recording that is there",
                code=codes.BAD_RECORDING,
                hint="name a new folder, or leave out --mock",
            )
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
    if not os.path.isfile(file):  # noqa: PTH113  # also if its name is too long to be one, where a path would raise
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
    if fault := entry_fault(found):
        raise _damaged(file, fault)
    request = {name: found[name] for name in ("task", "keyword", "given")}
    return Entry(request, found["gave"], bool(found.get("computed")), file.name)


def _damaged(file: Path, why: str) -> UsageError:
    return UsageError(
        f"the recording cannot be read: {why}",
        code=codes.BAD_RECORDING,
        place=Place(str(file)),
        hint="restore the file, or record again: nika run --record DIR, or nika test --update",
    )
