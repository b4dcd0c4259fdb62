"""What a keyword says of entries of `allowedTools` that name it, before anything is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from nika_core import codes
from nika_core.document.checks.check_context import Context
from nika_core.errors import NikaError, Place, Problem, Severity
from nika_core.model.json import Json, JsonObject
from nika_core.model.workflow import AgentBlock, OutputSpec, PayloadValue, Workflow

_MOST_PROBLEMS: Final = 20  # of one entry


@dataclass(frozen=True, slots=True)
class WorkflowPayload:
    """What facets are given that are asked about no task (`nika_core.plugin.Payload`): the workflow, and one place."""

    workflow: Workflow
    settings: JsonObject
    environ: Mapping[str, str]
    place: Place
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
        """The one place."""
        return self.place

    def text(self, field: str) -> str | None:
        """None: there are no fields."""
        return None


class ToolEntries:
    """Asks keywords about entries, about each name once: a hundred tasks may all be given the same tools."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[str, tuple[Place, list[Problem]]] = {}

    def problems(self, tool: str, place: Place) -> Iterator[Problem]:
        """What is wrong with an entry whose keyword is known."""
        if tool not in self._known:
            self._known[tool] = (place, self._ask(tool, place))
        first, found = self._known[tool]
        for problem in found:
            yield replace(problem, place=place) if problem.place == first else problem

    def _ask(self, tool: str, place: Place) -> list[Problem]:
        self._context.check_time()
        word, _, reference = tool.partition("::")
        keyword = self._context.keyword(word)
        if keyword is not None and not self._context.can_be_asked(keyword):
            return []
        found: list[Problem] = []

        def report(
            message: str,
            place: Place,
            *,
            code: str = codes.UNKNOWN_TOOL,
            hint: str | None = None,
            severity: Severity = Severity.ERROR,
        ) -> None:
            if len(found) < _MOST_PROBLEMS:
                found.append(Problem(code, message, place, hint, severity))

        context = self._context
        payload = WorkflowPayload(context.workflow, context.settings.get(word, {}), context.environ or {}, place)
        try:
            context.catalog.facets(word).check_tool(reference, payload, report)
        except NikaError as error:  # a plugin's own way of saying it
            found.append(Problem(error.code, error.message, error.place or place, error.hint))
        return found
