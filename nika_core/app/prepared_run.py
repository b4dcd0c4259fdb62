"""Everything that is decided before a run starts, so that `run` does what `plan` shows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from nika_core import codes
from nika_core.app.inner_runs import (
    NO_BOUNDS,
    InputNotKnownError,
    KnownInputs,
    ToolBounds,
    prepare_inner,
)
from nika_core.app.installed_providers import InstalledProviders
from nika_core.app.known_models import played_model, prices_of
from nika_core.app.mocked_answers import checked_answers
from nika_core.app.model_checks import ModelChecks, effective_agent, with_models
from nika_core.app.nested_workflows import all_workflows
from nika_core.app.policy_facts import PolicyFacts
from nika_core.app.resuming import ResumedRun, check_resumable
from nika_core.app.run_options import RunOptions
from nika_core.app.system_prompt import resolve_system_prompt
from nika_core.app.workspace import Workspace
from nika_core.document import (
    LoadedWorkflow,
    TaskPayloads,
    WorkflowPayload,
    check_inputs,
    check_values,
    fill_in,
    is_known_before_run,
)
from nika_core.engine.core.hashing import digest
from nika_core.engine.llm.estimate import certain_tasks
from nika_core.engine.llm.ledger import SpendingLimits
from nika_core.engine.llm.pricing import Prices
from nika_core.errors import NikaError, Place, Problem, ProblemsError, Severity, exit_code_of
from nika_core.model.files import FileError, open_file
from nika_core.model.graph import Graph
from nika_core.model.json import Json
from nika_core.model.limits import Limit, LimitKind, Limits, Unit
from nika_core.model.masking import Masker, secret_values
from nika_core.model.template import Placeholder, Template
from nika_core.model.tool_rules import tool_of
from nika_core.model.workflow import AgentBlock, KeywordCategory, Task, Workflow
from nika_core.plugin import Facets, Keyword, ModelInfo, Provider, Values
from nika_core.template import render, resolve
from nika_core.values import replace

if TYPE_CHECKING:
    from nika_core.registry.guarded_facets import GuardedFacets

_MAX_HASHED = 1024**3  # bytes of one file that belongs to a task
_NO_PROCESS: Final = frozenset({"host", "path", "model", "person"})  # kinds of effects
_DEFAULTS: Final = Facets()
T = TypeVar("T")


@dataclass(frozen=True)
class PreparedRun:
    """A run that can start: its inputs, models, limits and secrets are checked."""

    workspace: Workspace
    workflow: Workflow
    options: RunOptions
    graph: Graph
    limits: Limits
    inputs: Mapping[str, Json]
    agent: AgentBlock  # overrides applied, system prompt resolved
    directory: InstalledProviders
    keywords: Mapping[str, Keyword]  # of the tasks
    providers: Mapping[str, Provider]  # in use, by name
    warnings: tuple[Problem, ...] = ()
    document: str = ""  # the workflow's text, for the run's history
    digests: Mapping[str, str] = field(default_factory=dict)  # of the workflow's file and those that it calls, by path
    resumed: ResumedRun | None = None
    tools: ToolBounds = NO_BOUNDS  # of the workflows that call this one
    filled_late: bool = False  # something of it, or of one that calls it, is known only when it starts

    @property
    def caches(self) -> bool:
        """Whether results of earlier runs may be taken: a task asks for it, and what the run does is real."""
        options = self.options
        if options.mock or options.no_cache:
            return False
        return _caches(self.workflow)

    @cached_property
    def inner(self) -> Mapping[str, PreparedRun]:
        """The workflows that tasks stand for, by task, each prepared like a run. Raises NikaError."""

        def known(template: Template) -> tuple[Json] | None:
            values = [self.value_of(placeholder) for placeholder in template.placeholders]
            if None in values:
                return None
            found = [value[0] for value in values if value is not None]
            return (found[0],) if template.single is not None else (render(template, found),)

        return {
            task.id: prepare_inner(self, task, task.inner, known)
            for task in self.workflow.tasks
            if task.inner is not None
        }

    def value_of(self, placeholder: Placeholder) -> tuple[Json] | None:
        """Return a placeholder's value, as a tuple, if it is known before anything runs: it depends on no task."""
        registry = self.workspace.registry
        if not is_known_before_run(registry, placeholder):
            return None
        try:
            return (resolve(placeholder, Values(inputs=self.inputs, environ=self.workspace.environ), registry.source),)
        except NikaError:
            return None

    def everywhere(self) -> Iterator[PreparedRun]:
        """Yield this one and all that are nested inside it."""
        yield self
        for inner in self.inner.values():
            yield from inner.everywhere()

    @cached_property
    def facets(self) -> Mapping[str, GuardedFacets]:
        """The facets of the tasks' keywords. Raises NikaError."""
        return {word: self.workspace.registry.facets(word) for word in self.keywords}

    @cached_property
    def asking(self) -> frozenset[str]:
        """The tasks that do nothing but ask people."""
        return frozenset(task.id for task in self.workflow.tasks if self.keywords[task.keyword].only_asks)

    @cached_property
    def bounds(self) -> SpendingLimits:
        """How much may be spent."""
        return SpendingLimits.of(self.limits, self.agent.max_budget_usd)

    @cached_property
    def prices(self) -> Prices:
        """Prices of models, the project's first."""
        return prices_of(self.workspace)

    @cached_property
    def policy_facts(self) -> PolicyFacts:
        """What every question to a limit policy has in it."""
        _ = self.masker  # with the secrets of the providers
        return PolicyFacts(self.workspace, self.limits.amounts, self.digests, mocked=self.options.mock)

    @cached_property
    def masker(self) -> Masker:
        """Masks the secrets of the environment, the project and the providers in use, and those that a run learns."""
        secrets = {
            name for provider in self.providers.values() for name in (*provider.secrets, *provider.optional_secrets)
        }
        self.workspace.masker.add(secret_values(self.workspace.environ, secrets))
        return self.workspace.masker

    def model_info(self, model: str | None, *, fallback: bool = False) -> tuple[Provider, ModelInfo]:
        """Return a model's provider and abilities; None: the agent block's model. Raise NikaError.

        Args:
            fallback: whether it is asked in place of another model.
        """
        name = model or self.agent.model or ""
        return self.directory.model(self.agent.provider, name, fallback=fallback)

    @cached_property
    def files(self) -> Mapping[str, str]:
        """By task, a hash of the files that belong to its definition, as they are now, and of `env` for processes."""
        found = {}
        for task in self.workflow.tasks:
            parts: list[Json] = [_content(path) for path in self.asked(task, Facets.files)]
            if self.workflow.env and self._may_start_processes(task):
                parts.append(dict(self.workflow.env))
            if parts:
                found[task.id] = digest(parts)
        return found

    def _may_start_processes(self, task: Task) -> bool:
        if self.keywords[task.keyword].category is not KeywordCategory.TOOL and self.payload(task).allowed_tools:
            return True  # any of its tools may
        return not all(effect.kind in _NO_PROCESS for effect in self.asked(task, Facets.effects))

    @cached_property
    def sections(self) -> Mapping[str, Json]:
        """The workflow's root sections, and what its keywords find declared in other files, as it is now."""
        workflow, found = self.workflow, dict(self.workflow.sections)
        entries = [
            *(self.agent.allowed_tools or ()),
            *(entry for task in workflow.tasks for entry in task.allowed_tools or ()),
        ]
        words = {task.keyword for task in workflow.tasks} | {tool_of(entry).partition("::")[0] for entry in entries}
        for word in sorted(words):
            keyword = self.workspace.registry.keyword(word)
            if keyword.sections:
                payload = WorkflowPayload(
                    workflow, self.workspace.settings(word), self.workspace.environ, Place(str(workflow.path))
                )
                whole = self.workspace.registry.facets(word).sections(payload)
                found |= {name: whole[name] for name in keyword.sections if name in whole}
        return found

    def asked(self, task: Task, ask: Callable[[Facets, Any], T]) -> T:
        """Return what a facet says of a task. Raise NikaError, with the task's place."""
        if not self.facets[task.keyword].has_own(ask.__name__):
            return ask(_DEFAULTS, None)  # most keywords have no files, and many cost nothing
        try:
            answer: T = getattr(self.facets[task.keyword], ask.__name__)(self.payload(task))
            return answer
        except NikaError as error:
            error.place = error.place or task.place
            raise

    @cached_property
    def certain(self) -> frozenset[str]:
        """The tasks that run whatever the conditions turn out to be."""
        return certain_tasks(self.graph, {task.id for task in self.workflow.tasks if task.when is not None})

    def payload(self, task: Task) -> Any:
        """Return the task as its keyword's facets see it."""
        return self._payloads.of(task)

    @cached_property
    def _payloads(self) -> TaskPayloads:
        workspace, workflow = self.workspace, replace(self.workflow, agent=self.agent)
        return TaskPayloads(workflow, self.limits, workspace.checked_project.settings, workspace.environ)


