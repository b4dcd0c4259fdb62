"""The agent block's system prompt: from its text or file, its templates resolved before anything runs."""

from __future__ import annotations

from collections.abc import Mapping

from nika_core import codes
from nika_core.app.workspace import Workspace
from nika_core.errors import UsageError
from nika_core.model.bounded import MAX_PROMPT_CHARACTERS
from nika_core.model.files import FileError, read_text
from nika_core.model.json import Json
from nika_core.model.named_files import named_file
from nika_core.model.template import Template
from nika_core.model.workflow import AgentBlock, Workflow
from nika_core.plugin import Values
from nika_core.template import render, resolve
from nika_core.values import replace


def resolve_system_prompt(
    agent: AgentBlock, workflow: Workflow, workspace: Workspace, inputs: Mapping[str, Json]
) -> AgentBlock:
    """Return the block with `system_prompt` as text. Raise UsageError or TemplateValueError."""
    return fill_system_prompt(read_system_prompt(agent, workflow), workspace, inputs)


def read_system_prompt(agent: AgentBlock, workflow: Workflow) -> AgentBlock:
    """Return the block with the text of its file, if it names one. Raise UsageError."""
    if agent.system_prompt_file is None:
        return agent
    try:
        text = read_text(named_file(workflow.folder, agent.system_prompt_file), 4 * MAX_PROMPT_CHARACTERS)
    except FileError as error:
        raise UsageError(
            f"the system prompt's file {agent.system_prompt_file} {error.reason}",
            code=codes.BAD_SYSTEM_PROMPT,
            hint=f"paths are relative to the workflow's folder: {workflow.folder}",
        ) from None
    return replace(agent, system_prompt=text, system_prompt_file=None)


def fill_system_prompt(agent: AgentBlock, workspace: Workspace, inputs: Mapping[str, Json]) -> AgentBlock:
    """Return the block with the templates of its system prompt filled in. Raise TemplateValueError."""
    if not isinstance(agent.system_prompt, Template):
        return agent
    template = agent.system_prompt
    values = Values(inputs=inputs, environ=workspace.environ)
    found = [resolve(each, values, workspace.registry.source) for each in template.placeholders]
    return replace(agent, system_prompt=render(template, found))
