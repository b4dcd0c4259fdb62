"""A server's tools and the results of its calls, read as servers really send them: no part discards the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nika_core.plugin import Json, JsonObject, TaskError
from nika_keyword_mcp import arguments, wire


@dataclass(frozen=True, slots=True)
class ServerTool:
    """A tool as its server describes it. A schema that is missing or not an object checks nothing.

    Attributes:
        output_schema: what the structured content of a result must be, if the tool says so.
    """

    name: str
    description: str
    input_schema: JsonObject
    output_schema: JsonObject | None = None


def tool_of(listed: Mapping[str, Any]) -> ServerTool:
    """Return a tool of `tools/list`, whose name is a text."""
    schema, output = listed.get("inputSchema"), listed.get("outputSchema")
    texts = [text for text in (listed.get("description"), listed.get("title")) if isinstance(text, str) and text]
    return ServerTool(
        listed["name"],
        texts[0] if texts else "",
        schema if isinstance(schema, Mapping) else {},
        output if isinstance(output, Mapping) else None,
    )


def value_of(result: Mapping[str, Any], reference: str, output_schema: JsonObject | None) -> Json:
    """Return the structured content of a result, or its text.

    Raises:
        TaskError: the tool failed, or its structured content is not what it says it is.
    """
    text = text_of(result.get("content"))
    structured: Json = result.get("structuredContent")
    if _has_failed(result):
        said = text or (wire.reason_in(structured) if structured is not None else "") or _said_beside(result)
        raise TaskError(f"{reference}: {said or 'it failed without a word'}")
    if output_schema is None:
        return text if structured is None else structured
    if structured is None and "structuredContent" not in result:
        shown = f"; it returned: {wire.cut(text)}" if text else ""
        raise TaskError(
            f"{reference} declares an output schema, but returned no structured content{shown}", retriable=False
        )
    problems = arguments.wrong(structured, output_schema, "structuredContent")
    if problems:
        raise TaskError(
            f"{reference} returned what does not fit its own output schema: {'; '.join(problems)}", retriable=False
        )
    return structured


def _has_failed(result: Mapping[str, Any]) -> bool:
    told = result.get("isError", result.get("is_error"))
    return bool(told) and str(told).lower() not in ("false", "0", "no", "null", "none")


def _said_beside(result: Mapping[str, Any]) -> str:
    """Return what a failed result says outside of its content."""
    return wire.reason_in({name: value for name, value in result.items() if name not in wire.RESULT_FIELDS})


def text_of(content: Any) -> str:
    """Return the content of a result as text."""
    if content is None:
        return ""
    return "\n".join(described(one) for one in (content if isinstance(content, list) else [content]))


def described(block: Any) -> str:
    """Return one piece of a result: text itself, anything else by what it is."""
    if isinstance(block, str):
        return block
    if not isinstance(block, Mapping):
        return json.dumps(block, ensure_ascii=False)
    kind = block.get("type")
    inner = block.get("resource")
    if kind == "resource" and isinstance(inner, Mapping):
        if isinstance(inner.get("text"), str):
            return str(inner["text"])
        return _named("resource", inner)
    if kind in ("image", "audio"):
        return _named(kind, block)
    if kind in ("text", None) or isinstance(block.get("text"), str):
        text = block.get("text")
        if text is None and kind != "text":
            return json.dumps(block, ensure_ascii=False)
        return text if isinstance(text, str) else "" if text is None else json.dumps(text, ensure_ascii=False)
    return _named(str(kind), block)


def _named(kind: str, block: Mapping[str, Any]) -> str:
    data = block.get("data", block.get("blob"))
    size = f", {len(data.rstrip('=')) * 3 // 4} bytes" if isinstance(data, str) and "mimeType" in block else ""
    shown = block.get("uri") if kind.startswith("resource") else block.get("mimeType")
    return f"[{kind} {shown}{size}]" if isinstance(shown, str) else f"[{kind}]"
