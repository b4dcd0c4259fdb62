"""What a v4 file may hold, and where each part of it stands in v5. Facts about the past: they do not change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nika_command_migrate.conditions import v5_condition
from nika_command_migrate.tree import Node


@dataclass(frozen=True, slots=True)
class V4Keyword:
    """`primary`: what the scalar after the keyword is; `beside`: what v4.5 wrote beside it on the task."""

    primary: str
    beside: frozenset[str] = frozenset()
    trees: frozenset[str] = frozenset()  # fields that hold JSON


_AGENT: Final = frozenset({"model", "systemPrompt", "systemPromptFile", "skills", "maxTurns"})
_ARGS: Final = frozenset({"args"})

KEYWORDS: Final[Mapping[str, V4Keyword]] = {
    "agent": V4Keyword("prompt", _AGENT),
    "subagent": V4Keyword("prompt", _AGENT),
    "shell": V4Keyword("command", frozenset({"cwd"})),
    "http": V4Keyword("url", frozenset({"method", "headers", "body"}), frozenset({"body"})),
    "mcp": V4Keyword("reference", _ARGS, _ARGS),
    "function": V4Keyword("reference", _ARGS, _ARGS),
    "llm": V4Keyword("prompt", frozenset({"model", "systemPrompt"})),
}
BESIDE: Final = frozenset(name for keyword in KEYWORDS.values() for name in keyword.beside)
WITH_TOOLS: Final = frozenset({"agent", "subagent"})
NEED_MODEL: Final = WITH_TOOLS | {"llm"}

# The fields of a payload that v4 knew, so that others tell a task of v5.
V4_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    word: frozenset({keyword.primary, *keyword.beside, *(["allowedTools"] if word in WITH_TOOLS else [])})
    | (frozenset({"env"}) if word == "shell" else frozenset())
    for word, keyword in KEYWORDS.items()
}

# keyword -> old name -> new name
RENAMED: Final[Mapping[str, Mapping[str, str]]] = {"shell": {"cwd": "workingDir"}}
JSON_BODY: Final = "json"  # what `http.body` is called where it is a mapping or a list

CONFIG: Final = "config"
CONFIG_KEYS: Final = frozenset({"retry", "timeout", "onError"})
RETRY_KEYS: Final = frozenset({"max", "backoff"})
ON_ERROR: Final = frozenset({"fail", "continue"})

V5_TASK_KEYS: Final = frozenset({"timeout", "retry", "onError", "output", "mode", "disallowedTools", "askTools"})
TASK_KEYS: Final = frozenset({"id", "allowedTools"}) | V5_TASK_KEYS
V5_ROOT_KEYS: Final = frozenset({"name", "description", "inputs", "mcpServers"})
ROOT_KEYS: Final = frozenset({"agent", "tasks", "flows"}) | V5_ROOT_KEYS
FLOW_KEYS: Final = frozenset({"source", "target", "condition"})

# Tools of the agent program that v4 started, and what does their work in v5.
FOREIGN_TOOLS: Final[Mapping[str, str]] = {
    "Bash": "shell",
    "BashOutput": "shell",
    "KillShell": "shell",
    "Read": "mcp::files::read_file",
    "LS": "mcp::files::list_directory",
    "Glob": "mcp::files::search_files",
    "Grep": "mcp::files::search_files",
    "Write": "mcp::files::write_file",
    "Edit": "mcp::files::edit_file",
    "MultiEdit": "mcp::files::edit_file",
    "NotebookRead": "mcp::files::read_file",
    "NotebookEdit": "mcp::files::edit_file",
    "WebFetch": "http",
    "WebSearch": "",
    "Task": "",
    "TodoRead": "",
    "TodoWrite": "",
}


class Lineage(StrEnum):
    """Whose file it is."""

    OURS = "ours"
    LATER = "later"
    OTHER = "other"


def lineage(root: Node | None) -> Lineage:
    """Tell a workflow of v4 or v5 from those of a later, different Nika, and from anything else."""
    if root is None or root.kind != "map":
        return Lineage.OTHER
    if root.get("nika") is not None:
        return Lineage.LATER
    schema = root.get("schema")
    if schema is not None and schema.value.startswith("nika/"):
        return Lineage.LATER
    tasks = root.get("tasks")
    if tasks is None or tasks.kind != "seq":
        return Lineage.OTHER
    agent = root.get("agent")
    if agent is not None and agent.kind == "map":
        return Lineage.OURS
    return Lineage.OURS if any(task.get("id") and keyword_of(task) for task in tasks.items) else Lineage.OTHER


def keyword_of(task: Node) -> str | None:
    """Return the one of the seven that a task has; None if it has none or several."""
    found = KEYWORDS.keys() & task.names()
    return found.pop() if len(found) == 1 else None


def tasks_of(root: Node) -> list[Node]:
    """Return the tasks that are mappings, in order."""
    tasks = root.get("tasks")
    return [task for task in tasks.items if task.kind == "map"] if tasks is not None else []


def flows_of(root: Node) -> list[Node]:
    """Return the flows that are mappings, in order."""
    flows = root.get("flows")
    return [flow for flow in flows.items if flow.kind == "map"] if flows is not None else []


def is_v4_task(task: Node) -> bool:
    """Return whether something about a task is v4's alone."""
    word = keyword_of(task)
    if task.get(CONFIG) is not None:
        return True
    if word is None:
        return False
    payload = task.get(word)
    inner = payload if payload is not None and payload.kind == "map" else None
    keys = set(task.names())
    if keys & KEYWORDS[word].beside:
        return True
    if inner is None:
        return False
    if word in WITH_TOOLS and inner.get("allowedTools") is not None:
        return True
    if any(old in inner.names() for old in RENAMED.get(word, {})):
        return True
    body = inner.get("body") if word == "http" else None
    return body is not None and body.kind != "scalar"


def is_v5_task(task: Node) -> bool:
    """Return whether something about a task is v5's alone."""
    if V5_TASK_KEYS & set(task.names()):
        return True
    word = keyword_of(task)
    payload = task.get(word) if word else None
    return word is not None and payload is not None and bool(set(payload.names()) - V4_FIELDS[word])


def is_v4(root: Node) -> bool:
    """Return whether anything in the file is v4's alone."""
    return any(is_v4_task(task) for task in tasks_of(root)) or any(is_v4_flow(flow) for flow in flows_of(root))


def is_v4_flow(flow: Node) -> bool:
    """Return whether a flow's condition speaks of `output`, as v4's did."""
    condition = flow.get("condition")
    return condition is not None and v5_condition(condition.value, "") != condition.value


def is_v5(root: Node) -> bool:
    """Return whether anything in the file is v5's alone."""
    return bool(V5_ROOT_KEYS & set(root.names())) or any(is_v5_task(task) for task in tasks_of(root))


def read_as_v4(root: Node) -> list[bool]:
    """Return for each task whether its texts mean what they meant in v4. A file that v5 could have written means v5."""
    if not is_v4(root):
        return [False] * len(tasks_of(root))
    new_file = bool(V5_ROOT_KEYS & set(root.names()))
    return [is_v4_task(task) or not (is_v5_task(task) or new_file) for task in tasks_of(root)]
