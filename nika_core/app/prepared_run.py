"""Everything that is decided before a run starts: what `plan` shows and what `run` then does are the same thing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from nika_core import codes
from nika_core.app.installed_providers import InstalledProviders
from nika_core.app.model_checks import ModelChecks, effective_agent
from nika_core.app.resuming import ResumedRun, check_resumable
from nika_core.app.run_options import RunOptions
from nika_core.app.system_prompt import resolve_system_prompt
from nika_core.app.workspace import Workspace
from nika_core.document import LoadedWorkflow, WorkflowPayload, check_inputs, check_values, payload_of
from nika_core.engine.core.hashing import digest
from nika_core.engine.llm.budget import SpendingLimits
from nika_core.engine.llm.estimate import certain_tasks
from nika_core.engine.llm.pricing import Prices
from nika_core.errors import NikaError, Place, PluginError, Problem, ProblemsError, Severity, exit_code_of
from nika_core.model.graph import Graph
from nika_core.model.json import Json
from nika_core.model.limits import Limit, LimitKind, Limits, Unit
from nika_core.model.masking import Masker, secret_values
from nika_core.model.workflow import AgentBlock, Task, Workflow
from nika_core.plugin import Facets, ModelInfo, Price, Provider, Values
from nika_core.registry import Kind

T = TypeVar("T")


@dataclass(frozen=True)
class PreparedRun:
    """A run that could start now."""

    workspace: Workspace
    workflow: Workflow
    options: RunOptions
    graph: Graph
    limits: Limits
    inputs: Mapping[str, Json]
    agent: AgentBlock  # overrides applied, system prompt resolved
    directory: InstalledProviders
    providers: Mapping[str, Provider]  # in use, by name
    warnings: tuple[Problem, ...] = ()
    document: str = ""  # the workflow's text, for the run's history
    resumed: ResumedRun | None = None

    @cached_property
    def bounds(self) -> SpendingLimits:
        """What may be spent."""
        return SpendingLimits.of(self.limits, self.agent.max_budget_usd)

    @cached_property
    def prices(self) -> Prices:
        """The project's prices before all others."""
        return prices_of(self.workspace)

    @cached_property
    def masker(self) -> Masker:
        """Knows the secrets of the environment, the project and the providers in use."""
        declared = set(self.workspace.project.secrets)
        for provider in self.providers.values():
            declared.update(provider.secrets, provider.optional_secrets)
        return Masker(secret_values(self.workspace.environ, declared))

    def model_info(self, model: str | None) -> tuple[Provider, ModelInfo]:
        """What a model can do; None: the agent block's. Calls nothing. Raises NikaError."""
        name = model or self.agent.model or ""
        provider = self.directory.choose(self.agent.provider, name)
        return provider, self.directory.connect(provider).info(name)

    @cached_property
    def files(self) -> Mapping[str, str]:
        """By task, a hash of the files that belong to its definition, as they are now. Raises NikaError."""
        found = {}
        for task in self.workflow.tasks:
            paths = self.asked(task, "name the files of", Facets.files)
            if paths:
                found[task.id] = digest([_content(path) for path in paths])
        return found

    @cached_property
    def sections(self) -> Mapping[str, Json]:
        """The workflow's root sections with what keywords find declared elsewhere, as it is now. Raises NikaError."""
        workflow, found = self.workflow, dict(self.workflow.sections)
        entries = [
            *(self.agent.allowed_tools or ()),
            *(entry for task in workflow.tasks for entry in task.allowed_tools or ()),
        ]
        words = {task.keyword for task in workflow.tasks} | {entry.partition("::")[0] for entry in entries}
        for word in sorted(words):
            keyword = self.workspace.catalog.keyword(word)
            if keyword.sections:
                payload = WorkflowPayload(
                    workflow, self.workspace.settings(word), self.workspace.environ, Place(str(workflow.path))
                )
                whole = self.workspace.catalog.facets(word).sections(payload)
                found |= {name: whole[name] for name in keyword.sections if name in whole}
        return found

    def asked(self, task: Task, what: str, ask: Callable[[Facets, Any], T]) -> T:
        """What a facet says of a task. Raises PluginError when it fails: `what` it then could not do."""
        facets = self.workspace.catalog.facets(task.keyword)
        try:
            found: T = getattr(facets, ask.__name__)(self.payload(task))
            return found
        except NikaError:
            raise
        except Exception as error:
            record = self.workspace.registry.record(Kind.KEYWORD, task.keyword)
            raise PluginError(
                codes.PLUGIN_BROKEN,
                f"the keyword '{task.keyword}' ({record.origin}) cannot {what} task '{task.id}': {error}",
                hint="this is a fault in the plugin",
                place=task.place,
            ) from error

    @cached_property
    def certain(self) -> frozenset[str]:
        """The tasks that run whatever the conditions turn out to be."""
        return certain_tasks(self.graph)

    def payload(self, task: Task) -> Any:
        """The task as its keyword's facets see it."""
        workspace, workflow = self.workspace, replace(self.workflow, agent=self.agent)
        return payload_of(task, workflow, self.limits, workspace.project.settings, workspace.environ)


