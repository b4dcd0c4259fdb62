"""From a rendered payload to what is sent. No I/O; every mistake is an error that names the field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, quote_plus

from nika_core.plugin import Category, Json, JsonObject, TaskError, codes, shorten
from nika_keyword_http.urls import as_text, why_not_a_url

TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "QUERY")
REFUSED_METHODS: Final = frozenset({"CONNECT", "TRACE"})
BODIES: Final = ("json", "body", "form")
# The connection's own business: a request with one of these could be cut into two.
REFUSED_HEADERS: Final = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection"}
    | {"te", "trailer", "transfer-encoding", "upgrade"}
)
# What may go along to another origin; everything else, known or not, may be a secret.
HARMLESS_HEADERS: Final = frozenset({"accept", "accept-language", "content-type", "user-agent", "cache-control"})
SENSITIVE_HEADER: Final = re.compile(
    r"auth|cookie|token|secret|key|password|credential|signature|session", re.IGNORECASE
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_STATUS: Final = re.compile(r"([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?\Z|([1-5])xx\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `url` holds the query; header names are lower case."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = None

    @property
    def header_names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.headers)


def build(payload: JsonObject, idempotency_key: str, traceparent: str = "") -> Request:
    """Return the request that `payload` describes, with the trace that it belongs to. Raise TaskError."""
    url = payload.get("url")
    if not isinstance(url, str):
        raise wrong("url", "is a text")
    problem = why_not_a_url(url)
    if problem is not None:
        raise TaskError(
            problem.message, category=Category.TEMPLATE, code=codes.VALUE_NOT_ALLOWED_HERE, hint=problem.hint
        )
    body, content_type = _body(payload)
    method = method_of(payload.get("method"), has_body=body is not None)
    headers = dict(_headers(payload.get("headers") or {}))
    if content_type is not None:
        headers.setdefault("content-type", content_type)
    if payload.get("idempotencyKey") is True:
        headers.setdefault("idempotency-key", idempotency_key)
    if traceparent:
        headers.setdefault("traceparent", traceparent)
    headers.setdefault("accept", "*/*")
    headers.setdefault("user-agent", "nika/5")
    return Request(method, _with_query(url, payload.get("query")), tuple(headers.items()), body)


def wrong(field: str, what: str, hint: str | None = None) -> TaskError:
    """Return the error for a field that is not what it has to be."""
    return TaskError(f"http: {field} {what}", category=Category.CONFIG, hint=hint)


def method_of(value: Json, *, has_body: bool = False) -> str:
    """Return the method in capitals. Raise TaskError."""
    if value is None:
        return "POST" if has_body else "GET"
    method = value.strip().upper() if isinstance(value, str) else ""
    if not TOKEN.match(method) or len(method) > 32 or method in REFUSED_METHODS:
        raise wrong("method", f"{shorten(as_text(value), 40)!r} cannot be sent", f"one of {', '.join(METHODS)}")
    return method


def why_not_a_header(name: str) -> str | None:
    """Return why a request may not have a header of this name."""
    if not TOKEN.match(name):
        return f"'{name}' is not the name of a header: it has only ASCII letters, digits and -_.!#$%&'*+^`|~"
    if name.lower() in REFUSED_HEADERS:
        return f"the header '{name}' belongs to the connection and is set by http itself"
    return None


def _headers(headers: Json) -> Iterator[tuple[str, str]]:
    if not isinstance(headers, Mapping):
        raise wrong("headers", "are names and values")
    for name, value in headers.items():
        why = why_not_a_header(name)
        if why is not None:
            raise TaskError(why, category=Category.CONFIG, code=codes.BAD_CONFIGURATION)
        text = as_text(value)
        if _CONTROL.search(text):
            what = "a line break" if "\n" in text or "\r" in text else "a control character"
            raise TaskError(
                f"the value of the header '{name}' has {what} in it",
                category=Category.TEMPLATE,
                code=codes.VALUE_NOT_ALLOWED_HERE,
                hint="a header is one line: take out the line break, or send the value in the body",
            )
        yield name.lower(), text.strip(" \t")


def _body(payload: JsonObject) -> tuple[bytes | None, str | None]:
    given = [field for field in BODIES if field in payload]
    if len(given) > 1:
        raise wrong(" and ".join(given), "are both given", "a request has one body: json, body or form")
    if "json" in payload:
        text = json.dumps(payload["json"], separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return _utf8("json", text), "application/json"
    if "body" in payload:
        return _utf8("body", as_text(payload["body"])), "text/plain; charset=utf-8"
    if "form" in payload:
        text = "&".join(f"{quote_plus(n)}={quote_plus(v)}" for n, v in _pairs("form", payload["form"]))
        return text.encode("ascii"), "application/x-www-form-urlencoded"
    return None, None


def _utf8(field: str, text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise wrong(field, "holds half a character (a lone surrogate), which cannot be sent") from None


def _pairs(field: str, value: Json) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        raise wrong(field, f"is names and values, not {shorten(as_text(value), 60)}")
    for name, item in value.items():
        items: Iterable[Json] = item if isinstance(item, Sequence) and not isinstance(item, str) else (item,)
        for one in items:
            if one is not None:
                text = as_text(one)
                _utf8(field, name + text)
                yield name, text


def _with_query(url: str, query: Json) -> str:
    if query is None:
        return url
    added = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in _pairs("query", query))
    if not added:
        return url
    address, hash_sign, fragment = url.partition("#")
    joint = "" if address.endswith(("?", "&")) else "&" if "?" in address else "?"
    return address + joint + added + hash_sign + fragment


@dataclass(frozen=True, slots=True)
class Statuses:
    """Which statuses are a success. `text` is how the author wrote them."""

    ranges: tuple[tuple[int, int], ...]
    text: str

    def __contains__(self, status: int) -> bool:
        return any(low <= status <= high for low, high in self.ranges)


def statuses(value: Json) -> Statuses:
    """Parse `204`, `2xx`, `200-299` or a list of these. Raise TaskError."""
    if value is None:
        return Statuses(((200, 299),), "2xx")
    items: Iterable[Json] = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    texts = [text.strip() for item in items for text in as_text(item).split(",")]
    ranges: list[tuple[int, int]] = []
    for text in texts:
        match = _STATUS.match(text)
        if match is None:
            raise wrong(
                "expectStatus", f"'{shorten(text, 40)}' is not a status", "write 204, 2xx, 200-299, or a list of these"
            )
        first, last, hundred = match.groups()
        low, high = (int(hundred) * 100, int(hundred) * 100 + 99) if hundred else (int(first), int(last or first))
        if low > high:
            raise wrong("expectStatus", f"'{text}' is an empty range", f"write {high}-{low}")
        ranges.append((low, high))
    return Statuses(tuple(ranges), ", ".join(texts))
