"""Values as text: JSON that SQLite can keep, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from nika_core.journal.blobs import Blobs
from nika_core.model.events import KINDS, Event
from nika_core.model.json import JsonObject
from nika_core.model.large_values import LargeValue

LOST: Final = "lost"
OUTPUT: Final = "output"
START: Final = "outputStart"
_SHOWN: Final = 200  # characters
_MICRO: Final = 1e6
_LATEST: Final = 1e18  # microseconds


def _default(value: Any) -> Any:
    """Encode what JSON does not know by itself: read-only mappings, sets; anything else as its text."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, LargeValue):
        return value.get()
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return str(value)


# ASCII only: a lone surrogate (a file's name that is no UTF-8) has a form in JSON, but none in SQLite's text.
_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False, default=_default).encode
_decode: Final = json.JSONDecoder().decode


def decode(text: str) -> Any:
    """Return the value. Raises ValueError for invalid or too deeply nested JSON, TypeError for anything but text."""
    try:
        return _decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def encode(value: Any) -> str:
    """Return compact ASCII. A value without a form in JSON is recorded as lost: it must not stop a history."""
    try:
        return _encode(value)
    except Exception as error:  # whatever a value of a plugin raises when it is asked for its text
        return _encode({LOST: f"it has no form in JSON: {type(error).__name__}"})


def encode_events(events: Sequence[Event]) -> str | None:
    """Events of one run as one text; None: one of them has no form in JSON.

    `[[seq, at, kind, task, data], ...]`, `at` in microseconds: to write a float takes longer than the rest of an event.
    """
    try:
        return _encode([(seq, int(at * _MICRO), kind, task, data) for seq, _, at, kind, task, data in events])
    except Exception:  # as in `encode`
        return None


def encode_event(event: Event, data: str) -> str:
    """Return the JSON of one event, whose data are already text."""
    head = _encode((event.seq, int(event.at * _MICRO), event.kind, event.task))
    return f"[{head[:-1]},{data}]]"


def without_surrogates(text: str) -> str:
    """Return `text` without what SQLite cannot keep."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def joined(text: str | None, blob: str | None, blobs: Blobs) -> Any:
    """Return the value or, if its blob is lost or damaged, `{"lost": <its name>}`."""
    if blob is not None:
        content = blobs.get(blob)
        return {LOST: blob} if content is None else decode(content.decode("ascii"))
    return None if text is None else decode(text)


def start_of(output: Any, text: str) -> JsonObject:
    """Return what is shown of a large output without reading it. `text` is its JSON."""
    shown = output if isinstance(output, str) else text
    return {"text": shown[:_SHOWN], "length": len(shown)}


def _with_blob(data: Any, blob: str, read: Callable[[str], Any], output: Callable[[str], Any] | None) -> Any:
    if not data:
        return read(blob)
    if output is None:
        return data
    value = output(blob)
    rest = {name: each for name, each in data.items() if name != START}
    return {**rest, LOST: blob} if value == {LOST: blob} else {**rest, OUTPUT: value}


def events_of(
    text: str, blob: str | None, run: str, read: Callable[[str], Any], output: Callable[[str], Any] | None
) -> Iterator[Event]:
    """Yield the events of a row, also those of kinds that this version does not know. Raise ValueError, TypeError.

    Args:
        blob: the name of the large value of the row's only event: its output or, if the row has no data, all of them.
        read: returns the value of a blob, or `{"lost": <its name>}`.
        output: the same of a large output; None: the data have the `start_of` each.
    """
    for seq, at, kind, task, data in decode(text):
        known = data if blob is None else _with_blob(data, blob, read, output)
        if not (isinstance(seq, int) and isinstance(kind, str) and (task is None or isinstance(task, str))):
            raise ValueError("an event is not what Nika writes")
        if not isinstance(known, dict) or not 0 <= at < _LATEST:
            raise ValueError("an event is not what Nika writes")
        yield Event(seq, run, at / _MICRO, KINDS.get(kind, kind), task, known)
