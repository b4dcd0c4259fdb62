"""How many tokens a request has, for providers without a counter."""

from __future__ import annotations

import json
from typing import Final

from nika_core.model.json import Json
from nika_core.model.message import DocumentPart, ImagePart, ReasoningPart, TextPart, ToolCall, ToolResultPart
from nika_core.plugin.provider import ModelRequest

IMAGE_TOKENS: Final = 1600  # of a large image
PAGE_TOKENS: Final = 3000  # of a page of a PDF, as text and as a picture


def estimate_tokens(request: ModelRequest) -> int:
    """Estimate the tokens of all that is sent, for providers without a counter.

    Text counts as ceil(UTF-8 bytes / 4), an image as the most that models take for one, a page of a PDF as a full one.
    """
    texts: list[str] = [request.system or ""]
    files = 0
    for part in (part for message in request.messages for part in message.parts):
        match part:
            case TextPart() | ToolResultPart():
                texts.append(part.text)
            case ToolCall():
                texts.append(part.raw or str(part.arguments))
            case ReasoningPart():
                texts.append(_text(part.data))
            case ImagePart():
                files += IMAGE_TOKENS
            case DocumentPart(media_type="text/plain"):
                files += -(-len(part.data) // 4)
            case DocumentPart():
                files += PAGE_TOKENS * max(1, part.pages)
    texts.extend(f"{tool.name}{tool.description}{_text(tool.parameters)}" for tool in request.tools)
    if request.output_schema:
        texts.append(_text(request.output_schema))
    size = sum(len(text.encode("utf-8", "replace")) for text in texts)
    return -(-size // 4) + 4 * len(request.messages) + files


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
