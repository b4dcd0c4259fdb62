"""How many tokens a request has, for providers without a counter."""

from __future__ import annotations

import json
from collections.abc import Callable
from operator import attrgetter
from typing import Final

from nika_core.model.json import Json
from nika_core.model.message import Message
from nika_core.plugin.provider import ModelRequest

_TEXT_BYTES: Final[Callable[[Message], int]] = attrgetter("text_bytes")
_FILE_TOKENS: Final[Callable[[Message], int]] = attrgetter("file_tokens")


def estimate_tokens(request: ModelRequest) -> int:
    """Estimate the tokens of all that is sent, for providers without a counter.

    Text counts as ceil(UTF-8 bytes / 4), an image as the most that models take for one, a page of a PDF as a full one.
    """
    texts = [request.system or ""]
    texts.extend(f"{tool.name}{tool.description}{_text(tool.parameters)}" for tool in request.tools)
    if request.output_schema:
        texts.append(_text(request.output_schema))
    size = sum(len(text.encode("utf-8", "replace")) for text in texts)
    size += sum(map(_TEXT_BYTES, request.messages))
    files = sum(map(_FILE_TOKENS, request.messages))
    return -(-size // 4) + 4 * len(request.messages) + files


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
