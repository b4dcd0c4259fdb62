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
_DOTTED: Final = re.compile(r"\.([0-9]+)(?=/|$)")


def item_id(group: NodeId, index: int) -> NodeId:
    """Return the id of an item of a list, counted from 0."""
    return NodeId(f"{group}[{index}]")


def round_id(group: NodeId, number: int) -> NodeId:
    """Return the id of a round of a loop, counted from 1."""
    return NodeId(f"{group}@{number}")


def inner_id(scope: NodeId | None, task: TaskId) -> NodeId:
    """Return the id of a task inside the workflow that `scope` stands for; None: the run's own workflow."""
    return NodeId(f"{scope}/{task}" if scope else task)


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


def parse_node_id(text: str) -> NodeId:
    """Return the id that a person wrote, who may write `review.3` for `review[3]`. Raise ValueError as `segments`."""
    segments(text)
    return NodeId(_DOTTED.sub(r"[\1]", text))


def definition_path(node: str) -> str:
    """Return the path of the definition: the same without items and rounds."""
    return "/".join(task for task, _, _ in segments(node))
