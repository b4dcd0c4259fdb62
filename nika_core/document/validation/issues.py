"""What a validator has to say about a part of a document, by path; places are worked out later."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nika_core.document.yaml.nodes import Hole
from nika_core.document.yaml.source_map import Ghost
from nika_core.document.yaml.syntax_hints import FORMS
from nika_core.document.yaml.syntax_issues import MAX_FINDINGS


@dataclass(slots=True)
class Fault:
    """`path` leads from the validated node to the bad one, innermost step first while it is put together.

    `at_key`: the key is what is wrong, not its value. `offset`: a character's offset within the text there.
    `code` None: the caller's.
    """

    message: str
    hint: str | None = None
    path: list[str | int] = field(default_factory=list)
    at_key: bool = False
    offset: int | None = None
    code: str | None = None
    length: int = 1


def kind_of(node: Any) -> str:
    """What a node is, for messages."""
    if type(node) is dict:
        return "a mapping"
    if type(node) is list:
        return "a list"
    if node == "":
        return "nothing"
    return f"`{node if len(node) <= 40 else node[:37] + '...'}`"


def is_refused(node: Any) -> bool:
    """Whether what is wrong with this node has been said while it was read."""
    if type(node) is dict:
        return any(type(key) is Ghost for key in node)
    return type(node) is Hole


def holds_refused(node: Any) -> bool:
    """Whether anything in this node was refused while it was read."""
    todo = [node]
    while todo:
        item = todo.pop()
        if type(item) is dict:
            if any(type(key) is Ghost for key in item):
                return True
            todo.extend(item.values())
        elif type(item) is list:
            todo.extend(item)
        elif type(item) is Hole:
            return True
    return False


def mismatch(node: Any, expected: str, hint: str | None = None) -> Fault:
    """The fault of a node that is something else."""
    found = kind_of(node)
    message = f"expected {expected}, found {found if found != '``' else 'nothing'}"
    return Fault(message.replace("\n", " "), hint)


def enough(faults: list[Fault]) -> bool:
    """Whether there are as many as are shown, so that looking for more is of no use."""
    return len(faults) >= MAX_FINDINGS


def add(faults: list[Fault], node: Any, expected: str, hint: str | None = None) -> None:
    """Add the fault of a node that is something else, unless it was refused already."""
    if not is_refused(node):
        faults.append(mismatch(node, expected, hint))


def hint_form(faults: list[Fault], since: int, key: str) -> None:
    """How the value of `key` is written, for a fault of that value itself that says nothing better."""
    for fault in faults[since:]:
        if not fault.path and fault.hint is None:
            fault.hint = FORMS.get(key)


def under(faults: list[Fault], since: int, step: str | int) -> None:
    """The faults from index `since` on were found in the child at `step`."""
    for fault in faults[since:]:
        fault.path.append(step)
