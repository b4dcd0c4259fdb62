"""What a server asks in a call of a tool (`elicitation/create`), as a question for a person, and the answer for it.

The message and the schema are the server's, and not trusted: they are shown as its words, bounded in size, and only the
flat schemas that MCP allows become forms. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from nika_core.plugin import InputSpec, Json, JsonObject, Question
from nika_keyword_mcp import wire
from nika_keyword_mcp.form import UnusableError, form_of

MAX_REQUEST: Final = 64 * 1024  # bytes of one request as JSON
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
_DECLINE: Final = "decline"
_CANCEL: Final = "cancel"


@dataclass(frozen=True, slots=True)
class Call:
    """The call of a tool in which a server asks.

    Attributes:
        arguments: of the tool, by name.
    """

    server: str
    tool: str
    arguments: JsonObject


@dataclass(frozen=True, slots=True)
class Reply:
    """A person's answer for the server.

    Attributes:
        action: `accept`, `decline` or `cancel`.
        content: the fields of an accepted form, by name; None: there is no form, or it was not accepted.
    """

    action: str
    content: JsonObject | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the result of `elicitation/create`."""
        return {"action": self.action} if self.content is None else {"action": self.action, "content": self.content}


@dataclass(frozen=True, slots=True)
class Request:
    """What a server asks.

    Attributes:
        question: for a person; it stands for the server, tool, arguments, message, schema or URL, and the number.
        is_form: whether an accepted answer has content.
    """

    question: Question
    is_form: bool

    def reply(self, answer: Json) -> Reply:
        """Return what the server is told; the answer is one that fits the question."""
        if answer in (_DECLINE, _CANCEL):
            return Reply(str(answer))
        if answer is False:
            return Reply(_DECLINE)
        if not self.is_form:
            return Reply("accept")
        return Reply("accept", answer if isinstance(answer, Mapping) else {})


def request_of(params: Any, call: Call, number: int, mask: Callable[[str], str], *, first: bool = False) -> Request:
    """Return what a server asks.

    Args:
        params: of the request, as the server sent it.
        number: which question of this call it is, from 1.
        mask: replaces secrets; a schema that holds one is not used, since the answer would not be what it means.
        first: whether the server refuses the call until this is done.

    Raises:
        UnusableError: it cannot be asked.
    """
    if not isinstance(params, Mapping):
        raise UnusableError("its params are not an object")
    size = len(json.dumps(params, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if size > MAX_REQUEST:
        raise UnusableError(f"it has {size:,} bytes; at most {MAX_REQUEST:,} can be shown")
    mode, message = params.get("mode", "form"), params.get("message")
    if not isinstance(message, str) or not message.strip():
        raise UnusableError("it has no message")
    shown: dict[str, Json] = {"tool": f"{call.server}::{call.tool}", "arguments": call.arguments}
    line = wire.cut(message)
    if line != message:
        shown["message"] = message
    if number > 1:
        shown["question"] = number
    if mode == "url":
        shown |= _page(params.get("url"))
        if first:
            shown["before"] = "the server makes the call only after that"
        told = f"The MCP server '{call.server}' wants you to open a page, and says: “{line}” Have you opened it?"
        return Request(Question(message=told, show=shown, words=(_CANCEL,)), is_form=False)
    if mode != "form":
        raise UnusableError(f"its mode is {wire.cut(str(mode))!r}, not form or url")
    form = form_of(params.get("requestedSchema"))
    if mask(_texts(form)) != _texts(form):
        raise UnusableError("its schema contains a secret")
    told = f"The MCP server '{call.server}' asks: “{line}”"
    if not form:
        return Request(Question(message=told, show=shown, words=(_CANCEL,)), is_form=True)
    return Request(Question(message=told, show=shown, form=form, words=(_DECLINE, _CANCEL)), is_form=True)


def _page(url: Any) -> dict[str, Json]:
    """Return an address as it is shown: whole, and its host by itself, since that is easily hidden in it."""
    if not isinstance(url, str) or _CONTROL.search(url):
        raise UnusableError("its url is not a text without spaces and control characters")
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except ValueError:  # a UnicodeError is one
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("https", "http") or not host:
        raise UnusableError(f"its url is not an address of the web: {wire.cut(url)}")
    return {"url": url, "host": host}


def _texts(form: Mapping[str, InputSpec]) -> str:
    """Return everything in a form that an answer is made of."""
    return json.dumps([[name, spec.enum, spec.default] for name, spec in form.items()], ensure_ascii=False)
