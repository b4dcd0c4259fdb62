"""Every model that a workflow names: which provider offers it, and whether it can do what the task needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, Final

from nika_core import codes
from nika_core.app.file_checks import refused_files, unseen_files
from nika_core.app.installed_providers import InstalledProviders
from nika_core.app.known_models import likely_model, prices_of, unknown_model
from nika_core.app.nested_workflows import all_workflows
from nika_core.app.provider_options import check_options
from nika_core.app.workspace import Workspace
from nika_core.document import LoadedWorkflow
from nika_core.document.validation.issues import ValidationIssue
from nika_core.engine.llm.pricing import Prices
from nika_core.errors import NikaError, Place, PluginError, Problem, Severity
from nika_core.model.limits import LimitKind
from nika_core.model.nearest import did_you_mean
from nika_core.model.payload_tree import placeholders_in
from nika_core.model.project import Project
from nika_core.model.template import Template
from nika_core.model.workflow import AgentBlock, KeywordCategory, Task, Workflow
from nika_core.plugin import Keyword, ModelInfo, Provider
from nika_core.values import replace

_MAX_NAMED: Final = 5  # tasks in one message
_ABILITIES: Final = ("options", "effort", "temperature")


class ModelChecks:
    """Checks the models of one workflow. Calls none of them.

    Attributes:
        keywords: those of the tasks, but for what no plugin offers.
        providers: those in use, by name, once `problems` has been asked for.
    """

    def __init__(
        self,
        workspace: Workspace,
        workflow: Workflow,
        agent: AgentBlock,
        directory: InstalledProviders,
        *,
        running: bool,
        mocked: bool = False,
        keys_here: bool = True,
    ) -> None:
        """Args:
        running: the workflow is about to run, so keys are needed, and every model must be offered.
        keys_here: the keys are needed on this machine.
        mocked: it is about to run without any model: only what is asked of the installed ones is checked.
        """
        self.providers: dict[str, Provider] = {}
        self._workspace = workspace
        self._workflow = workflow
        self._agent = agent
        self._directory = directory
        self._running = running
        self._mocked = mocked
        self._keys = running and keys_here
        self._known: set[tuple[str, str]] = set()  # models that are not slips, each with its provider
        self.keywords: dict[str, Keyword] = {}
        for word in dict.fromkeys(task.keyword for task in workflow.tasks):
            with suppress(PluginError):  # the document's own check reports it
                self.keywords[word] = workspace.registry.keyword(word)

    @cached_property
    def _prices(self) -> Prices:
        return prices_of(self._workspace)

    def problems(self) -> list[Problem]:
        """Return errors and warnings, each once, with its place and the tasks that have it."""
        found: dict[Problem, list[str]] = {}
        for task in self._workflow.tasks:
            for problem in self._of(task):
                if self._mocked and problem.severity is not Severity.ERROR:
                    continue  # `nika validate` tells
                found.setdefault(problem, []).append(task.id)
        return [_naming(problem, tasks) for problem, tasks in found.items()]

    def _of(self, task: Task) -> Iterator[Problem]:
        keyword = self.keywords.get(task.keyword)
        if keyword is None or not keyword.needs_provider:
            return
        if self._mocked:
            yield from unseen_files(task, keyword.file_fields, self._workflow.folder, self._workspace.environ)
            if not self._asks(task, keyword):
                return
        chain: set[tuple[str, str]] = set()
        uses_tools = keyword.category is not KeywordCategory.TOOL
        yield from self._of_model(task, chain, uses_tools=uses_tools)
        for name, place in self._fallback(task):
            yield from self._of_fallback(task, name, place, chain, uses_tools=uses_tools)

    def _asks(self, task: Task, keyword: Keyword) -> bool:
        """Return whether a task asks something of its model that not every model does: loading providers takes long."""
        agent = self._agent
        own = any(word in task.payload for word in (*_ABILITIES, *keyword.file_fields))
        return own or bool(agent.options_json or agent.effort) or agent.temperature is not None

    def _of_model(self, task: Task, chain: set[tuple[str, str]], *, uses_tools: bool) -> Iterator[Problem]:
        own, project = task.payload.get("model"), self._workspace.project
        if isinstance(own, Template):
            return  # its value is known when it runs
        model = project.resolve_model(own) if isinstance(own, str) else self._agent.model
        if not model:
            if self._running and own is None:
                message = "no model is named, neither by the task nor by the agent block"
                hint = "set `model:` in the `agent:` block, in nika.yaml, or give --model"
                yield Problem(codes.MISSING_MODEL, message, task.place, hint)
            return
        try:
            provider, info = self._directory.model(self._agent.provider, model, secrets=self._keys)
        except NikaError as error:
            if self._mocked:
                return
            place = task.at(("model",)) if own is not None else self._block("model") or task.place
            yield self._of_tier(self._unusable(error, place), own, model)
            yield from self._too_many_tokens(task, None)
            return
        yield from self._usable(provider, info, task.at(("model",)) if own is not None else self._block("model"), task)
        chain.add((provider.name, info.name))
        yield from self._cannot(task, info, uses_tools=uses_tools)
        yield from refused_files(task, info, self.keywords[task.keyword].file_fields, self._workflow.folder)
        yield from self._no_effort(task, info, main=task.payload.get("model") is None)
        yield from self._wrong_options(task, provider)

    def _wrong_options(self, task: Task, provider: Provider) -> Iterator[Problem]:
        """Yield what the provider's validator says of `options`, of the task's own and of the agent block's."""
        own = task.payload.get("options")
        given: list[tuple[Callable[..., Place], tuple[str, ...], Mapping[str, Any]]] = []
        if isinstance(own, Mapping) and not any(placeholders_in(own)):
            given.append((task.at, ("options",), own))
        if task.payload.get("model") is None and self._agent.options_json:
            given.append((self._workflow.at, ("agent", "options"), json.loads(self._agent.options_json)))
        for at, path, options in given:
            issues: list[ValidationIssue] = []
            check_options(provider, options, issues)
            for issue in issues:
                place = at((*path, *reversed(issue.path)))
                yield Problem(issue.code or codes.MODEL_CANNOT, issue.message, place, issue.hint)

    def _usable(self, provider: Provider, info: ModelInfo, place: Place | None, task: Task) -> Iterator[Problem]:
        if self._mocked:
            return
        self.providers[provider.name] = provider
        if (provider.name, info.name) in self._known:
            return
        client = self._directory.connect(provider)
        warning = unknown_model(self._prices, client, provider, info, place or task.place)
        if warning is not None:
            yield warning
        else:
            self._known.add((provider.name, info.name))

    def _fallback(self, task: Task) -> Iterator[tuple[str, Place]]:
        """Yield the models that may be asked in place of a task's, as far as they are known, each with its place."""
        chain = task.payload.get("fallback")
        if isinstance(chain, list | tuple):
            for number, name in enumerate(chain):
                if isinstance(name, str):
                    yield name, task.at(("fallback", number))
        elif task.payload.get("model") is None:
            block = self._workflow.agent
            own = block is not None and bool(block.fallback)
            for number, name in enumerate(self._agent.fallback):
                yield name, self._workflow.at(("agent", "fallback", number)) if own else task.place

    def _of_fallback(
        self, task: Task, said: str, place: Place, chain: set[tuple[str, str]], *, uses_tools: bool
    ) -> Iterator[Problem]:
        """Args: chain: the providers and names of the models before it; it is added to them."""
        name = self._workspace.project.resolve_model(said)
        if not name.strip():
            yield Problem(
                codes.BAD_VALUE, "`fallback` names a model without a name", place, "name a model, or remove it"
            )
            return
        try:
            provider, info = self._directory.model(self._agent.provider, name, secrets=self._keys, fallback=True)
        except NikaError as error:
            if self._mocked:
                return
            problem = self._of_tier(replace(self._unusable(error, place), place=place), said, name)
            yield replace(problem, message=f"`fallback`: {problem.message}")
            return
        if (provider.name, info.name) in chain:
            message = f"`fallback` names '{name}', which is asked before it"
            yield Problem(
                codes.BAD_VALUE, message, place, "name each model once: one that cannot answer is not asked again"
            )
            return
        yield from self._usable(provider, info, place, task)
        chain.add((provider.name, info.name))
        yield from self._cannot(task, info, uses_tools=uses_tools)
        yield from refused_files(task, info, self.keywords[task.keyword].file_fields, self._workflow.folder)
        yield from self._no_effort(task, info, main=False)

    def _of_tier(self, problem: Problem, said: object, model: str) -> Problem:
        """Return a problem of a model at the place where the project gives it the name that the workflow uses."""
        project = self._workspace.project
        tiers = [name for name, meant in project.models.items() if meant == model]
        if said in tiers or (said is None and tiers):
            tier = str(said) if said in tiers else tiers[0]
            message = f"{problem.message}, which `{tier}` stands for"
            return replace(problem, message=message, place=project.at(("models", tier)))
        meant = did_you_mean(model, project.models)
        if meant is None and problem.code == codes.UNKNOWN_PROVIDER and self._agent.provider is None:
            meant = likely_model(self._workspace, model)
        return problem if meant is None else replace(problem, hint=meant)

    def _unusable(self, error: NikaError, place: Place) -> Problem:
        problem = error.problem()
        if error.code == codes.UNKNOWN_PROVIDER and self._agent.provider is None and not self._running:
            # Another machine may have the plugin, and a run may name a provider.
            problem = replace(problem, severity=Severity.WARNING)
        # What the command line names has no place in the file.
        where = place if self._agent.provider is None else self._block("provider")
        return replace(problem, place=error.place or where)

    def _too_many_tokens(self, task: Task, info: ModelInfo | None) -> Iterator[Problem]:
        asked = task.payload.get("maxTokens", self._agent.max_tokens)
        if not isinstance(asked, int):
            return
        most = None if info is None else info.max_output_tokens
        limit = self._workspace.limits.bounds.get(LimitKind.TASK_TOKENS)
        place = task.at(("maxTokens",)) if "maxTokens" in task.payload else self._block("maxTokens") or task.place
        if info is not None and most is not None and asked > most:
            message = f"the model '{info.name}' answers with at most {most} tokens, and {asked} are asked for"
            yield Problem(codes.MODEL_CANNOT, message, place, f"set maxTokens to {most} or less")
        elif limit is not None and asked > limit.value:
            message = f"`maxTokens` is {asked}; {limit.name or 'a limit policy'} allows a task {limit.value:g} tokens"
            yield Problem(codes.TOKEN_BUDGET, message, place, f"set it to less, or raise {limit.name}")

    def _cannot(self, task: Task, info: ModelInfo, *, uses_tools: bool) -> Iterator[Problem]:
        agent, block = self._agent, self._block
        if not info.temperature:
            message = f"the model '{info.name}' takes no temperature"
            if "temperature" in task.payload:
                hint = "remove `temperature`, or use another model"
                yield Problem(codes.MODEL_CANNOT, message, task.at(("temperature",)), hint)
            elif agent.temperature is not None:
                message += f": the agent block's {agent.temperature:g} is not sent to it"
                hint = "remove `temperature` if all tasks use this model"
                place = block("temperature") or task.place
                yield Problem(codes.MODEL_CANNOT, message, place, hint, Severity.WARNING)
        tools = agent.allowed_tools if task.allowed_tools is None else task.allowed_tools
        if uses_tools and tools and not info.tools:
            own = task.allowed_tools is not None
            message = f"the model '{info.name}' cannot use tools, and task '{task.id}' allows {', '.join(tools)}"
            place = task.at(("allowedTools",)) if own else block("allowedTools") or task.place
            yield Problem(
                codes.MODEL_CANNOT, message, place, "set `allowedTools: []` on the task, or use another model"
            )
        yield from self._too_many_tokens(task, info)

    def _no_effort(self, task: Task, info: ModelInfo, *, main: bool) -> Iterator[Problem]:
        """Args: main: the model is the agent block's own, whose effort is meant for it."""
        own, for_all = task.payload.get("effort"), self._agent.effort
        knows = f"it knows {', '.join(info.efforts)}" if info.efforts else "it cannot be asked to think more or less"
        message = f"the model '{info.name}' knows no effort '{own or for_all}': {knows}"
        if own is not None and own not in info.efforts:
            hint = "remove `effort`, or use another model"
            yield Problem(codes.MODEL_CANNOT, message, task.at(("effort",)), hint)
        elif own is None and for_all is not None and for_all not in info.efforts:
            place = self._block("effort") or task.place
            if main:
                hint = "remove `effort`, or use another model"
                yield Problem(codes.MODEL_CANNOT, message, place, hint)
            else:
                message += "; the agent block's is not sent to it"
                hint = "set `effort` on the tasks whose models know it"
                yield Problem(codes.MODEL_CANNOT, message, place, hint, Severity.WARNING)

    def _block(self, key: str) -> Place | None:
        """Return where the agent block (else the project file) says it; None if the command line does."""
        name = {"allowedTools": "allowed_tools", "maxTokens": "max_tokens"}.get(key, key)
        said = getattr(self._agent, name)
        own, project = self._workflow.agent, self._workspace.project

        def says(part: object) -> bool:
            value = getattr(part, name, None)
            return value is not None and said == (project.resolve_model(value) if key == "model" else value)

        if says(own):
            return self._workflow.at(("agent", key))
        return project.at((key,)) if says(project) else None


