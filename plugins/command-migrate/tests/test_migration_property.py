"""Random workflows of v4, in random styles, mean the same in v5, keep every comment, and are changed only once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from nika_command_migrate.migrate import Status, migrate_text

from nika_core.document import graph_of, load_workflow
from nika_core.errors import Severity
from nika_core.model.template import Placeholder, Template
from nika_core.model.workflow import Task

from .seven_keywords import NO_LIMITS, SevenKeywords
from .v4_documents import DURATIONS, KEYWORDS, Typed, V4Document, V4Task, make

documents = st.builds(make, st.integers(0, 2**32), st.integers(1, 5))


@settings(max_examples=150, deadline=None)
@given(documents)
def test_a_v4_document_means_the_same_in_v5(document: V4Document) -> None:
    migrated = migrate_text(document.text)
    assert migrated.status is Status.MIGRATED, migrated.notes

    loaded = load_workflow(Path("w.nika.yaml"), SevenKeywords(), NO_LIMITS, text=migrated.text.encode())
    errors = [problem for problem in loaded.problems if problem.severity is Severity.ERROR]
    assert loaded.workflow is not None, (errors, migrated.text)
    workflow = loaded.workflow
    assert [_read(task) for task in workflow.tasks] == [_expected(task, document) for task in document.tasks]
    assert [(flow.source, flow.target, flow.condition and flow.condition.text) for flow in workflow.flows] == [
        (flow["source"], flow["target"], flow.get("condition")) for flow in document.flows
    ]
    assert _edges(graph_of(workflow, SevenKeywords())) == _expected_edges(document)
    assert workflow.agent is not None
    assert workflow.agent.model == document.agent["model"]
    assert workflow.agent.mode.value == document.agent.get("mode", "strict")
    wanted = document.agent.get("systemPrompt")
    assert _value(workflow.agent.system_prompt or "") == _tokens(wanted or "", {})


@settings(max_examples=150, deadline=None)
@given(documents)
def test_every_comment_is_kept_once(document: V4Document) -> None:
    text = migrate_text(document.text).text
    assert [text.count(comment) for comment in document.comments] == [1] * len(document.comments)


@settings(max_examples=150, deadline=None)
@given(documents)
def test_migrating_twice_changes_nothing(document: V4Document) -> None:
    once = migrate_text(document.text)
    twice = migrate_text(once.text)
    assert twice.status is Status.UNCHANGED
    assert twice.text == once.text


@settings(max_examples=150, deadline=None)
@given(documents)
def test_line_ends_and_the_byte_order_mark_are_kept(document: V4Document) -> None:
    text = migrate_text(document.text).text
    assert text.startswith("\ufeff") == document.text.startswith("\ufeff")
    if "\r\n" in document.text:
        assert "\n" not in text.replace("\r\n", "")
    else:
        assert "\r" not in text


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="agentskidhl:{}[]|>-\"'#&*!? \n\t~x0", max_size=80))
def test_no_text_at_all_makes_migration_raise(text: str) -> None:
    assert migrate_text(text).status in Status
    assert migrate_text(f"agent: {{model: m}}\ntasks:\n  - id: a\n    cwd: x\n    shell: {text}").status in Status


Known = dict[str, bool]  # the tasks that may be named, and whether they may have no output


def _known_to(task: V4Task, document: V4Document) -> Known:
    return {other.id: other.on_error == "continue" for other in document.tasks if other is not task}


def _expected(task: V4Task, document: V4Document) -> dict[str, Any]:
    known = _known_to(task, document)
    payload = {KEYWORDS[task.keyword]: _tokens(task.primary, known)}
    for name, value in task.fields.items():
        v5_name = {"cwd": "workingDir"}.get(name, name)
        if name == "body" and isinstance(value, dict):
            v5_name = "json"
        payload[v5_name] = _tree(value, known)
        if name == "maxTurns":
            payload[v5_name] = int(value)
    retry = task.retry or {}
    return {
        "id": task.id,
        "keyword": task.keyword,
        "payload": payload,
        "tools": None if task.tools is None else tuple(task.tools),
        "timeout": None if task.timeout is None else DURATIONS[task.timeout],
        "max": int(retry["max"]) if retry else None,
        "backoff": DURATIONS[retry["backoff"]] if "backoff" in retry else None,
        "onError": task.on_error or "fail",
    }


def _tree(value: Any, known: Known) -> Any:
    if isinstance(value, dict):
        return {key: _tree(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_tree(item, known) for item in value]
    if isinstance(value, Typed):
        return _tokens(value.value, known) if isinstance(value.value, str) else (type(value.value), value.value)
    return _tokens(value, known)


_V4 = re.compile(r"\{\{([\w-]+)((?:\.[\w-]+)?)\}\}|\$\{(input|env)\.(\w+)\}")


def _tokens(text: str, known: Known) -> list[Any]:
    """What v4 made of a text: literals, and tuples for what it replaced."""
    found: list[Any] = []
    at = 0
    for match in _V4.finditer(text):
        if match[3]:
            reference = (match[3], match[4])
        elif match[1] in known:
            reference = ("task", match[1], *match[2].split(".")[1:])
            if known[match[1]]:
                reference = (*reference, "?? ''")
        else:
            continue
        found += [text[at : match.start()], reference]
        at = match.end()
    return [part for part in [*found, text[at:]] if part != ""]


def _read(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "keyword": task.keyword,
        "payload": {name: _value(value) if name != "maxTurns" else value for name, value in task.payload.items()},
        "tools": task.allowed_tools,
        "timeout": task.timeout,
        "max": task.retry.max,
        "backoff": task.retry.backoff,
        "onError": task.on_error.value,
    }


def _value(value: Any) -> Any:
    if isinstance(value, Template):
        return [_reference(part) if isinstance(part, Placeholder) else part for part in value.parts]
    if isinstance(value, str):
        return [value] if value else []
    if isinstance(value, dict):
        return {key: _value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    return (type(value), value)


def _reference(placeholder: Placeholder) -> tuple[str, ...]:
    default = (f"?? {placeholder.default!r}",) if placeholder.has_default else ()
    return (placeholder.source, *placeholder.path, *default)


def _edges(graph: Any) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edges in graph.incoming.values() for edge in edges}


def _expected_edges(document: V4Document) -> set[tuple[str, str]]:
    found = {(flow["source"], flow["target"]) for flow in document.flows}
    for task in document.tasks:
        known = _known_to(task, document)
        for value in [task.primary, *task.fields.values()]:
            found |= {(part[1], task.id) for part in _references(_tree(value, known))}
    return found


def _references(tree: Any) -> list[tuple[str, ...]]:
    if isinstance(tree, dict):
        return [found for item in tree.values() for found in _references(item)]
    if isinstance(tree, list):
        return [found for item in tree for found in _references(item)]
    return [tree] if isinstance(tree, tuple) and tree[0] == "task" else []
