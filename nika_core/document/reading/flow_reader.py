"""The `flows:` list."""

from __future__ import annotations

from typing import Final

from nika_core import codes
from nika_core.document.reading import workflow_schema
from nika_core.document.reading.condition_reader import ConditionReader
from nika_core.document.reading.problem_list import ProblemList
from nika_core.document.validation.compile_validators import compile_schema
from nika_core.document.validation.issues import ValidationIssue, add_syntax_hint
from nika_core.document.yaml.deadline import ValidationDeadline
from nika_core.document.yaml.path_locator import NodeLocator, PathLocator
from nika_core.document.yaml.source_map import Cursor
from nika_core.model.workflow import Flow

_FLOWS_BETWEEN_CHECKS: Final = 256
_CHECK: Final = compile_schema(workflow_schema.FLOW).check


class FlowReader:
    """Reads flows. Whether their tasks exist is checked later, with the graph."""

    def __init__(
        self, locator: PathLocator, conditions: ConditionReader, deadline: ValidationDeadline, problems: ProblemList
    ) -> None:
        self.conditions = conditions
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
            condition = self.conditions.read(text, "condition", issues) if isinstance(text, str) else None
            if issues:
                self.problems.add_task_issues(issues, codes.BAD_VALUE, node, entry)
            if fields and fields.get("source") and fields.get("target"):
                place = cursor.place(offsets[entry])
                at = NodeLocator(self.locator, node, entry)
                flows.append(Flow(fields["source"], fields["target"], condition, place, at))
        return tuple(flows)
