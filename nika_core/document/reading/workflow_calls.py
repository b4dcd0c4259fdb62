"""What facets know of tasks before a run: the workflows that they stand for, which are loaded, and their outputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from nika_core import codes
from nika_core.document.checks import Context, check_workflow
from nika_core.document.checks.output_types import output_schema
from nika_core.document.plugin_catalog import PluginCatalog
from nika_core.document.reading.agent_block import check_model
from nika_core.document.reading.inputs import call_issues
from nika_core.document.reading.source_file import similar_file
from nika_core.document.reading.workflow_reader import WorkflowReader
from nika_core.errors import NikaError, Place, Problem, Severity
from nika_core.model.bounded import shorten
from nika_core.model.json import JsonObject
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.nearest import did_you_mean
from nika_core.model.template import Template
from nika_core.model.workflow import (
    AgentBlock,
    InnerWorkflow,
    ItemError,
    KeywordCategory,
    OnError,
    OutputSpec,
    Task,
    Workflow,
)
from nika_core.plugin import WorkflowCall
from nika_core.values import dataclass, field, replace

_SUFFIXES: Final = (".yaml", ".yml")
_ANY_OUTPUT: Final = OutputSpec()
_Key = tuple[str, str]  # a file's real path, and a name under its `workflows:`; "": the file itself


class LoadedFile(Protocol):
    """A workflow's file that was loaded for a task."""

    @property
    def inner(self) -> InnerWorkflow | None: ...


@dataclass(slots=True)
class CallTree:
    """What the files have in common that are loaded for one workflow.

    Attributes:
        root: the folder in which all files that authors name have to lie.
        load: loads another file; its problems are kept beside the others.
        files: what was loaded, by real path.
        stack: the workflows that are being looked through, each called by the one before it, with their titles.
        tasks: the tasks of all files so far.
    """

    root: Path
    load: Callable[[Path], LoadedFile]
    files: dict[str, LoadedFile] = field(default_factory=dict)
    stack: dict[_Key, str] = field(default_factory=dict)
    tasks: int = 0


