"""Every model that a workflow names: which provider offers it, and whether it can do what the task needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from nika_core import codes
from nika_core.app.installed_providers import InstalledProviders
from nika_core.app.workspace import Workspace
from nika_core.document import LoadedWorkflow
from nika_core.errors import NikaError, Place, PluginError, Problem, Severity
from nika_core.model.template import Template
from nika_core.model.workflow import AgentBlock, KeywordCategory, Task, Workflow
from nika_core.plugin import Keyword, ModelInfo, Provider


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
    ) -> None:
        """Args: running: the workflow is about to run, so keys are needed, and every model must be offered."""
        self.providers: dict[str, Provider] = {}
        self._workspace = workspace
        self._workflow = workflow
        self._agent = agent
        self._directory = directory
        self._running = running
        self.keywords: dict[str, Keyword] = {}
        for word in dict.fromkeys(task.keyword for task in workflow.tasks):
            with suppress(PluginError):  # the document's own check reports it
                self.keywords[word] = workspace.registry.keyword(word)

    def problems(self) -> list[Problem]:
        """Return errors and warnings, each once and with its place."""
        found: dict[Problem, None] = {}
        for task in self._workflow.tasks:
            for problem in self._of(task):
                found.setdefault(problem)
        return list(found)

    def _of(self, task: Task) -> Iterator[Problem]:
        keyword, own = self.keywords.get(task.keyword), task.payload.get("model")
        if keyword is None or not keyword.needs_provider or isinstance(own, Template):
            return  # a template's value is known when it runs
        model = own if isinstance(own, str) else self._agent.model
        if not model:
            if self._running and own is None:
                message = "no model is named, neither by the task nor by the agent block"
                hint = "set `model:` in the `agent:` block, in nika.yaml, or give --model"
                yield Problem(codes.MISSING_MODEL, message, task.place, hint)
            return
        try:
            provider, info = self._directory.model(self._agent.provider, model, secrets=self._running)
            self.providers[provider.name] = provider
        except NikaError as error:
            yield self._unusable(error, task.at(("model",)) if own is not None else self._block("model") or task.place)
            return
        yield from self._cannot(task, info, uses_tools=keyword.category is not KeywordCategory.TOOL)

    def _unusable(self, error: NikaError, place: Place) -> Problem:
        problem = error.problem()
        if error.code == codes.UNKNOWN_PROVIDER and self._agent.provider is None and not self._running:
            # Another machine may have the plugin, and a run may name a provider.
            problem = replace(problem, severity=Severity.WARNING)
        # What the command line names has no place in the file.
        where = place if self._agent.provider is None else self._block("provider")
        return replace(problem, place=error.place or where)

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
        asked, most = task.payload.get("maxTokens", agent.max_tokens), info.max_output_tokens
        if isinstance(asked, int) and most is not None and asked > most:
            message = f"the model '{info.name}' answers with at most {most} tokens, and {asked} are asked for"
            place = task.at(("maxTokens",)) if "maxTokens" in task.payload else block("maxTokens") or task.place
            yield Problem(codes.MODEL_CANNOT, message, place, f"set maxTokens to {most} or less")

    def _block(self, key: str) -> Place | None:
        """Return where the agent block (else the project file) says it; None if the command line does."""
        name = {"allowedTools": "allowed_tools", "maxTokens": "max_tokens"}.get(key, key)
        said = getattr(self._agent, name)
        own, project = self._workflow.agent, self._workspace.project
        if own is not None and getattr(own, name) == said:
            return self._workflow.at(("agent", key))
        return project.at((key,)) if getattr(project, name, None) == said else None


def check_models(
    workspace: Workspace, loaded: LoadedWorkflow, *, provider: str | None = None, model: str | None = None
) -> LoadedWorkflow:
    """Return the document with the problems of the models that it names, as `nika validate` shows them.

    Args: provider, model: from the command line.
    """
    workflow = loaded.readable
    if workflow is None:
        return loaded
    from nika_core.app.inner_runs import all_workflows

    def agent_of(each: Workflow) -> AgentBlock:
        return effective_agent(each, workspace, provider=provider, model=model)

    directory = InstalledProviders(workspace.registry, workspace.environ)
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


def effective_agent(
    workflow: Workflow, workspace: Workspace, *, provider: str | None = None, model: str | None = None
) -> AgentBlock:
    """Return the agent block: the command line's values before the workflow's before the project's."""
    agent, project = workflow.agent or AgentBlock(), workspace.project
    return replace(
        agent,
        provider=provider or agent.provider or project.provider,
        model=model or agent.model or project.model,
    )


def _order(place: Place | None, path: str) -> tuple[bool, str, int, int]:
    """Return what problems are sorted by: those of the file itself come first."""
    if place is None:
        return False, path, 0, 0
    return place.path != path, place.path, place.line or 0, place.column or 0
