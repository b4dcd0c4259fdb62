"""Characters that are never printed as they are: controls, and what reverses a line's direction or is invisible."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Final

# C0 but tab and newline, DEL, C1, marks and overrides of direction, invisible ones (blank letters among them),
# surrogates, tags; not the joiners and the variation selectors that the letters of some scripts and emoji need.
UNSAFE: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

_LATEST: Final = datetime(9999, 12, 30, tzinfo=UTC).timestamp()  # in each time zone; what is later is shown as this


def escape_unsafe(text: str, *, short: bool = False) -> str:
    r"""Return `text` with each unsafe character as JSON writes it: `\u001b`, `\u202e`.

    Args:
        short: up to U+00FF as `\x1b`.
    """

    def escaped(found: re.Match[str]) -> str:
        character = found[0]
        return f"\\x{ord(character):02x}" if short and character < "\u0100" else json.dumps(character)[1:-1]

    return UNSAFE.sub(escaped, text)


def visible(text: str) -> str:
    """Return `text` on one line, without a character that a terminal would act upon."""
    return UNSAFE.sub(_picture, text.replace("\t", " ").replace("\n", "⏎"))


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>"


def iso_time(at: float) -> str:
    """Return a time (seconds since the epoch) for programs: `2026-11-26T09:00:00Z`."""
    return _moment(at).isoformat(timespec="seconds").replace("+00:00", "Z")


def seconds_since_epoch(text: str) -> float:
    """Return the seconds since the epoch of a time that `iso_time` wrote."""
    return datetime.fromisoformat(text).timestamp()


def time_text(at: float) -> str:
    """Return a time (seconds since the epoch) for people, in their time zone."""
    return _moment(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(min(at, _LATEST), UTC)
