"""The conditions of a document: those of flows, and `when` of tasks."""

from __future__ import annotations

from typing import Final

from nika_core import codes
from nika_core.document.validation.issues import ValidationIssue
from nika_core.document.yaml.deadline import ValidationDeadline
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.workflow import Condition
from nika_core.template import ConditionSyntaxError

_MAX_LENGTH: Final = 10_000  # characters of one condition
_SHARE_OF_BYTES: Final = 8  # all conditions may take this part of a document's bytes: compiled, they are larger
_MIN_TOTAL_LENGTH: Final = 100_000


class ConditionReader:
    """Compiles the conditions of one document, which share one limit of length."""

    def __init__(self, limits: Limits, deadline: ValidationDeadline) -> None:
        size = limits.counts.get(LimitKind.YAML_BYTES)
        self._remaining_length = None if size is None else max(size // _SHARE_OF_BYTES, _MIN_TOTAL_LENGTH)
        self._deadline = deadline

    def read(self, text: str, key: str, issues: list[ValidationIssue]) -> Condition | None:
        """Return the compiled condition under `key`; None, and an issue, if it is not one."""
        self._deadline.check()
        if self._remaining_length is not None:
            self._remaining_length -= len(text)
        message = None
        if len(text) > _MAX_LENGTH:
            message = f"a condition has at most {_MAX_LENGTH} characters, this one has {len(text)}"
        elif self._remaining_length is not None and self._remaining_length < 0:
            message = "all conditions together are too long"
        if message is not None:
            hint = "let a task decide, and compare its output"
            issues.append(ValidationIssue(message, hint, [key], code=codes.SIZE_LIMIT))
            return None
        from nika_core.template import compile_condition  # most workflows have no condition

        try:
            return compile_condition(text)
        except ConditionSyntaxError as error:
            issues.append(
                ValidationIssue(error.message, error.hint, [key], offset=error.offset, code=codes.BAD_CONDITION)
            )
            return None
