"""The url field: where a value stands in it, and how it is written there so that it stays data.

A value is percent-encoded for its part of the URL, so it can add no path segment, no query parameter and no fragment.
It can never reach scheme, user, host or port, unless the whole field is one placeholder: then the value is the URL. An
environment variable can also be the beginning of the URL: `${env.API}/items`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote, unquote

from nika_core.plugin import Json, Placeholder, Template, TemplateValueError, codes, shorten
from nika_core.toolbox.network import LINK_LOCAL_HINT

_NEVER_IN_A_URL: Final = re.compile(r"[\x00-\x20\x7f-\xa0]")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_AUTHORITY_END: Final = re.compile(r"[/?#\\]")
_PORT: Final = re.compile(r"[0-9]{1,5}\Z")
_PLAIN_HOST: Final = re.compile(r"([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:[1-9][0-9]*)?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as the last label of a host, it makes the host an address
_USUAL_PORTS: Final = {"http": 80, "https": 443}
_STAND_IN: Final = "x"
_STAND_IN_BASE: Final = "http://x"
_DOTS: Final = frozenset({".", ".."})
MAX_URL: Final = 16_384  # characters, after encoding; servers refuse less


class Part(StrEnum):
    """A part of a URL, by its usual name."""

    BASE = "beginning"
    START = "scheme or host"
    AUTHORITY = "host"
    PATH = "path"
    QUERY = "query"
    FRAGMENT = "fragment"


@dataclass(frozen=True, slots=True)
class UrlProblem:
    """What is wrong with a URL; `placeholder` where it is about one."""

    message: str
    hint: str
    placeholder: Placeholder | None = None


def as_text(value: Json) -> str:
    """Return how a value is written where text is asked: text as it is, anything else as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _part_after(text: str) -> Part:
    """Return in which part of a URL something stands that follows `text`."""
    scheme = _SCHEME.match(text)
    if scheme is None:
        return Part.START
    rest = text[scheme.end() :]
    if not _AUTHORITY_END.search(rest):
        return Part.AUTHORITY
    if "#" in rest:
        return Part.FRAGMENT
    return Part.QUERY if "?" in rest else Part.PATH


def has_base(template: Template) -> bool:
    """Return whether the URL begins with an environment variable, which ends before a path, a query or a fragment."""
    first, *following = template.parts
    return (
        isinstance(first, Placeholder)
        and all(member.source == "env" for member in first.members)
        and bool(following)
        and isinstance(following[0], str)
        and following[0].startswith(("/", "?", "#"))
    )


def placed(template: Template) -> Iterator[tuple[Placeholder, Part]]:
    """Yield each placeholder with the part of the URL in which it stands."""
    before, part = "", Part.START
    based = has_base(template)
    for number, piece in enumerate(template.parts):
        if isinstance(piece, Placeholder):
            if number == 0 and based:
                yield piece, Part.BASE
                before, part = _STAND_IN_BASE, Part.AUTHORITY
                continue
            yield piece, part
            piece = _STAND_IN
        before += piece
        if part in (Part.START, Part.AUTHORITY):
            part = _part_after(before)
        elif "#" in piece:
            part = Part.FRAGMENT
        elif "?" in piece and part is Part.PATH:
            part = Part.QUERY


def problems(url: Template | str) -> Iterator[UrlProblem]:
    """Return what is wrong whatever the values will be."""
    if isinstance(url, str):
        why = why_not_a_url(url)
        if why is not None:
            yield why
        return
    if url.single is not None:
        return
    if len(url.text) > MAX_URL:
        yield _too_long(len(url.text))
        return
    outside = [(placeholder, part) for placeholder, part in placed(url) if part in (Part.START, Part.AUTHORITY)]
    for placeholder, part in outside:
        yield UrlProblem(
            f"{placeholder.text} stands in the {part} of the URL: a value cannot say where a request goes",
            "write the host as plain text, begin the URL with an environment variable (${env.API}/items), or make the "
            "whole url one placeholder, whose value is the whole URL",
            placeholder,
        )
    if not outside:
        based = has_base(url)
        stand_ins = [_STAND_IN_BASE if based and number == 0 else _STAND_IN for number in range(len(url.parts))]
        parts = zip(url.parts, stand_ins, strict=True)
        why = why_not_a_url("".join(part if isinstance(part, str) else stand_in for part, stand_in in parts))
        if why is not None:
            yield why


