"""The lists `allowedTools`, `disallowedTools` and `askTools`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nika_core.document.validation.issues import ValidationIssue
from nika_core.model.tool_rules import entry_text


def read_entries(entries: Iterable[Any] | None, key: str, issues: list[ValidationIssue]) -> tuple[str, ...]:
    """Return the entries of a list as texts, and report what is not an entry."""
    texts: list[str] = []
    for index, entry in enumerate(entries or ()):
        try:
            texts.append(entry_text(entry))
        except ValueError as error:
            hint = "write a tool's name, or a rule: {tool: shell, argv: [git, log]}"
            issues.append(ValidationIssue(str(error), hint, [index, key]))
    return tuple(texts)
