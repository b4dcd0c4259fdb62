"""Templates in the numbers and times of a document: compiled, and put aside until their values are known."""

from __future__ import annotations

from typing import Any

from nika_core.document.reading.payload_reader import compile_text
from nika_core.document.validation.issues import ValidationIssue
from nika_core.document.validation.templated import TypedText
from nika_core.model.template import Template
from nika_core.model.workflow import NodePath


def defer(
    fields: dict[str, Any], issues: list[ValidationIssue], deferred: dict[NodePath, Template], path: NodePath
) -> None:
    """Move the templates of checked fields into `deferred`, by their paths; None is left in their places.

    Args:
        issues: relative to `fields`.
        path: of `fields` in the document.
    """
    for key, value in fields.items():
        if type(value) is TypedText:
            since = len(issues)
            compiled = compile_text(value, issues, (key,))
            if len(issues) > since:
                compiled = None
            elif isinstance(compiled, Template):
                deferred[*path, key] = compiled
                compiled = None
            fields[key] = compiled