def why_not_a_url(url: str) -> UrlProblem | None:
    """Return why a request cannot be sent to `url`; None if it can."""
    hint = "a URL looks like https://api.example.com/items?page=2"
    if not url:
        return UrlProblem("the url is empty", hint)
    if len(url) > MAX_URL:
        return _too_long(len(url))
    if _NEVER_IN_A_URL.search(url):
        return UrlProblem(
            "the url has a space, a line break or a control character in it",
            "write a space as %20; a value that a template puts into a part of a URL is encoded for you",
        )
    scheme = _SCHEME.match(url)
    if scheme is None:
        return UrlProblem(f"'{_short(url)}' is not a URL: it has no scheme and host", hint)
    name = scheme.group()[:-3].lower()
    if name not in ("http", "https"):
        return UrlProblem(f"'{name}' is not a scheme that http speaks", "only http:// and https:// URLs are called")
    rest = url[scheme.end() :]
    end = _AUTHORITY_END.search(rest)
    authority = rest[: end.start()] if end else rest
    if end is not None and end.group() == "\\":
        return UrlProblem("the url has a backslash after its host", "write / between the parts of a URL")
    if "@" in authority:
        return UrlProblem(
            "the url has a user or a password before its host",
            "send them as a header, e.g. Authorization: Basic ${env.API_BASIC}",
        )
    return _why_not_an_authority(authority, hint)


def _too_long(length: int) -> UrlProblem:
    return UrlProblem(f"the url has {length} characters, at most {MAX_URL} are sent", "send the data as json or body")


def _why_not_an_authority(authority: str, hint: str) -> UrlProblem | None:
    host, port = authority, ""
    if authority.startswith("["):
        address, closed, after = authority[1:].partition("]")
        if not closed or (after and not after.startswith(":")):
            return UrlProblem(f"'{_short(authority)}' is not a host", "an IPv6 address stands in [ ]")
        if "%" in address:
            return UrlProblem("the url has an address with a zone, which http does not call", LINK_LOCAL_HINT)
        host, port = address, after[1:]
    else:
        host, _, port = authority.partition(":")
    if not host:
        return UrlProblem("the url has no host", hint)
    if "%" in host:
        return UrlProblem(f"the host '{_short(host)}' is percent-encoded", "write the host as it is")
    if port and (not _PORT.match(port) or int(port) > 65_535 or int(port) == 0):
        return UrlProblem(f"'{_short(port)}' is not a port", "a port is a number from 1 to 65535")
    return None


def host_of(url: str) -> str:
    """Return `host`, or `host:port` if the URL has one, as it is written there; "" if it has none."""
    scheme = _SCHEME.match(url)
    return "" if scheme is None else _AUTHORITY_END.split(url[scheme.end() :], maxsplit=1)[0].lower()


def rule_host(url: str) -> str | None:
    """Return the host as rules have it: in small letters, with a port that is not the scheme's; None: it is unclear."""
    if why_not_a_url(url) is not None:
        return None
    scheme, host = url.partition(":")[0].lower(), host_of(url)
    if _PLAIN_HOST.fullmatch(host) is None:
        return None
    name, _, port = host.rpartition(":") if _PORT.match(host.rpartition(":")[2]) and ":" in host else (host, "", "")
    if not _has_one_spelling(name):
        return None
    return name if port and int(port) == _USUAL_PORTS[scheme] else host


def _has_one_spelling(name: str) -> bool:
    """Return whether a host is a name, or an address as it is usually written: `127.1` is 127.0.0.1, too."""
    if not name.startswith("[") and not _NUMBER.fullmatch(name.rpartition(".")[2]):
        return True
    try:
        address = ip_address(name.strip("[]"))
    except ValueError:
        return False
    return str(address) == name.strip("[]") and getattr(address, "ipv4_mapped", None) is None


