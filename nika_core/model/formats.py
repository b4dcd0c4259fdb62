"""Formats of texts that people type: what each is called, and whether a text has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

FORMAT_NAMES: Final[Mapping[str, str]] = {
    "email": "an email address",
    "uri": "a URI, e.g. https://example.com",
    "date": "a date, e.g. 2026-11-26",
    "date-time": "a date and time, e.g. 2026-11-26T14:30:00Z",
}


def has_format(text: str, name: str) -> bool:
    """Return whether a text has a format of `FORMAT_NAMES`; every text has "", and one that is not known."""
    check = _FORMATS.get(name)
    return check is None or check(text)


def _is_email(text: str) -> bool:
    name, _, host = text.rpartition("@")
    return bool(name and host) and "@" not in name and not any(char.isspace() for char in text)


def _is_uri(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x1f\x7f]+", text) is not None


def _is_date(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) is not None and _parses(date.fromisoformat, text)


def _is_date_time(text: str) -> bool:
    shape = r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)"
    found = re.fullmatch(shape, text, re.ASCII)
    return found is not None and _parses(datetime.fromisoformat, text[:19].upper())


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


_FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "email": _is_email,
    "uri": _is_uri,
    "date": _is_date,
    "date-time": _is_date_time,
}
