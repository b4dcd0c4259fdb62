"""The forms in which a secret can stand in a text."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final
from urllib.parse import quote, quote_plus

MIN_LENGTH: Final = 6
_PERCENT: Final = re.compile(r"%[0-9A-F]{2}")
# What encoders leave as it is: Python's two defaults, `encodeURIComponent`, and a URL's path.
_SAFE: Final = ("", "/", "!'()*", "!$&'()*+,;=:@/")
_URL_SAFE: Final = str.maketrans("+/", "-_")
_GROUPED: Final = 3  # characters by which forms are grouped in a pattern


def forms_of(value: str) -> Iterator[str]:
    """Yield every form of a secret that is to be masked: as it is, and encoded for JSON, URLs, HTML, headers."""
    stripped = value.strip()
    # What has several lines is also shown line by line, and with others' lines between its own.
    for part in {value, stripped, *map(str.strip, stripped.splitlines())}:
        if len(part) < MIN_LENGTH:
            continue
        yield part
        yield from _escaped(part)
        yield from _percent_encoded(part)
        encoded = part.encode("utf-8", "surrogatepass")
        yield from _base64(encoded)
        yield from (encoded.hex(), encoded.hex().upper())
        if part.isdecimal() and len(number := part.lstrip("0")) >= MIN_LENGTH:
            yield number


def pattern_of(forms: Sequence[str]) -> re.Pattern[str] | None:
    """Return what matches each of the forms, of those that begin at one place the first; None without a form."""
    return re.compile(_alternatives(forms, 0)) if forms else None


def _alternatives(forms: Sequence[str], depth: int) -> str:
    """Group forms by their first characters: `re` tries alternatives one by one, and a key has many lines."""
    if depth == _GROUPED or len(forms) < 4:
        return "|".join(re.escape(form[depth:]) for form in forms)
    by_initial = sorted(forms, key=lambda form: form[depth])  # stable: the order within a group stays
    groups = [(initial, list(group)) for initial, group in groupby(by_initial, key=lambda form: form[depth])]
    return "|".join(f"{re.escape(initial)}(?:{_alternatives(group, depth + 1)})" for initial, group in groups)


def _html(text: str) -> str:
    from html import escape  # its table of entities is only needed where there are secrets

    return escape(text)


def _escaped(text: str) -> Iterator[str]:
    """Yield it as in a JSON string, in a JSON text within a JSON string, in Python's `repr`, and in HTML."""
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield from (once, once.replace("/", "\\/"))
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
    yield repr(text)[1:-1]
    yield _html(text)


def _percent_encoded(text: str) -> Iterator[str]:
    """Yield it as in a URL or a form, with capital and small hexadecimal digits."""
    text = text.encode("utf-8", "replace").decode()
    for encoded in (*(quote(text, safe=safe) for safe in _SAFE), quote_plus(text), quote_plus(text, safe="*")):
        yield encoded
        yield _PERCENT.sub(lambda digits: digits[0].lower(), encoded)


def _base64(data: bytes) -> Iterator[str]:
    """Yield the characters that `data` alone decides, wherever it stands in what is encoded (`user:secret`)."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode()
        certain = encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        yield from (certain, certain.translate(_URL_SAFE))
