"""What a file means, whatever its form: to hold the old text and the new one against each other."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

from nika_command_migrate import conditions, grammar, scalars, templates, values
from nika_command_migrate.layout import nodes_in
from nika_command_migrate.nulls import is_nothing
from nika_command_migrate.tree import Document, Node, block_header


def meaning(document: Document, old: list[bool], names: templates.TaskNames) -> dict[str, Any]:
    """Agent block, tasks with payloads, rules and tools, flows with conditions, and all else as it is written.

    Args:
        old: for each task, whether its texts are v4's.
        names: the ids that a template of v4 may name.
    """
    root = document.root
    if root is None:
        return {}
    as_v4 = any(old)
    found: dict[str, Any] = {}
    for key, value in root.pairs:
        if key.value == "tasks":
            tasks = iter(old)
            found["tasks"] = [
                _task(item, next(tasks), names) if item.kind == "map" else _plain(item) for item in value.items
            ]
        elif key.value == "flows":
            if not (as_v4 and scalars.is_null(value)):
                found["flows"] = [_flow(flow, as_v4) for flow in value.items] if value.kind == "seq" else _plain(value)
        elif key.value == "agent" and value.kind == "map":
            v4_texts = as_v4 and not grammar.V5_ROOT_KEYS & set(root.names())
            found["agent"] = {
                inner.value: _text(field, v4_texts, names) if inner.value == "systemPrompt" else _plain(field)
                for inner, field in value.pairs
                if not (as_v4 and scalars.is_null(field) and inner.value != "model")
            }
        else:
            found[key.value] = _plain(value)
    return found


def _plain(node: Node) -> Any:
    """Return a node as text, lists and pairs."""
    if node.kind == "scalar":
        return node.value
    if node.kind == "seq":
        return [_plain(item) for item in node.items]
    return {"pairs": [(_plain(key), _plain(value)) for key, value in node.pairs]}


def _text(node: Node, old: bool, names: templates.TaskNames) -> Any:
    """Return text (or text in lists and mappings) as literals and references."""
    if node.kind == "scalar":
        return templates.v4_tokens(node.value, names) if old else templates.v5_tokens(node.value)
    if node.kind == "seq":
        return [_text(item, old, names) for item in node.items]
    return {"pairs": [(_plain(key), _text(value, old, names)) for key, value in node.pairs]}


def _tree(node: Node, old: bool, names: templates.TaskNames) -> Any:
    """JSON with its types, its text as literals and references."""
    if node.kind == "seq":
        return [_tree(item, old, names) for item in node.items]
    if node.kind == "map":
        return {"pairs": [(_plain(key), _tree(value, old, names)) for key, value in node.pairs]}
    value = scalars.v4_value(node) if old else scalars.v5_value(node)
    return _text(node, old, names) if isinstance(value, str) else (type(value).__name__, value)


def _task(task: Node, old: bool, names: templates.TaskNames) -> dict[str, Any]:
    word = grammar.keyword_of(task)
    if word is None:
        return {"": _plain(task)}
    known = values.known_to(task, names)
    payload: dict[str, Any] = {}
    for name, key, value in values.payload_of(task):
        if old and key is not None and scalars.is_null(value) and name != grammar.KEYWORDS[word].primary:
            continue
        written = name if old or key is None else key.value
        read = _tree if values.is_tree(word, written) else _text
        payload[written] = read(value, old, known)
    found: dict[str, Any] = {"keyword": word, "payload": payload}
    inner = task.get(word)
    tools = inner.get("allowedTools") if word in grammar.WITH_TOOLS and inner is not None else None
    if tools is not None and not (old and scalars.is_null(tools)):
        found["allowedTools"] = _plain(tools)
    beside = grammar.KEYWORDS[word].beside
    for key, value in task.pairs:
        if key.value == grammar.CONFIG and value.kind == "map":
            for rule, setting in value.pairs:
                _rule(found, rule.value, setting)
        elif key.value not in beside and key.value != word and not (old and is_nothing(key.value, value)):
            _rule(found, key.value, value)
    return found


def _rule(found: dict[str, Any], name: str, value: Node) -> None:
    """Retry, timeout, error rule or anything else that stands on a task; durations in seconds."""
    if (scalars.is_null(value) and name in grammar.CONFIG_KEYS) or is_nothing(name, value):
        return
    if name == "timeout" and value.kind == "scalar":
        found[name] = _duration(value.value)
    elif name == "retry" and value.kind == "map":
        found[name] = {
            key.value: _duration(field.value) if key.value == "backoff" and field.kind == "scalar" else _plain(field)
            for key, field in value.pairs
            if not scalars.is_null(field)
        }
    else:
        found[name] = _plain(value)


def _duration(text: str) -> float | str:
    seconds = scalars.seconds_of(text)
    return text if seconds is None else seconds


def _flow(flow: Node, old: bool) -> Any:
    if flow.kind != "map":
        return _plain(flow)
    start = flow.get("source")
    found = {}
    for key, value in flow.pairs:
        if key.value == "condition" and old and scalars.is_null(value):
            continue
        text = _plain(value)
        if key.value == "condition" and old and isinstance(text, str) and start is not None:
            text = conditions.v5_condition(text, start.value)
        found[key.value] = text
    return found


_NO_BREAK: Final = re.compile(r"[^\r\n\x85\u2028\u2029]")
_COMMENT: Final = re.compile(r"(?:(?<=\s)|^)#[^\r\n\x85\u2028\u2029]*", re.MULTILINE)


def comments(document: Document) -> Counter[str]:
    """Return every comment of a file, and how often it stands there."""
    source = document.source
    characters = list(source.text)
    for node in nodes_in(document.root):
        if node.kind == "scalar" and not node.is_empty:
            start = node.start
            if node.is_block_scalar:  # a comment may stand behind the header
                start = source.start(source.line_of(node.start + len(block_header(source, node)) - 1) + 1)
            characters[start : node.end] = _NO_BREAK.sub("x", source.text[start : node.end])
    return Counter(found[0].rstrip() for found in _COMMENT.finditer("".join(characters)))
