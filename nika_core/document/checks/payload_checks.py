"""What the keyword itself says about each task's payload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nika_core import codes
from nika_core.document.checks.check_context import Context
from nika_core.errors import NikaError, Place, Problem, Severity
from nika_core.model.json import Json, JsonObject
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.template import Template
from nika_core.model.workflow import AgentBlock, OutputSpec, Path_, PayloadValue, Task, Workflow
from nika_core.template import TemplateSyntaxError, compile_template, to_text

_MOST_PROBLEMS = 100  # of one task
_NO_AGENT = AgentBlock()
_TREES = (dict, list, tuple, Mapping)  # most are one of the first


@dataclass(frozen=True, slots=True)
class CheckedPayload:
    """A task's payload as a keyword's facets are given it (`nika_core.plugin.Payload`)."""

    task: Task
    workflow: Workflow
    settings: JsonObject
    environ: Mapping[str, str]
    max_tokens: int | None

    @property
    def task_id(self) -> str:
        return self.task.id

    @property
    def folder(self) -> Path:
        return self.workflow.folder

    @property
    def agent(self) -> AgentBlock:
        return self.workflow.agent or _NO_AGENT

    @property
    def sections(self) -> Mapping[str, Json]:
        return self.workflow.sections

    @property
    def fields(self) -> Mapping[str, PayloadValue]:
        return MappingProxyType(self.task.payload)  # what a plugin does to it is not done to the task

    @property
    def output(self) -> OutputSpec:
        return self.task.output

    @property
    def allowed_tools(self) -> tuple[str, ...]:
        own = self.task.allowed_tools
        return own if own is not None else self.agent.allowed_tools or ()

    def at(self, *path: str | int) -> Place:
        """Where a field (or a part of one, or a character of a text) stands."""
        return self.task.at(path)

    def text(self, field: str) -> str | None:
        """A field as its author wrote it; None when it is not there."""
        value = self.task.payload.get(field)
        if value is None or isinstance(value, str):
            return value
        return value.text if isinstance(value, Template) else to_text(_written(value))


def payload_of(
    task: Task,
    workflow: Workflow,
    limits: Limits,
    settings: Mapping[str, JsonObject] | None = None,
    environ: Mapping[str, str] | None = None,
) -> CheckedPayload:
    """What `Facets.check`, `effects` and `estimate` are given. `settings`: of the project file, by keyword."""
    own = (settings or {}).get(task.keyword, {})
    return CheckedPayload(task, workflow, own, environ or {}, limits.count(LimitKind.TASK_TOKENS))


def check_payloads(context: Context) -> Iterator[Problem]:
    """Every keyword's own check, and templates where none can stand."""
    max_tokens = context.limits.count(LimitKind.TASK_TOKENS)
    for task in context.workflow.tasks:
        context.check_time()
        keyword = context.keyword_of(task)
        if keyword is None:
            continue
        for name, value in task.payload.items():
            if type(value) is not str and isinstance(value, _TREES) and name not in keyword.literal:
                yield from _check_keys(value, (name,), task)
        if context.can_be_asked(keyword):
            yield from _ask(context, task, max_tokens)


def _ask(context: Context, task: Task, max_tokens: int | None) -> Sequence[Problem]:
    found: list[Problem] = []

    def report(
        message: str,
        place: Place,
        *,
        code: str = codes.BAD_PAYLOAD,
        hint: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> None:
        if len(found) < _MOST_PROBLEMS:
            found.append(Problem(code, message, place, hint, severity))

    try:
        facets = context.catalog.facets(task.keyword)
        settings = context.settings.get(task.keyword, {})
        facets.check(CheckedPayload(task, context.workflow, settings, context.environ or {}, max_tokens), report)
    except NikaError as error:  # a plugin's own way of saying it
        found.append(Problem(error.code, error.message, error.place or task.place, error.hint))
    return found


def _check_keys(value: Any, path: Path_, task: Task) -> Iterator[Problem]:
    """`{{` always opens a template; in a key it cannot be replaced, and must not be left in silence."""
    todo: list[tuple[Any, Path_]] = [(value, path)]
    while todo:
        here, path = todo.pop()
        if isinstance(here, Mapping):
            for key, item in here.items():
                if isinstance(key, str) and ("{{" in key or "${" in key) and _is_template(key):
                    yield Problem(
                        codes.TEMPLATE_SYNTAX,
                        f"a template cannot stand in a key: {key[:80]!r}",
                        task.at((*path, key)),
                        "make the whole object in a task of its own, and put its output here",
                    )
                if isinstance(item, _TREES):
                    todo.append((item, (*path, key)))
        else:
            todo.extend((item, (*path, index)) for index, item in enumerate(here) if isinstance(item, _TREES))


def _is_template(key: str) -> bool:
    try:
        return not isinstance(compile_template(key), str)
    except TemplateSyntaxError:
        return True


def _written(value: Any) -> Any:
    if isinstance(value, Template):
        return value.text
    if isinstance(value, Mapping):
        return {key: _written(item) for key, item in value.items()}
    return [_written(item) for item in value] if isinstance(value, list | tuple) else value
