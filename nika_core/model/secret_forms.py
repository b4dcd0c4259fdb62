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
_NESTED: Final = 3  # JSON strings within each other
_NUMBERED: Final = ("", "<>&", "<>&'", "<>&'+`\"")  # written as `\u003c` in JSON: by nobody, Go, PHP, .NET
_DIGITS: Final = re.compile(r"\\u[0-9a-f]{4}")
_HTML_QUOTES: Final = (
    {"'": "&#x27;", '"': "&quot;"},
    {"'": "&#39;", '"': "&#34;"},
    {"'": "&#39;", '"': "&quot;"},
    {"'": "&#039;", '"': "&quot;"},
    {"'": "&apos;", '"': "&quot;"},
)
_NOT_A_WORD: Final = re.compile(  # what a shell's `%q` writes a backslash before
    r"(?![\w@%+=:,./~-])[\x00-\x7f]|\A~", re.ASCII
)
_GROUPED: Final = 3  # characters by which forms are grouped in a pattern


def forms_of(value: str) -> Iterator[str]:
    """Yield every form of a secret that is to be masked: as it is, and encoded for JSON, URLs, HTML, headers."""
    stripped = value.strip()
    # What has several lines is also shown line by line, and with others' lines between its own.
    for part in {value, stripped, *map(str.strip, stripped.splitlines())}:
        if len(part) < MIN_LENGTH:
            continue
        for form in {part, part.lower(), part.upper(), *_escaped(part), *_percent_encoded(part)}:
            # Hosts and the names of headers and variables change case; a program's output is often a string of JSON or
            # of Python around it.
            yield from (form, json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1], repr(form)[1:-1])
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


def _escaped(text: str) -> Iterator[str]:
    """Yield it as programs write it in a JSON string, also within other JSON strings, in HTML, and quoted."""
    for ascii_only in (True, False):
        written = text
        for _ in range(_NESTED):
            written = json.dumps(written, ensure_ascii=ascii_only)[1:-1]
            yield from (written, written.replace("/", "\\/"))
        for numbered in _NUMBERED:
            written = "".join(_in_json(character, numbered, ascii_only) for character in text)
            yield from (written, _DIGITS.sub(lambda digits: digits[0].upper().replace("U", "u"), written))
    yield repr(text)[1:-1]
    yield repr(text.encode("utf-8", "surrogatepass"))[2:-1]
    in_html = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    yield in_html
    for quotes in _HTML_QUOTES:
        written = in_html
        for character, entity in quotes.items():
            written = written.replace(character, entity)
        yield written
    # In a shell (`set -x`, `printf %q`, `shlex.quote`), in SQL and YAML, in CSV.
    yield from (text.replace("'", other) for other in ("'\\''", "'\"'\"'", "''"))
    yield text.replace('"', '""')
    yield _NOT_A_WORD.sub(r"\\\g<0>", text)


def _in_json(character: str, numbered: str, ascii_only: bool) -> str:
    return f"\\u{ord(character):04x}" if character in numbered else json.dumps(character, ensure_ascii=ascii_only)[1:-1]


def _percent_encoded(text: str) -> Iterator[str]:
    """Yield it as in a URL or a form, with capital and small hexadecimal digits, also within another URL."""
    text = text.encode("utf-8", "replace").decode()
    for encoded in (*(quote(text, safe=safe) for safe in _SAFE), quote_plus(text), quote_plus(text, safe="*")):
        for written in (encoded, _PERCENT.sub(lambda digits: digits[0].lower(), encoded)):
            yield from (written, written.replace("%", "%25"))


def _base64(data: bytes) -> Iterator[str]:
    """Yield the characters that `data` alone decides, wherever it stands in what is encoded (`user:secret`)."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode()
        certain = encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        yield from (certain, certain.translate(_URL_SAFE))