def _naming(problem: Problem, tasks: list[str]) -> Problem:
    """Return a problem whose message names the tasks that have it."""
    if f"'{tasks[0]}'" in problem.message:
        return problem
    shown = ", ".join(f"'{task}'" for task in tasks[:_MAX_NAMED])
    more = f" and {len(tasks) - _MAX_NAMED} more" if len(tasks) > _MAX_NAMED else ""
    return replace(problem, message=f"{problem.message} ({'task' if len(tasks) == 1 else 'tasks'} {shown}{more})")


def check_models(
    workspace: Workspace, loaded: LoadedWorkflow, *, provider: str | None = None, model: str | None = None
) -> LoadedWorkflow:
    """Return the document with the problems of the models that it names, as `nika validate` shows them.

    Args: provider, model: from the command line.
    """
    workflow = loaded.readable
    if workflow is None:
        return loaded

    def agent_of(each: Workflow) -> AgentBlock:
        return effective_agent(each, workspace, provider=provider, model=model)

    directory = InstalledProviders(workspace.registry, workspace.environ, workspace.settings)
    found = {
        problem: None
        for each, agent in all_workflows(workflow, agent_of(workflow), agent_of)
        for problem in ModelChecks(workspace, each, agent, directory, running=False).problems()
    }
    if not found:
        return loaded
    problems = sorted((*loaded.problems, *found), key=lambda problem: _order(problem.place, loaded.path))
    valid = not any(problem.severity is Severity.ERROR for problem in problems)
    return replace(loaded, workflow=workflow if valid else None, problems=tuple(problems))


