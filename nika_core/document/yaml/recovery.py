"""Reading on after a syntax error: the broken item is replaced by spaces, and the rest is read again."""

from __future__ import annotations

import re
from typing import Final

from nika_core.document.yaml.deadline import ValidationDeadline
from nika_core.document.yaml.nodes import Tree
from nika_core.document.yaml.parsing import parse_yaml
from nika_core.document.yaml.read_limits import ReadLimits
from nika_core.document.yaml.syntax_errors import control_characters
from nika_core.document.yaml.syntax_issues import SyntaxIssue
from nika_core.values import dataclass, field

_MAX_CUTS: Final = 20  # items cut out of one document
_MAX_LENGTH: Final = 500_000  # characters; a larger document is read once
_ROOT_KEY: Final = re.compile(r"(?m)^(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^\s#\-\[{'\"][^:\n]*?))[ ]*:(?=\s|$)")
_ITEM: Final = re.compile(r"(?m)^([ ]*)-(?=[ \n])")
_ID: Final = re.compile(r"(?m)(?:^[ ]*(?:-[ ]+)?|[{,][ ]*)id:[ ]*[\"']?([A-Za-z0-9_-]+)")
_NO_BREAK: Final = re.compile(r"[^\r\n]")


@dataclass(slots=True)
class Recovered:
    """What could be read, all issues, and what is missing: whole root keys, and the ids of tasks that were cut out."""

    tree: Tree
    issues: list[SyntaxIssue]
    keys: set[str] = field(default_factory=set)
    ids: list[str] = field(default_factory=list)


def parse_with_recovery(data: bytes, text: str, read_limits: ReadLimits, deadline: ValidationDeadline) -> Recovered:
    """Parse a document, and again without its broken parts. Raises OutOfTimeError."""
    tree = parse_yaml(data, text, read_limits, deadline)
    recovered = Recovered(tree, list(tree.issues))
    for _ in range(_MAX_CUTS):
        if recovered.tree.stopped_at is None or len(text) > _MAX_LENGTH:
            break
        rest = control_characters().sub(" ", text) if recovered.tree.stopped_at < 0 else _cut_out(text, recovered)
        if rest is None or rest == text:
            break
        text = rest
        recovered.tree = parse_yaml(text.encode("utf-8", "surrogatepass"), text, read_limits, deadline)
        recovered.issues.extend(recovered.tree.issues)
    unique = {(issue.code, issue.start): issue for issue in reversed(recovered.issues)}
    recovered.issues = sorted(unique.values(), key=lambda issue: issue.start)
    return recovered


def _cut_out(text: str, recovered: Recovered) -> str | None:
    """Return the text with the item (or the whole root key) around the error blanked; None if there is none."""
    at = recovered.tree.issues[-1].start
    keys = list(_ROOT_KEY.finditer(text))
    before = [match for match in keys if match.start() <= at]
    if not before:
        return None
    key = before[-1]
    name = next(group for group in key.groups() if group is not None)
    start = key.start()
    end = next((match.start() for match in keys if match.start() > at), len(text))
    first = _ITEM.search(text, key.end(), end)
    if first is not None and first.start() <= at and name in ("tasks", "flows"):
        items = [match.start() for match in _ITEM.finditer(text, key.end(), end) if match[1] == first[1]]
        start = max(item for item in items if item <= at)
        end = min((item for item in items if item > at), default=end)
    else:
        recovered.keys.add(name)
    if name == "tasks":
        recovered.ids.extend(_ID.findall(text[start:end]))
    return text[:start] + _NO_BREAK.sub(" ", text[start:end]) + text[end:]