def _content(path: Path) -> str:
    """Return a hash of a file's content; "" if it cannot be read: the step that uses it will report it."""
    try:
        with open_file(path, _MAX_HASHED) as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except (OSError, FileError):
        return ""


def prepare_run(
    workspace: Workspace,
    loaded: LoadedWorkflow,
    options: RunOptions,
    resumed: ResumedRun | None = None,
    *,
    elsewhere: bool = False,
) -> PreparedRun:
    """Decide everything that can be decided before the run.

    Args:
        resumed: the recorded run to resume.
        elsewhere: models are called on other machines: their keys need not be here.

    Raises:
        ProblemsError: everything that is wrong with the workflow; or with inputs, models and secrets.
        UsageError: the workflow has no task that the recorded run is to be resumed from.
    """
    workflow = loaded.workflow
    if workflow is None or exit_code_of(loaded.problems):
        raise ProblemsError(loaded.problems)
    if resumed is not None:
        check_resumable(resumed, workflow)
    if options.answers is not None:
        options = replace(options, answers=checked_answers(options.answers, [task.id for task in workflow.tasks]))
    ids = [task.id for task in workflow.tasks]
    if options.outputs is not None:
        options = replace(options, outputs=checked_answers(options.outputs, ids, "outputs"))
    if options.errors is not None:
        options = replace(options, errors=checked_answers(options.errors, ids, "errors"))
    if options.recording is not None:
        options.recording.require_workflow(workflow.name)
    values, found = check_inputs(workflow, options.inputs, workspace.limits)
    problems = list(found)

    def agent_of(each: Workflow) -> AgentBlock:
        return effective_agent(each, workspace, provider=options.provider, model=options.model)

    agent = agent_of(workflow)
    workflows = list(all_workflows(workflow, agent, agent_of))
    if not problems:
        unfit = list(_check_values(workspace, [each for each, _ in workflows], values))
        problems += [_masked(problem, workspace) for problem in unfit]
        known = Values(inputs=values, environ=workspace.environ)
        workflow, wrong = fill_in(
            workflow, workspace.registry, known, workspace.limits, workspace.checked_project.settings
        )
        problems += [_masked(problem, workspace) for problem in wrong if problem not in loaded.problems]
        workflow = replace(workflow, deferred={})
        agent = agent_of(workflow)
        workflows[0] = workflow, agent
    words = [word for each, _ in workflows for word in _words(each, workspace)]
    limits = workspace.limits_for(dict.fromkeys(words)).narrowed(_narrowed_by(options))
    directory = InstalledProviders(workspace.registry, workspace.environ, workspace.settings)
    models = [
        ModelChecks(
            workspace, each, block, directory, running=not options.mock, mocked=options.mock, keys_here=not elsewhere
        )
        for each, block in workflows
    ]
    problems += dict.fromkeys(problem for each in models for problem in each.problems())
    if options.model and not (options.provider or options.mock) and models[0].providers:
        played = played_model(workspace, workflow, options.model, directory)
        problems += [] if played is None else [played]
    problems += _beyond_the_limit(options, workspace)
    keywords = {word: keyword for each in models for word, keyword in each.keywords.items()}
    workflow = options.prepared(with_models(workflow, workspace, keywords, provider=options.provider))
    if not any(problem.severity is Severity.ERROR for problem in problems):
        try:
            agent = resolve_system_prompt(agent, workflow, workspace, values)
        except NikaError as error:
            problems.append(error.problem())
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise ProblemsError(problems)
    graph = loaded.graph or workspace.graph(workflow)
    if options.only is not None:
        from nika_core.app.only_task import check_only  # few runs are of one task alone

        check_only(options.only, graph)
    return PreparedRun(
        workspace,
        workflow,
        options,
        graph,
        limits,
        values,
        agent,
        directory,
        keywords,
        {name: provider for each in models for name, provider in each.providers.items()},
        tuple(problems),
        loaded.text,
        loaded.digests,
        resumed,
    )


