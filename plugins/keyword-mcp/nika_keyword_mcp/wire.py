"""What a server really sends, as messages that the SDK accepts.

The SDK drops a message that breaks a rule, and its caller waits until the timeout. Here every answer becomes a valid
one: its result travels whole beside a minimal one (`raw`), and what cannot be read becomes an error that says so
(`failure_of`). Pure: bytes and pipes are its callers'.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from nika_core.plugin import Category, shorten

MAX_MESSAGE: Final = 64 * 1024 * 1024  # bytes of one message; more is not a message but a fault
LARGEST_UNENDED: Final = 1024 * 1024  # bytes of a message whose end is looked for where none is told
ELICIT: Final = "elicitation/create"
KEY: Final = "nika/idempotencyKey"  # in `_meta` of a call of a tool
RESULT_FIELDS: Final = frozenset(  # of the result of a call
    {"content", "structuredContent", "isError", "is_error", "resultType", "ttlMs", "cacheScope", "_meta"}
)
_MARK: Final = "nika"  # a key of ours in `_meta` of results and in `data` of errors; servers' own are never kept there
_INTERNAL: Final = -32603
_TRIES: Final = 50  # places of a line at which a message may begin
SHOWN: Final = 300  # characters of a server's reason
_ID: Final = re.compile(r'"id"\s*:\s*"?(\d{1,18})"?\s*[,}]')
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_LONE: Final = re.compile(r"[\ud800-\udfff]")
_HIDDEN: Final = re.compile(r"<(script|style|head)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_TAG: Final = re.compile(r"<[^<>]*>")
_DECODER: Final = json.JSONDecoder(strict=False, parse_constant=lambda _: None)  # NaN and Infinity are not JSON

JsonRpc = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed, as far as the server, or the way to it, says.

    Attributes:
        forgotten: the server does not know the session any more, and did nothing.
    """

    reason: str
    category: str = Category.EXECUTION.value
    code: str | None = None
    hint: str | None = None
    retry_after: float | None = None
    retriable: bool | None = None
    forgotten: bool = False


@dataclass(slots=True)
class Junk:
    """What a server sent last that is not a message, for the error of a call that nothing else ends."""

    text: str = ""


def messages(text: str) -> list[JsonRpc]:
    """Return the messages in a text: usually one; several on one line, a batch, and prints around them are accepted."""
    text = text.strip("\ufeff\x00 \t\r\n")
    found: list[JsonRpc] = []
    for value in _values(text):
        found += [one for one in (value if isinstance(value, list) else [value]) if _is_message(one)]
    return [_without_surrogates(one) for one in found] if found and _SURROGATE.search(text) else found


def _values(text: str) -> Iterator[Any]:
    at = 0
    for _ in range(_TRIES):
        begins = [place for place in (text.find("{", at), text.find("[", at)) if place >= 0]
        if not begins:
            return
        at = min(begins)
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        yield value


