"""The engine without any plugin: dictionaries for services, functions for steps, time by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from nika_core.engine.core.core import Core
from nika_core.engine.core.hashing import definition_hash
from nika_core.engine.core.run_plan import RunPlan, RunRequest, WorkflowPlan
from nika_core.engine.local.host import Run
from nika_core.engine.local.services import Services
from nika_core.errors import PluginError, TemplateValueError
from nika_core.model.graph import build_graph
from nika_core.model.limits import Limit, Limits, Unit
from nika_core.model.state import RunResult
from nika_core.model.template import MISSING, Placeholder, Template
from nika_core.model.workflow import AgentBlock, Flow, KeywordCategory, Task, Workflow
from nika_core.plugin import Keyword, Values
from nika_core.testing.clock import ManualClock


class When:
    """A condition that is a Python function of the outputs that it reads."""

    def __init__(self, function: Callable[..., bool], *reads: str) -> None:
        self.text = f"a function of {', '.join(reads)}"
        self.placeholders = tuple(_placeholder(task) for task in reads)
        self._function = function

    def evaluate(self, resolve: Callable[[Placeholder], Any]) -> bool:
        return self._function(*(resolve(placeholder) for placeholder in self.placeholders))


class Steps:
    """A step that is an async function `(payload, context)`; keeps what it was asked, in order."""

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        self._function = function
        self.started: list[str] = []
        self.contexts: list[Any] = []

    async def run(self, payload: Any, context: Any) -> Any:
        self.started.append(context.task_id)
        self.contexts.append(context)
        if self._function is None:
            return context.task_id
        return await self._function(payload, context)


class Lab:
    """Makes what a test of the engine needs."""

    When = When
    Steps = Steps

    @staticmethod
    def task(name: str, index: int = 0, keyword: str = "work", **more: Any) -> Task:
        return Task(name, keyword, more.pop("payload", {}), index, **more)

    @staticmethod
    def tasks(names: str, **more: Any) -> tuple[Task, ...]:
        return tuple(Lab.task(name, index, **more) for index, name in enumerate(names.split()))

    @staticmethod
    def flows(text: str) -> tuple[Flow, ...]:
        """`a>b a>c`."""
        return tuple(Flow(*pair.split(">")) for pair in text.split())

    @staticmethod
    def ref(task: str, default: Any = MISSING) -> Template:
        """`{{task}}`."""
        placeholder = _placeholder(task, default)
        return Template(placeholder.text, (placeholder,))

    @staticmethod
    def keyword(name: str = "work", **more: Any) -> Keyword:
        return Keyword(name=name, summary="", primary="x", payload=None, step="", **{"pure": True, **more})

    @staticmethod
    def limits(**measures: float) -> Limits:
        """`concurrent=2`; a double underscore stands for the dot."""
        return Limits(
            Limit(name.replace("__", "."), value, Unit.COUNT, f"NIKA_{name.upper()}")
            for name, value in measures.items()
        )

    @staticmethod
    def workflow_plan(tasks: tuple[Task, ...], flows: tuple[Flow, ...] = (), **more: Any) -> WorkflowPlan:
        graph = build_graph(tasks, flows, depends_on, is_optional)
        defaults: dict[str, Any] = {"definition": definition_hash, "render": render, "resolve": resolve}
        defaults["depends_on"] = depends_on
        return WorkflowPlan(name=more.pop("name", "w"), tasks=tasks, graph=graph, **{**defaults, **more})

    @staticmethod
    def plan(tasks: tuple[Task, ...], flows: tuple[Flow, ...] = (), **more: Any) -> RunPlan:
        """A run's plan; what belongs to its workflow (`groups`, `context`, `mode`, ...) may stand beside the rest."""
        own = {field.name for field in fields(WorkflowPlan)} & more.keys()
        workflow = Lab.workflow_plan(tasks, flows, **{name: more.pop(name) for name in own})
        return RunPlan(run_id="r", workflow=workflow, **more)

    @staticmethod
    def run_plan(workflow: WorkflowPlan, **more: Any) -> RunPlan:
        return RunPlan(run_id="r", workflow=workflow, **more)

    @staticmethod
    def binding(source: str, key: str, default: Any = MISSING) -> Template:
        """`${each.item}`."""
        placeholder = Placeholder(source, (key,), default, 0, 0, f"${{{source}.{key}}}")
        return Template(placeholder.text, (placeholder,))

    @staticmethod
    def core(*args: Any, **more: Any) -> Core:
        return Core(Lab.plan(*args, **more))

    @staticmethod
    def request(tasks: tuple[Task, ...], flows: tuple[Flow, ...] = (), **more: Any) -> RunRequest:
        agent: AgentBlock | None = more.pop("agent", None)
        workflow = Workflow("w", Path("/nowhere/w.nika.yaml"), tasks, flows, agent=agent)
        return RunRequest(
            run_id="r", workflow=workflow, graph=build_graph(tasks, flows, depends_on, is_optional), **more
        )

    @staticmethod
    def services(step: Any = None, **more: Any) -> Any:
        """`step`: an async function, a Steps, or a dictionary of them by keyword."""
        steps = step if isinstance(step, dict) else {"work": step}
        steps = {word: one if hasattr(one, "run") else Steps(one) for word, one in steps.items()}
        keywords = more.pop("keywords", {})

        def keyword(word: str) -> Keyword:
            if word not in steps:
                raise PluginError("NIKA-070", f"no plugin offers `{word}`")
            return keywords.get(word) or Lab.keyword(word)

        defaults = {
            "render": render,
            "resolve": resolve,
            "depends_on": depends_on,
            "clock": ManualClock(),
            "random": lambda: 1.0,
        }
        return Services(keyword=keyword, step=lambda word: steps[word], **{**defaults, **more})

    @staticmethod
    async def run(request: RunRequest, services: Services, *observers: Any) -> RunResult:
        """To its end, with time jumping."""
        run = Run(request, services, observers)
        clock = services.clock
        return await (clock.run(run.result()) if isinstance(clock, ManualClock) else run.result())

    context = KeywordCategory.CONTEXT


def _placeholder(task: str, default: Any = MISSING) -> Placeholder:
    text = f"{{{{{task}}}}}"
    name, *path = task.split(".")
    return Placeholder("task", (name, *path), default, 0, len(text), text)


def depends_on(placeholder: Placeholder) -> tuple[str, ...]:
    return placeholder.path[:1] if placeholder.source in ("task", "state", "error") else ()


def is_optional(placeholder: Placeholder) -> bool:
    return placeholder.has_default or placeholder.source in ("state", "error")


def resolve(placeholder: Placeholder, values: Values) -> Any:
    name, *path = placeholder.path
    source = {"state": values.states, "error": values.errors, "each": values.bindings.get("item", {})}
    source |= {"last": values.bindings.get("round", {}), "input": values.inputs, "task": values.outputs}
    known: Any = source[placeholder.source]
    if name not in known:
        if placeholder.default is MISSING:
            raise TemplateValueError(f"{placeholder.text} has no value")
        return placeholder.default
    value = known[name]
    for key in path:
        value = value[key]
    return value


def render(task: Task, values: Callable[[], Values]) -> dict[str, Any]:
    return {
        key: resolve(value.single, values()) if isinstance(value, Template) and value.single else value
        for key, value in task.payload.items()
    }


@pytest.fixture(scope="session")
def lab() -> type[Lab]:
    return Lab