def _check_values(workspace: Workspace, workflows: Sequence[Workflow], inputs: Mapping[str, Json]) -> Iterator[Problem]:
    """Yield a problem for each value that has to be known now; inputs of inner workflows are known in the run."""
    for number, workflow in enumerate(workflows):
        known = inputs if not number else KnownInputs({}, workflow.inputs or {})
        values = Values(inputs=known, environ=workspace.environ)
        yield from check_values(workflow, workspace.registry, values, ignore=InputNotKnownError)


def _masked(problem: Problem, workspace: Workspace) -> Problem:
    """Return a problem without the secrets that the environment may have put into its message."""
    return replace(problem, message=workspace.masker.text(problem.message))


def _words(workflow: Workflow, workspace: Workspace) -> list[str]:
    """Return every keyword whose step may run: those of tasks, and those allowed as tools."""
    words = {task.keyword for task in workflow.tasks}
    allowed = [task.allowed_tools for task in workflow.tasks]
    allowed += [workflow.agent.allowed_tools] if workflow.agent else []
    tools = {tool_of(entry).partition("::")[0] for entries in allowed for entry in entries or ()}
    return sorted(words.union(filter(workspace.can_load, tools - words)))


def _beyond_the_limit(options: RunOptions, workspace: Workspace) -> list[Problem]:
    """Return a warning if more tasks at once are asked for than the limit allows."""
    limit, wanted = workspace.limits.bounds.get(LimitKind.CONCURRENT), options.max_concurrent
    if limit is None or wanted is None or wanted <= limit.value:
        return []
    message = f"--max-concurrent is {wanted}, and {limit.name} allows {limit.value:g}: no more tasks run at once"
    return [Problem(codes.COUNT_LIMIT, message, None, f"raise {limit.name}", Severity.WARNING)]


def _narrowed_by(options: RunOptions) -> list[Limit]:
    if options.max_concurrent is None:
        return []
    name = "--max-concurrent"
    return [Limit(LimitKind.CONCURRENT, options.max_concurrent, Unit.COUNT, name, "command line", "command line")]


def _caches(workflow: Workflow) -> bool:
    return any(
        task.cache is not None or (task.inner is not None and _caches(task.inner.workflow)) for task in workflow.tasks
    )
