"""What a server says in an error, whatever form its body has."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from nika_core.values import dataclass

_TEXTS: Final = (
    "message", "msg", "detail", "data", "error", "errors", "error_message", "error_msg", "errorMessage",
    "error_description",
    "description", "reason", "title", "text", "raw", "body", "cause", "fault", "faultstring", "status_msg", "base_resp",
)  # fmt: skip
_CODES: Final = ("code", "type", "status", "error_code", "errorCode", "__type", "kind")
_STATUSES: Final = ("code", "status", "status_code", "statusCode", "http_code", "error_code")
_STATUS: Final[Sequence[tuple[str, int]]] = (  # what servers call an error, to the HTTP status that says the same
    (r"context_length|exceed_context|string_above_max", 400),
    (r"authentication|unauthenticated|unauthorized|invalid_api_key", 401),
    (r"billing|insufficient_quota|insufficient_balance|payment", 402),
    (r"permission|forbidden", 403),
    (r"model_not_found|not_found", 404),
    (r"request_too_large", 413),
    (r"rate_?limit|resource_exhausted|too_many_requests|throttl", 429),
    (r"overloaded|unavailable|capacity", 529),
    (r"timeout|deadline", 504),
    (r"invalid_request|bad_?request|invalid_argument|validation|unsupported_parameter", 400),
    (r"api_error|server_error|internal", 500),
)
_REFUSAL: Final = re.compile(
    r"unsupported|not.{0,3}support|unknown|unrecogni[sz]ed|unexpected|not permitted|not allowed|extra (inputs|fields)"
    r"|does not (exist|take|accept)|not (accepted|available|recogni[sz]ed|implemented)|unavailable|no such|forbidden"
    r"|instead|invalid (field|parameter|argument|option|key)|only the default",
    re.IGNORECASE,
)
_PAGE: Final = re.compile(r"<(html|!doctype|body|h1|title)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What a server says.

    Attributes:
        message: its sentence, or what there is; "" if it says nothing.
        code: its own word for the error.
        status: the HTTP status that its fields or its word stand for; None if none does.
    """

    message: str = ""
    code: str | None = None
    status: int | None = None

    def refuses(self, names: Iterable[str], named: Iterable[str] = ()) -> str | None:
        """Return which of these fields of a request the server does not take, if that is what it says.

        Args:
            named: fields for which it is enough that the server names them, since no user has written them.
        """
        said = _REFUSAL.search(self.message) or "unsupported" in (self.code or "")
        found = [
            (place.start(), name)
            for name in names
            if (said or name in named) and (place := re.search(rf"\b{re.escape(name)}\b", self.message))
        ]
        return min(found)[1] if found else None


def read_error_body(body: Any) -> ErrorBody:
    """Read the body of an error: bytes, a text (JSON, HTML or neither), or what JSON is."""
    if isinstance(body, bytes | bytearray):
        wide = body[:2] in (b"\xff\xfe", b"\xfe\xff")
        body = bytes(body).decode("utf-16" if wide else "utf-8", "replace")
    if isinstance(body, str):
        value = _parsed(body)
        if value is None:
            return ErrorBody(_page_text(body) if _PAGE.search(body) else body)
        body = value
    if isinstance(body, list):
        body = next((each for each in body if isinstance(each, Mapping)), {"message": body})
    if not isinstance(body, Mapping):
        return ErrorBody("" if body is None else str(body))
    error = body.get("error")
    inner = error if isinstance(error, Mapping) else {}
    code = _code(inner) or _code(body)
    texts = sentence_in(body)
    param = inner.get("param") or body.get("param")
    if isinstance(param, str) and param and param not in texts:
        texts = f"{texts} ({param})"
    return ErrorBody(texts or json.dumps(body, ensure_ascii=False, default=str), code, _status(inner, body, code))


def error_in(event: Mapping[str, Any]) -> ErrorBody | None:
    """Return the error that an event of a reply is, or None."""
    kind = event.get("type") or event.get("object")
    if event.get("error") or kind in ("error", "response.failed"):
        return read_error_body(event)
    choices = event.get("choices")
    for choice in choices if isinstance(choices, list) else ():  # a gateway's: the error of the server behind it
        if isinstance(choice, dict) and choice.get("error"):
            return read_error_body({"error": choice["error"]})
    return None


def _parsed(text: str) -> Any:
    """Return the object or list in a text, also if it is JSON in a JSON text."""
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _parsed(value) or value if isinstance(value, str) else value


def sentence_in(value: Any, depth: int = 4) -> str:
    """Return what a value says, or "": in an object those under the usual names, in a list those of its entries."""
    if isinstance(value, str):
        inner = _parsed(value)
        return value.strip() if inner is None or depth <= 0 else sentence_in(inner, depth - 1) or value.strip()
    if depth <= 0 or value is None or isinstance(value, bool | int | float):
        return ""
    if isinstance(value, Mapping):
        found = [text for name in _TEXTS if (text := sentence_in(value.get(name), depth - 1))]
        metadata = value.get("metadata")  # of a server that passes requests on: what the other one said
        found += [sentence_in(metadata, depth - 1)] if isinstance(metadata, Mapping) else []
        place = value.get("loc")
        text = ": ".join(dict.fromkeys(part for part in found if part))
        return f"{'.'.join(map(str, place))}: {text}" if isinstance(place, list) and place else text
    return "; ".join(dict.fromkeys(text for each in value if (text := sentence_in(each, depth - 1))))


def _code(value: Mapping[str, Any]) -> str | None:
    found = [value[name] for name in _CODES if isinstance(value.get(name), str | int) and value[name] not in ("", None)]
    words = [str(each) for each in found if not isinstance(each, int | bool) and each != "error"]
    return words[0] if words else str(found[0]) if found else None


def _status(inner: Mapping[str, Any], outer: Mapping[str, Any], code: str | None) -> int | None:
    for value in (inner, outer):
        for name in _STATUSES:
            number = value.get(name)
            if isinstance(number, str) and number.isascii() and number.isdigit():
                number = int(number)
            if isinstance(number, int) and not isinstance(number, bool) and 400 <= number < 600:
                return number
        for name in _CODES:
            word = value.get(name)
            if isinstance(word, str):
                for pattern, status in _STATUS:
                    if re.search(pattern, word, re.IGNORECASE):
                        return status
    return None


def _page_text(page: str) -> str:
    """Return the words of a page of HTML."""
    page = re.sub(r"<(script|style|head)\b.*?</\1\s*>", _title_of, page, flags=re.IGNORECASE | re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def _title_of(element: re.Match[str]) -> str:
    title = re.search(r"<title[^>]*>(.*?)</title", element[0], re.IGNORECASE | re.DOTALL)
    return f" {title[1]}. " if title else " "
