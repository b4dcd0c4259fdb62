"""What a keyword's facets are given of a task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from nika_core.errors import Place
from nika_core.model.json import Json, JsonObject
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.payload_tree import as_written
from nika_core.model.template import Template
from nika_core.model.tool_rules import tool_of
from nika_core.model.workflow import AgentBlock, OutputSpec, PayloadValue, Task, Workflow
from nika_core.template import to_text
from nika_core.values import dataclass


@dataclass(frozen=True, slots=True)
class CheckedPayload:
    """The payload (`nika_core.plugin.Payload`) of a task as its keyword's facets are given it."""

    task: Task
    task_id: str
    folder: Path
    agent: AgentBlock
    sections: Mapping[str, Json]
    fields: Mapping[str, PayloadValue]
    output: OutputSpec
    allowed_tools: tuple[str, ...]
    settings: JsonObject
    environ: Mapping[str, str]
    max_tokens: int | None

    def at(self, *path: str | int) -> Place:
        """Return the place of a field, of a part of one, or of a character of a text."""
        return self.task.at(path)

    def text(self, field: str) -> str | None:
        """Return a field as its author wrote it; None if it is not there."""
        value = self.task.payload.get(field)
        if value is None or isinstance(value, str):
            return value
        return value.text if isinstance(value, Template) else to_text(as_written(value))


class TaskPayloads:
    """Makes what `Facets.check`, `effects` and `estimate` are given, for the tasks of one workflow.

    Args:
        settings: of the project file, by keyword.
    """

    def __init__(
        self,
        workflow: Workflow,
        limits: Limits,
        settings: Mapping[str, JsonObject] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = workflow.folder
        self._agent = workflow.agent or AgentBlock()
        self._sections = workflow.sections
        self._settings = settings or {}
        self._environ = environ or {}
        self._max_tokens = limits.counts.get(LimitKind.TASK_TOKENS)
        self._made: dict[str, CheckedPayload] = {}

    def of(self, task: Task) -> CheckedPayload:
        """Return a task's payload, with what the agent block says for all tasks."""
        made = self._made.get(task.id)
        if made is not None and made.task is task:  # several facets are asked about each task
            return made
        agent = self._agent
        made = self._made[task.id] = CheckedPayload(
            task,
            task.id,
            self._folder,
            agent,
            self._sections,
            MappingProxyType(task.payload),  # read-only, so that a plugin cannot change the task
            task.output,
            tuple(map(tool_of, task.allowed_tools if task.allowed_tools is not None else agent.allowed_tools or ())),
            self._settings.get(task.keyword, {}),
            self._environ,
            self._max_tokens,
        )
        return made
