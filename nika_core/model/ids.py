"""Names of tasks at run time: a path that says which item, round or inner task is meant.

`build` is a task, `review[3]` an item of a list, `draft@2` a round of a loop, `sections[2]/write` a task of the
workflow that an item stands for. A number after `#` counts doing the same node again (its epoch) and is not part of
the path.
"""

from __future__ import annotations

import re
from typing import Final, NewType, TypeAlias

TaskId: TypeAlias = str
NodeId = NewType("NodeId", str)

_SEGMENT: Final = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_-]*)(?:\[([0-9]+)\]|@([0-9]+))?")
_TOP: Final = re.compile(r"[^\[@/]+")
_DOTTED: Final = re.compile(r"\.([0-9]+)(?=/|$)")


def item_id(group: NodeId, index: int) -> NodeId:
    """Return the id of an item of a list, counted from 0."""
    return NodeId(f"{group}[{index}]")


def round_id(group: NodeId, number: int) -> NodeId:
    """Return the id of a round of a loop, counted from 1."""
    return NodeId(f"{group}@{number}")


def inner_id(scope: NodeId, task: TaskId) -> NodeId:
    """Return the id of a task inside the workflow that `scope` stands for."""
    return NodeId(f"{scope}/{task}")


def segments(node: str) -> tuple[tuple[TaskId, int | None, int | None], ...]:
    """Return a path's segments as (task, index of the item, number of the round).

    `review.3` means `review[3]`, since brackets are a pattern to a shell.

    Raises:
        ValueError: the text is not such a path; the message says what one looks like.
    """
    parsed: list[tuple[TaskId, int | None, int | None]] = []
    for part in _DOTTED.sub(r"[\1]", node).split("/"):
        match = _SEGMENT.fullmatch(part)
        if match is None:
            raise ValueError(
                f"'{node}' is not a task of a run; write e.g. build, review[3], draft@2, sections[2]/write"
            )
        index, number = match[2], match[3]
        parsed.append((match[1], None if index is None else int(index), None if number is None else int(number)))
    return tuple(parsed)


def node_id_of(text: str) -> NodeId:
    """Return the id that a user has typed, e.g. `review[3]` for `review.3`. Raise ValueError as `segments` does."""
    parts = []
    for task, index, number in segments(text):
        item = "" if index is None else f"[{index}]"
        parts.append(f"{task}{item}" if number is None else f"{task}@{number}")
    return NodeId("/".join(parts))


def parent_id(node: str) -> NodeId | None:
    """Return the list, loop or workflow that a node is directly inside; None: it is a task of the run's workflow."""
    end = node.rfind("[") if node.endswith("]") else max(node.rfind("@"), node.rfind("/"))
    return NodeId(node[:end]) if end > 0 else None


def top_task(node: str) -> TaskId:
    """Return the task of the run's workflow that a node is, or is inside of."""
    match = _TOP.match(node)
    return match[0] if match is not None else node


def identity_in(key: str) -> str:
    """Return the identity of the node that a key `run/identity#epoch` (with or without a suffix) belongs to."""
    return key.partition("/")[2].partition("#")[0]


def definition_path(node: str) -> str:
    """Return the path of the definition: the same without items and rounds."""
    return "/".join(task for task, _, _ in segments(node))