def _content(path: Path) -> str:
    """A hash of what stands in a file; "" where it cannot be read: who uses it will say so."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except OSError:
        return ""


def prepare(
    workspace: Workspace, loaded: LoadedWorkflow, options: RunOptions, resumed: ResumedRun | None = None
) -> PreparedRun:
    """Decide everything that can be decided before the run.

    Args:
        resumed: the recorded run to go on with.

    Raises:
        ProblemsError: everything that is wrong with the workflow; or with inputs, models and secrets.
        UsageError: the recorded run has nothing left to do.
    """
    workflow = loaded.workflow
    if workflow is None or exit_code_of(loaded.problems):
        raise ProblemsError(loaded.problems)
    if resumed is not None:
        check_resumable(resumed, workflow)
    values, found = check_inputs(workflow, options.inputs, workspace.limits)
    problems = list(found)
    if not problems:
        problems += check_values(workflow, workspace.catalog, Values(inputs=values, environ=workspace.environ))
    limits = workspace.limits_for(_words(workflow, workspace)).narrowed(_narrowed_by(options))
    agent = effective_agent(workflow, workspace, provider=options.provider, model=options.model)
    directory = InstalledProviders(workspace.registry, workspace.environ)
    models = ModelChecks(workspace, workflow, agent, directory, running=True)
    if not options.mock:
        problems += models.problems()
    if not any(problem.severity is Severity.ERROR for problem in problems):
        try:
            agent = resolve_system_prompt(agent, workflow, workspace, values)
        except NikaError as error:
            problems.append(error.problem())
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise ProblemsError(problems)
    return PreparedRun(
        workspace,
        workflow,
        options,
        workspace.graph(workflow),
        limits,
        values,
        agent,
        directory,
        models.providers,
        tuple(problems),
        loaded.text,
        resumed,
    )


def _words(workflow: Workflow, workspace: Workspace) -> list[str]:
    """Every keyword whose step may run: a task's own, and one that is allowed as a tool."""
    words = {task.keyword for task in workflow.tasks}
    allowed = [task.allowed_tools for task in workflow.tasks]
    allowed += [workflow.agent.allowed_tools] if workflow.agent else []
    tools = {pattern.partition("::")[0] for patterns in allowed for pattern in patterns or ()}
    return sorted(words.union(filter(workspace.can_load, tools - words)))


def prices_of(workspace: Workspace) -> Prices:
    """The project's prices before all others."""
    return Prices(
        {
            name: Price(price.input_per_million, price.output_per_million, price.cached_per_million)
            for name, price in workspace.project.prices.items()
        }
    )


def _narrowed_by(options: RunOptions) -> list[Limit]:
    if options.max_concurrent is None:
        return []
    name = "--max-concurrent"
    return [Limit(LimitKind.CONCURRENT, options.max_concurrent, Unit.COUNT, name, "command line", "command line")]