def _is_message(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return "jsonrpc" in value or ("id" in value and ("result" in value or bool(value.get("error"))))


def _without_surrogates(value: Any) -> Any:
    """Return `value` with U+FFFD for each half of a character whose other half is missing."""
    if isinstance(value, str):
        return _LONE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return [_without_surrogates(item) for item in value] if isinstance(value, list) else value


def is_json(text: str) -> bool:
    """Return whether a text is JSON, and nothing else."""
    try:
        _DECODER.decode(text.strip("\ufeff\x00 \t\r\n"))
    except (ValueError, RecursionError):
        return False
    return True


def id_in(text: str) -> int | None:
    """Return the id in a message that is not JSON, or None."""
    found = _ID.search(text, 0, 10_000) if '"jsonrpc"' in text[:10_000] else None
    return int(found.group(1)) if found else None


def id_of(message: JsonRpc) -> int | str | None:
    """Return the id of a message, numbers as integers. Our own requests have integers."""
    found = message.get("id")
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 19:
        return int(found)
    if isinstance(found, float) and found.is_integer():
        return int(found)
    return found if isinstance(found, int | str) and not isinstance(found, bool) else None


def is_answer(message: JsonRpc) -> bool:
    """Return whether a message is an answer, and not a request or notification of the server."""
    return not isinstance(message.get("method"), str)


def forwarded(message: JsonRpc, call: str | None = None) -> JsonRpc:
    """Return a request or notification of the server as the SDK accepts it.

    Args:
        call: the key of the call of a tool to which it belongs, if the way that it came tells.
    """
    kept = {"jsonrpc": "2.0", "method": message["method"]}
    if message.get("id") is not None:
        kept["id"] = id_of(message)
    if isinstance(message.get("params"), dict):
        kept["params"] = message["params"]
    if message["method"] == ELICIT:
        kept["params"] = _asked(message.get("params"), call)
    return kept


def _asked(params: Any, call: str | None = None) -> JsonRpc:
    """Return params that every version of the protocol allows, with those of the server beside them."""
    schema = {"type": "object", "properties": {}}
    return {
        "mode": "form",
        "message": "",
        "requestedSchema": schema,
        "_meta": {_MARK: {"params": params, "call": call}},
    }


def answer(request: int | str, method: str, message: JsonRpc) -> JsonRpc:
    """Return the answer to a request as the SDK accepts it."""
    error = message.get("error")
    if error is not None and (error or "result" not in message):
        return failed(request, _failure(error), error)
    if "result" not in message:
        return unreadable(request, message)
    try:
        result = _RESULTS.get(method, _any)(message["result"])
    except _NotAResultError:
        return unreadable(request, message["result"])
    return {"jsonrpc": "2.0", "id": request, "result": result}


def unreadable(request: int | str, content: Any) -> JsonRpc:
    """Return the error for an answer that is not one."""
    shown = content if isinstance(content, str) else json.dumps(content)
    reason = f"the server's answer cannot be read: {cut(shown) or 'it is empty'}"
    return failed(request, Failure(reason, Category.EXECUTION.value, retriable=False))


def of_another_request(request: int | str, message: JsonRpc) -> JsonRpc:
    """Return the error for an answer that names another request than the only one that waits."""
    said = reason_in(message["error"]) if message.get("error") else ""
    other = cut(str(message.get("id")))
    reason = f"the server answered another request ({other}) than the one that was sent ({request})"
    return failed(request, Failure(f"{reason}: {cut(said)}" if said else reason, retriable=False))


def failed(request: int | str, failure: Failure, error: Any = None) -> JsonRpc:
    """Return an error for a request. `error` is the server's own, whose code and data the SDK's negotiation needs."""
    code, data = _INTERNAL, None
    if isinstance(error, Mapping):
        code, data = _code(error), error.get("data")
    kept = {**data} if isinstance(data, Mapping) else {}
    kept[_MARK] = asdict(failure)
    return {"jsonrpc": "2.0", "id": request, "error": {"code": code, "message": failure.reason, "data": kept}}


def failure_of(data: Any) -> Failure | None:
    """Return the failure in an error's data; None: the error is the SDK's own."""
    found = data.get(_MARK) if isinstance(data, Mapping) else None
    return Failure(**found) if isinstance(found, Mapping) else None


def pages(data: Any) -> list[Any]:
    """Return what an error that a page has to be opened first says of the pages."""
    listed = data.get("elicitations") if isinstance(data, Mapping) else None
    return (
        [{**one, "mode": "url"} if isinstance(one, dict) else one for one in listed] if isinstance(listed, list) else []
    )


def raw(meta: Any) -> Any:
    """Return a result as the server sent it, from the `_meta` of the minimal one."""
    return meta.get(_MARK) if isinstance(meta, Mapping) else None


def _code(error: Mapping[str, Any]) -> int:
    code = error.get("code")
    if isinstance(code, str) and re.fullmatch(r"-?\d{1,9}", code):
        return int(code)
    whole = isinstance(code, int) or (isinstance(code, float) and code.is_integer())
    return int(code) if whole and not isinstance(code, bool) and abs(code) < 2**31 else _INTERNAL  # type: ignore[arg-type]  # `whole` says that it is a number


def _failure(error: Any) -> Failure:
    reason = reason_in(error)
    if isinstance(error, Mapping):
        code, data = error.get("code"), error.get("data")
        if isinstance(code, str) and code not in reason and not code.lstrip("-").isdigit():
            reason = f"{code}: {reason}"
        if data not in (None, "", {}, []):
            details = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
            if details not in reason:
                reason = f"{reason} ({details})"
    return Failure(cut(reason) or "an error without a word")


def reason_in(body: Any, depth: int = 0) -> str:
    """Return what an error's body says, whatever form it has: an object, a list, a text."""
    if isinstance(body, str):
        return body.strip()
    if isinstance(body, list) and body:
        return "; ".join(filter(None, (reason_in(one, depth + 1) for one in body[:3]))) if depth < 5 else ""
    if isinstance(body, Mapping) and depth < 5:
        for key in ("message", "error", "errors", "detail", "msg", "error_description", "reason", "title"):
            said = reason_in(body.get(key), depth + 1)
            if said:
                more = reason_in(body.get("error_description"), depth + 1)
                return said if more in said else f"{said}: {more}"
    return json.dumps(body, ensure_ascii=False) if body and depth == 0 else ""


def reason_in_text(text: str) -> str:
    """Return what the body of an HTTP error says: JSON, HTML or a text."""
    try:
        body = _DECODER.decode(text)
    except (ValueError, RecursionError):
        if "<" in text and ">" in text:
            title = _TITLE.search(text)
            shown = _TAG.sub(" ", _HIDDEN.sub(" ", text))
            text = " ".join(shown.split()) or (title.group(1) if title else "")
        return cut(text)
    return cut(reason_in(_without_surrogates(body)))


def cut(text: str) -> str:
    """Return a server's words on one line, at most 300 characters."""
    line = " ".join(shorten(text, 10 * SHOWN).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


class _NotAResultError(Exception):
    """A result is not even an object."""


def _any(result: Any) -> JsonRpc:
    if not isinstance(result, dict):
        raise _NotAResultError
    return result


def _initialized(result: Any) -> JsonRpc:
    if not isinstance(result, dict) or not isinstance(result.get("protocolVersion"), str):
        raise _NotAResultError
    info = result.get("serverInfo")
    named = info if isinstance(info, dict) else {}
    return {
        "protocolVersion": result["protocolVersion"],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": str(named.get("name") or ""), "version": str(named.get("version") or "")},
    }


def _listed(result: Any) -> JsonRpc:
    tools = result.get("tools") if isinstance(result, dict) else None
    if tools is None and isinstance(result, dict) and "tools" in result:
        tools = []
    if not isinstance(tools, list):
        raise _NotAResultError
    readable = [one for one in tools if isinstance(one, dict) and isinstance(one.get("name"), str) and one["name"]]
    kept: JsonRpc = {"tools": [{"name": one["name"], "inputSchema": _schema(one)} for one in readable]}
    if isinstance(result.get("nextCursor"), str | int):
        kept["nextCursor"] = str(result["nextCursor"])
    return _complete(kept, readable)


def _schema(tool: JsonRpc) -> JsonRpc:
    """Return as much of a tool's schema as the SDK reads: annotations of its properties."""
    schema = tool.get("inputSchema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not all(isinstance(one, dict) for one in properties.values()):
        return {"type": "object"}
    return {"type": "object", "properties": properties}


def _called(result: Any) -> JsonRpc:
    if not isinstance(result, dict):
        raise _NotAResultError
    if result.get("resultType") == "input_required":
        wanted = result.get("inputRequests")
        if not isinstance(wanted, dict):
            return result
        return {**result, "inputRequests": {key: _input_request(one) for key, one in wanted.items()}}
    if "toolResult" in result and result.get("content") is None:  # of the first version of the protocol
        told = result["toolResult"]
        result = {**result, **({"content": told} if isinstance(told, str) else {"structuredContent": told})}
    if result and not result.keys() & RESULT_FIELDS:
        raise _NotAResultError
    return _complete({"content": []}, result)


def _input_request(request: Any) -> Any:
    if isinstance(request, dict) and request.get("method") == ELICIT:
        return {**request, "params": _asked(request.get("params"))}
    return request


def _complete(kept: JsonRpc, whole: Any) -> JsonRpc:
    return {**kept, "resultType": "complete", "ttlMs": 0, "cacheScope": "private", "_meta": {_MARK: whole}}


_RESULTS: Final = {"initialize": _initialized, "tools/list": _listed, "tools/call": _called}
