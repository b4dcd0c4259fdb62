"""What a validator has to say about a part of a document, by path; places are worked out later."""

from __future__ import annotations

from typing import Any

from nika_core.document.yaml.nodes import RefusedValue
from nika_core.document.yaml.source_map import RefusedKey
from nika_core.document.yaml.syntax_hints import SYNTAX_HINTS
from nika_core.document.yaml.syntax_issues import MAX_ISSUES
from nika_core.errors import Place
from nika_core.values import dataclass, field


@dataclass(slots=True)
class ValidationIssue:
    """`path` leads from the validated node to the bad one, innermost step first while it is put together.

    `at_key`: the key is what is wrong, not its value. `offset`: a character's offset within the text there.
    `code` None: the caller's. `place`: in another file; else it is worked out from the path.
    """

    message: str
    hint: str | None = None
    path: list[str | int] = field(default_factory=list)
    at_key: bool = False
    offset: int | None = None
    code: str | None = None
    length: int = 1
    place: Place | None = None


def value_kind(node: Any) -> str:
    """Return what a node is, for messages."""
    if type(node) is dict:
        return "a mapping"
    if type(node) is list:
        return "a list"
    if node == "":
        return "nothing"
    return f"`{node if len(node) <= 40 else node[:37] + '...'}`"


def is_refused(node: Any) -> bool:
    """Return whether this node was refused, and reported, while it was read."""
    if type(node) is dict:
        return any(type(key) is RefusedKey for key in node)
    return type(node) is RefusedValue


def holds_refused(node: Any) -> bool:
    """Return whether anything in this node was refused while it was read."""
    todo = [node]
    while todo:
        item = todo.pop()
        if type(item) is dict:
            if any(type(key) is RefusedKey for key in item):
                return True
            todo.extend(item.values())
        elif type(item) is list:
            todo.extend(item)
        elif type(item) is RefusedValue:
            return True
    return False


def mismatch(node: Any, expected: str, hint: str | None = None) -> ValidationIssue:
    """Return the issue of a node that is something else."""
    found = value_kind(node)
    message = f"expected {expected}, found {found if found != '``' else 'nothing'}"
    return ValidationIssue(message.replace("\n", " "), hint)


def enough(issues: list[ValidationIssue]) -> bool:
    """Return whether there are as many as are shown, so that looking for more is of no use."""
    return len(issues) >= MAX_ISSUES


def add(issues: list[ValidationIssue], node: Any, expected: str, hint: str | None = None) -> None:
    """Add the issue of a node that is something else, unless it was refused already."""
    if not is_refused(node):
        issues.append(mismatch(node, expected, hint))


def add_syntax_hint(issues: list[ValidationIssue], since: int, key: str) -> None:
    """Say how the value of `key` is written in each issue of that value itself that has no hint yet."""
    for issue in issues[since:]:
        if not issue.path and issue.hint is None:
            issue.hint = SYNTAX_HINTS.get(key)


def under(issues: list[ValidationIssue], since: int, step: str | int) -> None:
    """Add `step` to the path of each issue from index `since` on: they are of the child there."""
    for issue in issues[since:]:
        issue.path.append(step)