def with_model(
    payload: Mapping[str, Any], keyword: Keyword, project: Project, *, provider: str | None = None
) -> Mapping[str, Any]:
    """Return a task's payload in which models are named by their own names.

    Args:
        provider: from the command line: it is asked in place of all others, and no fallback after it.
    """
    if not keyword.needs_provider or not (project.models or provider):
        return payload
    own: dict[str, Any] = {}
    name, chain = payload.get("model"), payload.get("fallback")
    if isinstance(name, str) and name in project.models:
        own["model"] = project.models[name]
    if provider:
        payload = (
            {key: value for key, value in payload.items() if key != "fallback"} if "fallback" in payload else payload
        )
    elif isinstance(chain, list | tuple):
        own["fallback"] = [_resolved(each, project) for each in chain]
    return {**payload, **own} if own else payload


def _resolved(name: Any, project: Project) -> Any:
    return project.resolve_model(name) if isinstance(name, str) else name


def with_models(
    workflow: Workflow, workspace: Workspace, keywords: Mapping[str, Keyword], *, provider: str | None = None
) -> Workflow:
    """Return a workflow whose tasks name models by their own names.

    Args:
        provider: from the command line.
    """
    tasks = []
    for task in workflow.tasks:
        payload = with_model(task.payload, keywords[task.keyword], workspace.project, provider=provider)
        tasks.append(task if payload is task.payload else replace(task, payload=payload))
    return replace(workflow, tasks=tuple(tasks))


def effective_agent(
    workflow: Workflow, workspace: Workspace, *, provider: str | None = None, model: str | None = None
) -> AgentBlock:
    """Return the agent block: the command line's values before the workflow's before the project's.

    The chain belongs to what is named beside it: another model or provider from the command line has none.
    """
    agent, project = workflow.agent or AgentBlock(), workspace.project
    name = model or agent.model or project.model
    return replace(
        agent,
        provider=provider or agent.provider or project.provider,
        model=None if name is None else project.resolve_model(name),
        fallback=() if model or provider else tuple(map(project.resolve_model, agent.fallback)),
    )


def _order(place: Place | None, path: str) -> tuple[bool, str, int, int]:
    """Return what problems are sorted by: those of the file itself come first."""
    if place is None:
        return False, path, 0, 0
    return place.path != path, place.path, place.line or 0, place.column or 0