class WorkflowCalls:
    """Finds and checks the workflows that the tasks of one document stand for.

    Args:
        reader: has read the document.
        missing: root keys that could not be read.
        context: returns what a workflow is checked in.
    """

    def __init__(
        self,
        tree: CallTree,
        reader: WorkflowReader,
        limits: Limits,
        missing: set[str],
        context: Callable[[Workflow], Context],
    ) -> None:
        self._tree = tree
        self._reader = reader
        self._limits = limits
        self._missing = missing
        self._context = context
        self._catalog: PluginCatalog = reader.catalog
        self._file = os.path.realpath(reader.path)
        self._checked: dict[tuple[str, AgentBlock | None], InnerWorkflow | None] = {}

    def of_document(self, workflow: Workflow) -> Workflow:
        """Return the document's workflow with the workflows that its tasks stand for; check all under `workflows:`."""
        with self._within((self._file, ""), str(self._reader.path)):
            self._count(workflow)
            workflow = self._of(workflow)
            called = {name for name, _ in self._checked}
            for name in self._reader.workflows:
                if name not in called:
                    self._named(name, workflow, Place(str(self._reader.path)))
        return workflow

    # ---- one workflow

    def _of(self, workflow: Workflow) -> Workflow:
        tasks = []
        for task in workflow.tasks:
            inner = self._inner(workflow, task)
            known = self._known_output(task) if inner is None else None
            is_same = inner is None and known is None
            tasks.append(task if is_same else replace(task, inner=inner, known_output=known))
        return replace(workflow, tasks=tuple(tasks))

    def _known_output(self, task: Task) -> JsonObject | None:
        if not task.keyword or task.output != _ANY_OUTPUT or task.on_error is OnError.VALUE:
            return None
        if task.for_each is not None and task.for_each.on_item_error is ItemError.VALUE:
            return None
        try:
            facets = self._catalog.facets(task.keyword)
        except NikaError:  # as the task's own check reports
            return None
        try:
            return facets.output_schema(MappingProxyType(task.payload))
        except NikaError as error:
            self._add(error.code, error.message, error.place or task.place, error.hint)
            return None

    def _inner(self, workflow: Workflow, task: Task) -> InnerWorkflow | None:
        keyword = self._catalog.keyword(task.keyword) if task.keyword else None
        if keyword is None or keyword.category is not KeywordCategory.GROUP:
            return None
        try:
            call = self._catalog.facets(task.keyword).workflow(MappingProxyType(task.payload))
        except NikaError as error:
            self._add(error.code, error.message, error.place or task.place, error.hint)
            return None
        assert call is not None
        place = task.at(call.use_at) if call.use_at else task.place
        inner = self._target(workflow, task, call.use, place)
        if inner is None or not self._fits(inner, place):
            return None
        for issue in call_issues(inner.workflow, call.inputs, self._limits):
            at = (*call.inputs_at, issue.name) if issue.name in call.inputs else call.inputs_at
            hint = issue.hint or (f"give it: {_path(call)}{issue.name}: ..." if issue.missing else None)
            self._add(codes.BAD_PAYLOAD, issue.message, task.at(at) if at else task.place, hint)
        return inner

    def _fits(self, inner: InnerWorkflow, place: Place) -> bool:
        """Report a workflow that is nested too deeply, or has too many tasks inside it."""
        deepest = self._limits.bounds.get(LimitKind.NESTING)
        depth = len(self._tree.stack) - 1 + inner.depth
        if deepest is not None and depth > deepest.value:
            self._too_deep(deepest.name, deepest.value, place)
            return False
        most = self._limits.bounds.get(LimitKind.NODES)
        if most is not None and inner.size > most.value:
            message = f"this workflow has {inner.size} tasks in all that is nested inside it"
            hint = f"make it smaller, or raise {most.name}, which allows {most.value:g}"
            self._add(codes.COUNT_LIMIT, message, place, hint)
            return False
        return True

    def _too_deep(self, name: str, value: float, place: Place) -> None:
        chain = " -> ".join(self._tree.stack.values())
        message = f"workflows are nested more than {value:g} deep here: {shorten(chain, 300)}"
        self._add(codes.DEPTH_LIMIT, message, place, f"make it flatter, or raise {name}")

    # ---- what is meant

    def _target(self, workflow: Workflow, task: Task, use: str | Path | Template, place: Place) -> InnerWorkflow | None:
        if isinstance(use, Template):
            message = f"{shorten(use.text, 60)}: which workflow a task stands for is known before a run"
            self._add(codes.BAD_PAYLOAD, message, place, "write its name or its file without a template")
        elif isinstance(use, Path):
            return self._loaded(use, str(use), place)
        elif use in self._reader.workflows:
            return self._named(use, workflow, place)
        elif "/" in use or use.endswith(_SUFFIXES):
            path = self._reader.path.parent / use
            real = Path(os.path.realpath(path))
            if real.is_relative_to(os.path.realpath(self._tree.root)):
                return self._loaded(path, use, place)
            message = f"'{shorten(use, 60)}' lies outside of {self._tree.root}"
            hint = "a workflow's file lies in its caller's project (the folder of nika.yaml), without one in its folder"
            self._add(codes.BAD_PAYLOAD, message, place, hint)
        elif "workflows" not in self._missing:
            self._add(codes.BAD_PAYLOAD, f"there is no workflow '{shorten(use, 60)}'", place, self._meant(use))
        return None

    def _meant(self, use: str) -> str:
        names = list(self._reader.workflows)
        near = did_you_mean(use, names)
        if near is not None:
            return near
        beside = similar_file(self._reader.path.parent / use)
        known = f"under `workflows:` there is {', '.join(names[:8])}" if names else "the file has no `workflows:`"
        return beside or f"{known}; a file is named by its path, e.g. flows/{use}.nika.yaml"

    def _named(self, name: str, caller: Workflow, place: Place) -> InnerWorkflow | None:
        """Return a workflow under `workflows:`. Without an agent block of its own it has its caller's."""
        definition = self._reader.workflows[name]
        if definition is None or self._in_circle((self._file, name), name, place):
            return None
        inherits = definition.agent is None
        agent = _inherited(caller.agent) if inherits else None
        key = name, agent
        if key not in self._checked:
            self._checked[key] = None
            child = replace(definition, agent=agent) if inherits else definition
            with self._within((self._file, name), name):
                self._checked[key] = self._check_named(name, child, inherits=inherits)
        return self._checked[key]

    def _check_named(self, name: str, workflow: Workflow, *, inherits: bool) -> InnerWorkflow:
        problems = self._reader.problems
        since = len(problems.items)
        if sum(known == name for known, _ in self._checked) == 1:
            self._count(workflow)
        workflow = self._of(workflow)
        if workflow.agent is None and self._reader.model is None:
            check_model(workflow.tasks, self._catalog, problems.below(self._reader.locator.below("workflows", name)))
        context = self._context(workflow)
        whole = all(problem.severity is not Severity.ERROR for problem in problems.items)
        for problem in check_workflow(context, whole=whole):
            problems.add_problem(problem)
            if Severity.ERROR in problems.left_out:
                break
        broken = any(problem.severity is Severity.ERROR for problem in problems.items[since:])
        return inner_workflow(context, inherits_agent=inherits, broken=broken)

    def _loaded(self, path: Path, title: str, place: Place) -> InnerWorkflow | None:
        real = os.path.realpath(path)
        if self._in_circle((real, ""), title, place):
            return None
        if real not in self._tree.files:
            if not os.path.lexists(real):
                self._add(codes.BAD_PAYLOAD, f"there is no file {shorten(title, 100)}", place, similar_file(path))
                return None
            most = self._limits.bounds.get(LimitKind.FILES)
            if most is not None and len(self._tree.files) + 2 > most.value:
                message = f"this is one more file than {most.name} allows for one workflow, which is {most.value:g}"
                self._add(codes.COUNT_LIMIT, message, place, f"raise {most.name}")
                return None
            self._tree.files[real] = self._tree.load(path)
        return self._tree.files[real].inner

    # ---- calls inside calls

    def _in_circle(self, key: _Key, title: str, place: Place) -> bool:
        """Report a workflow that is called inside itself, or too deeply."""
        stack = self._tree.stack
        if key in stack:
            keys = list(stack)
            titles = [stack[each] for each in keys[keys.index(key) :]]
            message = f"workflows call each other in a circle: {' -> '.join([*titles, stack[key]])}"
            self._add(codes.CYCLE, message, place, "remove one of these calls; to do a task again, use `repeat`")
            return True
        deepest = self._limits.bounds.get(LimitKind.NESTING)
        if deepest is not None and len(stack) > deepest.value:
            self._too_deep(deepest.name, deepest.value, place)
            return True
        return False

    @contextmanager
    def _within(self, key: _Key, title: str) -> Iterator[None]:
        self._tree.stack[key] = title
        try:
            yield
        finally:
            del self._tree.stack[key]

    def _count(self, workflow: Workflow) -> None:
        """Count the tasks of a workflow; report the first that is one too many in all files together."""
        most, before = self._limits.bounds.get(LimitKind.TASKS), self._tree.tasks
        self._tree.tasks += len(workflow.tasks)
        if most is not None and before <= most.value < self._tree.tasks and len(workflow.tasks) <= most.value:
            message = f"with these tasks the workflow and those that it calls have more than {most.value:g}"
            self._add(codes.COUNT_LIMIT, message, workflow.at(("tasks",)), f"make it smaller, or raise {most.name}")

    def _add(self, code: str, message: str, place: Place, hint: str | None = None) -> None:
        self._reader.problems.add_problem(Problem(code, message, place, hint))


def inner_workflow(context: Context, *, inherits_agent: bool = False, broken: bool = False) -> InnerWorkflow:
    """Return what is known of a checked workflow for the tasks that stand for it."""
    workflow = context.workflow
    inners = [task.inner for task in workflow.tasks if task.inner is not None]
    return InnerWorkflow(
        workflow,
        context.graph,
        inherits_agent,
        None if broken else output_schema(context),
        1 + max((inner.depth for inner in inners), default=0),
        len(workflow.tasks) + sum(inner.size for inner in inners),
    )


def _inherited(agent: AgentBlock | None) -> AgentBlock | None:
    """Return a caller's block for a workflow that has none: its prompt is checked, and filled in, where it stands."""
    if agent is None:
        return None
    return replace(agent, output=None, max_budget_usd=None, system_prompt=None, system_prompt_file=None)


def _path(call: WorkflowCall) -> str:
    return "".join(f"{step}: " for step in call.inputs_at)