def without_query(url: str) -> str:
    """Return `url` as it may be shown in a message: without query and fragment, where people put keys."""
    shown = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme = _SCHEME.match(shown)
    if scheme is not None and "@" in host_of(shown):
        end = _AUTHORITY_END.search(shown, scheme.end())
        stop = end.start() if end else len(shown)
        shown = scheme.group() + shown[scheme.end() : stop].rpartition("@")[2] + shown[stop:]
    return _short(shown, 300)


def render(template: Template | str, values: Sequence[Json]) -> str:
    """Return the URL. Raise TemplateValueError for a value that may not stand where its placeholder stands."""
    if isinstance(template, str):
        return template
    if template.single is not None:
        return _whole(template.single, values[0])
    if len(template.text) > MAX_URL:
        raise TemplateValueError(_too_long(len(template.text)).message, code=codes.VALUE_TOO_LARGE)
    pieces: list[str] = []
    in_path: list[tuple[Placeholder, int]] = []
    where = dict(placed(template))
    remaining = iter(values)
    for piece in template.parts:
        if isinstance(piece, str):
            pieces.append(piece)
            continue
        part = where[piece]
        if part is Part.BASE:
            pieces.append(_base(piece, next(remaining)))
            continue
        if part in (Part.START, Part.AUTHORITY):
            raise TemplateValueError(
                f"{piece.text} stands in the {part} of the URL: a value cannot say where a request goes",
                code=codes.VALUE_NOT_ALLOWED_HERE,
                hint="make the whole url one placeholder, whose value is the whole URL",
            )
        if part is Part.PATH:
            in_path.append((piece, sum(map(len, pieces))))
        pieces.append(_encoded(piece, next(remaining)))
    url = "".join(pieces)
    for placeholder, start in in_path:
        _refuse_dots(url, placeholder, start)
    return url


def _base(placeholder: Placeholder, value: Json) -> str:
    """Return the beginning of a URL: scheme and host, and perhaps a path."""
    base = _whole(placeholder, value).rstrip("/")
    why = why_not_a_url(base)
    message = why.message if why is not None else "it has a query or a fragment" if re.search("[?#]", base) else None
    if message is not None:
        raise TemplateValueError(
            f"the value of {placeholder.text} cannot be the beginning of a URL: {message}",
            code=codes.VALUE_NOT_ALLOWED_HERE,
            hint="it is like https://api.example.com/v1, without a query",
        )
    return base


def _whole(placeholder: Placeholder, value: Json) -> str:
    if not isinstance(value, str):
        raise TemplateValueError(
            f"{placeholder.text} is {shorten(as_text(value), 60)}, and a URL is a text",
            code=codes.VALUE_NOT_ALLOWED_HERE,
            hint="name the field that holds the URL, e.g. {{task.url}}",
        )
    return value


def _encoded(placeholder: Placeholder, value: Json) -> str:
    try:
        return quote(as_text(value), safe="")
    except UnicodeEncodeError:
        raise TemplateValueError(
            f"{placeholder.text} holds half a character (a lone surrogate), which no URL can carry",
            code=codes.VALUE_NOT_ALLOWED_HERE,
        ) from None


def _refuse_dots(url: str, placeholder: Placeholder, start: int) -> None:
    """Refuse a path segment that values made `.` or `..`: clients and servers walk up there, encoded or not."""
    end = _AUTHORITY_END.search(url, start)
    segment = unquote(url[url.rfind("/", 0, start) + 1 : end.start() if end else len(url)])
    if segment in _DOTS:
        raise TemplateValueError(
            f"{placeholder.text} makes a segment of the URL's path '{segment}', which would lead to another folder",
            code=codes.VALUE_NOT_ALLOWED_HERE,
            hint="check the value before it gets here, or send it in query",
        )


def _short(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
