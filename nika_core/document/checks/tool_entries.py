"""A keyword's own check of entries of `allowedTools` and `disallowedTools` that name it, before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from nika_core import codes
from nika_core.document.checks.check_context import Context
from nika_core.document.checks.problem_report import ProblemReport
from nika_core.errors import NikaError, Place, Problem
from nika_core.model.json import Json, JsonObject
from nika_core.model.workflow import AgentBlock, NodePath, OutputSpec, PayloadValue, Workflow
from nika_core.values import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class WorkflowPayload:
    """The payload (`nika_core.plugin.Payload`) for facets asked without a task: the workflow, and one place."""

    workflow: Workflow
    settings: JsonObject
    environ: Mapping[str, str]
    place: Place
    part: Callable[[NodePath], Place] | None = None
    task_id: str = ""
    fields: Mapping[str, PayloadValue] = field(default_factory=dict)
    output: OutputSpec = field(default_factory=OutputSpec)
    max_tokens: int | None = None
    allowed_tools: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return self.workflow.folder

    @property
    def agent(self) -> AgentBlock:
        return self.workflow.agent or AgentBlock()

    @property
    def sections(self) -> Mapping[str, Json]:
        return self.workflow.sections

    def at(self, *path: str | int) -> Place:
        """Return the one place, or that of a part of a rule."""
        return self.place if self.part is None or not path else self.part(path)

    def text(self, field: str) -> str | None:
        """Return None: there are no fields."""
        return None


class ToolEntries:
    """Asks keywords about entries, once for each name: a hundred tasks may all be given the same tools."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._problems_of_tool: dict[tuple[str, bool], tuple[Place, list[Problem]]] = {}

    def problems(self, tool: str, place: Place, *, forbids: bool = False) -> Iterator[Problem]:
        """Yield what is wrong with an entry whose keyword is known; none of a pattern that covers several keywords."""
        if (tool, forbids) not in self._problems_of_tool:
            self._problems_of_tool[tool, forbids] = (place, self._ask(tool, place, forbids=forbids))
        first, problems = self._problems_of_tool[tool, forbids]
        for problem in problems:
            yield replace(problem, place=place) if problem.place == first else problem

    def _ask(self, tool: str, place: Place, *, forbids: bool) -> list[Problem]:
        self._context.check_time()
        word, _, reference = tool.partition("::")
        keyword = self._context.keyword(word)
        if "*" in word or (keyword is not None and not self._context.can_be_asked(keyword)):
            return []
        report = ProblemReport(codes.UNKNOWN_TOOL)
        context = self._context
        payload = WorkflowPayload(context.workflow, context.settings.get(word, {}), context.environ or {}, place)
        try:
            facets = context.catalog.facets(word)
            (facets.check_disallowed_tool if forbids else facets.check_tool)(reference, payload, report)
        except NikaError as error:  # raised by the plugin on purpose
            report.problems.append(Problem(error.code, error.message, error.place or place, error.hint))
        return report.problems
