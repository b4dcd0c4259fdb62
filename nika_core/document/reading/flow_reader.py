"""The `flows:` list."""

from __future__ import annotations

from typing import Final

from nika_core import codes
from nika_core.document.reading import workflow_schema
from nika_core.document.reading.problem_list import ProblemList
from nika_core.document.validation.compile_validators import compile_schema
from nika_core.document.validation.issues import ValidationIssue, add_syntax_hint
from nika_core.document.yaml.deadline import ValidationDeadline
from nika_core.document.yaml.path_locator import NodeLocator, PathLocator
from nika_core.document.yaml.source_map import Cursor
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.workflow import Condition, Flow
from nika_core.template import ConditionSyntaxError, compile_condition

_FLOWS_BETWEEN_CHECKS: Final = 256
_CHECK: Final = compile_schema(workflow_schema.FLOW).check
_MAX_LENGTH: Final = 10_000  # characters of one condition
_SHARE_OF_BYTES: Final = 8  # all conditions may take this part of a document's bytes: compiled, they are larger
_MIN_TOTAL_LENGTH: Final = 100_000


class FlowReader:
    """Reads flows. Whether their tasks exist is checked later, with the graph."""

    def __init__(
        self, locator: PathLocator, limits: Limits, deadline: ValidationDeadline, problems: ProblemList
    ) -> None:
        size = limits.counts.get(LimitKind.YAML_BYTES)
        self.remaining_length = None if size is None else max(size // _SHARE_OF_BYTES, _MIN_TOTAL_LENGTH)
        self.locator = locator
        self.deadline = deadline
        self.problems = problems

    def read(self) -> tuple[Flow, ...]:
        """Return the flows of the document's list."""
        cursor = Cursor(self.locator.source_map)
        offsets = self.locator.offsets
        flows: list[Flow] = []
        for index, (node, entry) in enumerate(self.locator.items("flows")):
            if not index % _FLOWS_BETWEEN_CHECKS:
                self.deadline.check()
            issues: list[ValidationIssue] = []
            fields = _CHECK(node, issues)
            add_syntax_hint(issues, 0, "flow")
            text = fields.get("condition") if fields else None
            condition = self._condition(text, issues) if isinstance(text, str) else None
            if issues:
                self.problems.add_task_issues(issues, codes.BAD_VALUE, node, entry)
            if fields and fields.get("source") and fields.get("target"):
                place = cursor.place(offsets[entry])
                at = NodeLocator(self.locator, node, entry)
                flows.append(Flow(fields["source"], fields["target"], condition, place, at))
        return tuple(flows)

    def _condition(self, text: str, issues: list[ValidationIssue]) -> Condition | None:
        self.deadline.check()
        if self.remaining_length is not None:
            self.remaining_length -= len(text)
        message = None
        if len(text) > _MAX_LENGTH:
            message = f"a condition has at most {_MAX_LENGTH} characters, this one has {len(text)}"
        elif self.remaining_length is not None and self.remaining_length < 0:
            message = "all conditions together are too long"
        if message is not None:
            hint = "let a task decide, and compare its output"
            issues.append(ValidationIssue(message, hint, ["condition"], code=codes.SIZE_LIMIT))
            return None
        try:
            return compile_condition(text)
        except ConditionSyntaxError as error:
            issues.append(
                ValidationIssue(error.message, error.hint, ["condition"], offset=error.offset, code=codes.BAD_CONDITION)
            )
            return None
