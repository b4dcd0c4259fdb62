"""Each keyword's own check of its tasks' payloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any

from nika_core import codes
from nika_core.document.checks.check_context import Context
from nika_core.document.checks.problem_report import ProblemReport
from nika_core.errors import NikaError, Place, Problem, Severity
from nika_core.model.json import Json, JsonObject
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.payload_tree import as_written, keys_in, placeholders_in
from nika_core.model.template import Template
from nika_core.model.tool_rules import tool_of
from nika_core.model.workflow import AgentBlock, NoOutputs, OutputSpec, PayloadValue, Task, Workflow
from nika_core.template import TemplateSyntaxError, compile_template, to_text
from nika_core.values import dataclass

_WITHOUT_KEYS = (str, Template, int, float, bool, NoneType)  # what nearly all values are


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

    def of(self, task: Task) -> CheckedPayload:
        """Return a task's payload, with what the agent block says for all tasks."""
        agent = self._agent
        return CheckedPayload(
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


def check_payloads(context: Context) -> Iterator[Problem]:
    """Run each keyword's own check, and report templates in keys."""
    workflow = context.workflow
    payloads = TaskPayloads(workflow, context.limits, context.settings, context.environ)
    keywords = context.keywords
    askable = {word for word, keyword in keywords.items() if keyword is not None and context.can_be_asked(keyword)}
    for task in workflow.tasks:
        context.check_time()
        keyword = keywords[task.keyword]
        if keyword is None:
            continue
        for name, value in task.payload.items():
            if type(value) not in _WITHOUT_KEYS and name not in keyword.verbatim_fields:
                yield from _check_keys(value, name, task)
        if task.keyword in askable:
            yield from _ask(context, task, payloads.of(task))


def _ask(context: Context, task: Task, payload: CheckedPayload) -> Sequence[Problem]:
    report = ProblemReport(codes.BAD_PAYLOAD)
    try:
        context.catalog.facets(task.keyword).check(payload, report)
    except NikaError as error:  # raised by the plugin on purpose
        report.problems.append(Problem(error.code, error.message, error.place or task.place, error.hint))
    return report.problems


def check_unread(context: Context) -> Iterator[Problem]:
    """Warn of tasks whose output is of no use unless something reads it."""
    workflow = context.workflow
    outputs = None if workflow.outputs is NoOutputs.NO_OUTPUTS else workflow.outputs
    used = set(context.graph.read)
    used.update(task for _, placeholder in placeholders_in(outputs) for task in context.depends_on(placeholder))
    used.add(workflow.agent.output if workflow.agent and workflow.agent.output else "")
    payloads = TaskPayloads(workflow, context.limits, context.settings, context.environ)
    for task in workflow.tasks:
        if task.id in used or context.keywords[task.keyword] is None:
            continue
        try:
            why = context.catalog.facets(task.keyword).unread(payloads.of(task))
        except NikaError:  # as the task's own check reports
            continue
        if why:
            hint = f"read it, e.g. {{{{{task.id}}}}}, in a template, a condition or `outputs`; or remove the task"
            yield Problem(codes.ORPHAN_TASK, f"`{task.id}`: {why}", task.place, hint, Severity.WARNING)


def _check_keys(value: Any, name: str, task: Task) -> Iterator[Problem]:
    """Report `{{` in a key: it always opens a template, and in a key a template cannot be replaced."""
    for path in keys_in(value, (name,)):
        key = path[-1]
        if isinstance(key, str) and ("{{" in key or "${" in key) and _is_template(key):
            yield Problem(
                codes.TEMPLATE_SYNTAX,
                f"a template cannot stand in a key: {key[:80]!r}",
                task.at(path),
                "build the whole object in a task of its own, and use its output here",
            )


def _is_template(key: str) -> bool:
    try:
        return not isinstance(compile_template(key), str)
    except TemplateSyntaxError:
        return True
