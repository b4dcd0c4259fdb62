"""The edits within single values: escapes, JSON types, durations, conditions and new names of keys."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from nika_command_migrate import conditions, grammar, scalars, templates
from nika_command_migrate.source import Edit, Source
from nika_command_migrate.tree import Document, Node, block_header, last_offset


def value_edits(document: Document) -> list[Edit]:
    """Return all edits that change no structure. Nothing of what v5 wrote is touched."""
    root, source = document.root, document.source
    if root is None or not grammar.is_v4(root):
        return []
    found: list[Edit] = []
    names = names_of(root)
    for task, old in zip(grammar.tasks_of(root), grammar.read_as_v4(root), strict=True):
        if old:
            found += _task_edits(source, task, names)
    agent = root.get("agent")
    if agent is not None and not grammar.V5_ROOT_KEYS & set(root.names()):
        prompt = agent.get("systemPrompt")
        if prompt is not None and prompt.kind == "scalar":
            found += templates.template_edits(source, prompt, names)
    for flow in grammar.flows_of(root):
        found += _condition_edits(source, flow)
    return found


def names_of(root: Node) -> templates.TaskNames:
    """Return the ids of all tasks."""
    tasks = [(task, name.value) for task in grammar.tasks_of(root) if (name := task.get("id")) is not None]
    tolerated = frozenset(name for task, name in tasks if _is_tolerated(task))
    return templates.TaskNames(frozenset(name for _, name in tasks), tolerated)


def _is_tolerated(task: Node) -> bool:
    rules = [holder.get("onError") for holder in (task.get(grammar.CONFIG), task) if holder is not None]
    return any(rule is not None and rule.value == "continue" for rule in rules)


def known_to(task: Node, names: templates.TaskNames) -> templates.TaskNames:
    """Return the tasks that a task may name: all but itself."""
    own = task.get("id")
    return names.seen_by(own.value if own is not None else "")


def payload_of(task: Node) -> Iterator[tuple[str, Node | None, Node]]:
    """Yield a task's payload in v4: name as v5 has it, key and value. The key is None for the short form's scalar."""
    word = grammar.keyword_of(task)
    if word is None:
        return
    keyword = grammar.KEYWORDS[word]
    for key, value in task.pairs:
        if key.value == word and value.kind == "map":
            for inner, field in value.pairs:
                if inner.value != "allowedTools" or word not in grammar.WITH_TOOLS:
                    yield v5_name(word, inner.value, field), inner, field
        elif key.value == word:
            yield keyword.primary, None, value
        elif key.value in keyword.beside:
            yield v5_name(word, key.value, value), key, value


def v5_name(word: str, field: str, value: Node) -> str:
    """Return what v5 calls a payload field of v4."""
    if word == "http" and field == "body" and value.kind != "scalar":
        return grammar.JSON_BODY
    return grammar.RENAMED.get(word, {}).get(field, field)


def is_tree(word: str, field: str) -> bool:
    """Return whether a field (with v5's name) holds JSON."""
    return field in (grammar.KEYWORDS[word].trees - {"body"}) or (word == "http" and field == grammar.JSON_BODY)


def scalars_in(node: Node) -> Iterator[Node]:
    """Return every scalar value in a node, without keys."""
    if node.kind == "scalar":
        yield node
    for _, value in node.pairs:
        yield from scalars_in(value)
    for item in node.items:
        yield from scalars_in(item)


def _task_edits(source: Source, task: Node, names: templates.TaskNames) -> Iterator[Edit]:
    word = grammar.keyword_of(task) or ""
    known = known_to(task, names)
    for name, key, value in payload_of(task):
        if key is not None and key.value != name:
            yield _renamed(source, key, name)
        tree = is_tree(word, name)
        for node in scalars_in(value):
            if tree and not isinstance(scalars.v4_value(node), str):
                yield from _as_json(source, node)
            else:
                yield from templates.template_edits(source, node, known)
    for value in durations_of(task):
        yield from _duration_edits(source, value)


def durations_of(task: Node) -> Iterator[Node]:
    """Yield the values that are durations, in `config` and on the task itself."""
    for holder in (task.get(grammar.CONFIG), task):
        if holder is None:
            continue
        timeout, retry = holder.get("timeout"), holder.get("retry")
        backoff = retry.get("backoff") if retry is not None else None
        yield from (node for node in (timeout, backoff) if node is not None and node.kind == "scalar")


def _renamed(source: Source, key: Node, name: str) -> Edit:
    written = source.text[key.start : key.end]
    return Edit(key.start, key.end, written.replace(key.value, name, 1))


def _as_json(source: Source, node: Node) -> Iterator[Edit]:
    value = scalars.v4_value(node)
    if scalars.same(value, scalars.v5_value(node)) or (isinstance(value, float) and not math.isfinite(value)):
        return
    text = json.dumps(value)
    if not node.is_empty:
        yield Edit(node.start, node.end, text)
        return
    # Nothing is written: after the colon or the dash. The parser's mark may stand behind the white space.
    at = node.start
    while source.text[at - 1] in " \t\r\n":
        at -= 1
    yield Edit(at, at, f" {text}")


def _duration_edits(source: Source, node: Node) -> Iterator[Edit]:
    text = scalars.v5_duration(node.value)
    if text is not None and text != node.value and not scalars.is_null(node):
        yield from _replaced(source, node, text, text)


def _replaced(source: Source, node: Node, text: str, plain: str) -> Iterator[Edit]:
    """Yield a scalar's new value, in its old quotes where they can hold it; `plain`: how to write it without."""
    written = source.text[node.start : node.end]
    if node.is_block_scalar:
        header = block_header(source, node)
        header_end = node.start + len(source.line_rest(node.start).rstrip("\r\n"))
        yield Edit(node.start, node.start + len(header), plain)
        yield Edit(header_end, last_offset(source, node), "")
    elif node.value in written and (node.style or text == plain):
        yield Edit(node.start, node.end, written.replace(node.value, text, 1))
    else:
        yield Edit(node.start, node.end, plain)


def _condition_edits(source: Source, flow: Node) -> Iterator[Edit]:
    condition, start = flow.get("condition"), flow.get("source")
    if condition is None or start is None or condition.kind != "scalar":
        return
    text = conditions.v5_condition(condition.value, start.value)
    if text != condition.value:
        yield from _replaced(source, condition, text, conditions.quoted(text.strip()))
