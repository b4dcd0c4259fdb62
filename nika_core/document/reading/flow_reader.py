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

_EVERY: Final = 256
_LONGEST: Final = 10_000  # characters of one condition
_SHARE: Final = 8  # all conditions may take this part of a document's bytes: compiled, they are larger
_FEWEST: Final = 100_000


class FlowReader:
    """Reads flows. Whether their tasks exist is checked later, with the graph."""

    def __init__(
        self, locator: PathLocator, limits: Limits, deadline: ValidationDeadline, problems: ProblemList
    ) -> None:
        size = limits.count(LimitKind.YAML_BYTES)
        self.left = None if size is None else max(size // _SHARE, _FEWEST)
        self.locator = locator
        self.deadline = deadline
        self.problems = problems
        self.check = compile_schema(workflow_schema.FLOW).check

    def read(self) -> tuple[Flow, ...]:
        """Return the flows of the document's list."""
        cursor = Cursor(self.locator.source_map)
        offsets = self.locator.offsets
        flows: list[Flow] = []
        for index, (node, entry) in enumerate(self.locator.items("flows")):
            if not index % _EVERY:
                self.deadline.check()
            issues: list[ValidationIssue] = []
            fields = self.check(node, issues)
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
        if self.left is not None:
            self.left -= len(text)
        message = None
        if len(text) > _LONGEST:
            message = f"a condition has at most {_LONGEST} characters, this one has {len(text)}"
        elif self.left is not None and self.left < 0:
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
