"""What tasks that talk to a model need of the `agent:` block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nika_core import codes
from nika_core.document.checks.context import Context
from nika_core.errors import Problem
from nika_core.model.bounded import MAX_PROMPT_CHARACTERS
from nika_core.model.template import Template
from nika_core.model.workflow import AgentBlock

MAX_SYSTEM_PROMPT_BYTES: Final = 4 * MAX_PROMPT_CHARACTERS  # of a file: UTF-8 has at most four bytes a character


def check_models(context: Context) -> Iterator[Problem]:
    """There is a model for every task that needs one, and one readable system prompt at most."""
    agent = context.workflow.agent
    if agent is None:
        yield from _check_no_block(context)
        return
    if agent.model is None and context.model is None:
        yield Problem(
            codes.MISSING_MODEL,
            "the agent block names no model",
            context.workflow.at(("agent",)),
            "add `model:` to it, or give one with --model or `model:` in nika.yaml",
        )
    if agent.system_prompt is not None and agent.system_prompt_file is not None:
        yield Problem(
            codes.BAD_SYSTEM_PROMPT,
            "there is a systemPrompt and a systemPromptFile",
            context.workflow.at(("agent", "systemPromptFile")),
            "keep one of the two",
        )
    yield from _check_text(context, agent)
    yield from _check_file(context, agent)


def _check_no_block(context: Context) -> Iterator[Problem]:
    if context.model is not None:
        return
    needy = [
        task
        for task in context.workflow.tasks
        if (keyword := context.keyword_of(task)) and keyword.needs_provider and task.payload.get("model") is None
    ]
    if needy:
        more = f" (and {len(needy) - 1} more)" if len(needy) > 1 else ""
        yield Problem(
            codes.MISSING_MODEL,
            f"`{needy[0].keyword}` task '{needy[0].id}'{more} needs a model, and there is no `agent:` block",
            needy[0].place,
            "add `agent: {model: ...}` at the top of the file",
        )


def _check_text(context: Context, agent: AgentBlock) -> Iterator[Problem]:
    prompt = agent.system_prompt
    parts = prompt.parts if isinstance(prompt, Template) else (prompt,)
    size = sum(len(part) for part in parts if isinstance(part, str))
    if size > MAX_PROMPT_CHARACTERS:
        yield Problem(
            codes.PROMPT_TOO_LONG,
            f"the system prompt has {size:,} characters; at most {MAX_PROMPT_CHARACTERS:,} are allowed",
            context.workflow.at(("agent", "systemPrompt")),
            "shorten it",
        )


def _check_file(context: Context, agent: AgentBlock) -> Iterator[Problem]:
    if agent.system_prompt_file is None:
        return
    path = context.workflow.folder / agent.system_prompt_file
    code, why = codes.BAD_SYSTEM_PROMPT, None
    try:
        if not path.is_file():
            why = "is a folder" if path.is_dir() else "is not there"
        elif path.stat().st_size > MAX_SYSTEM_PROMPT_BYTES or len(path.read_bytes().decode()) > MAX_PROMPT_CHARACTERS:
            code, why = codes.PROMPT_TOO_LONG, f"is longer than {MAX_PROMPT_CHARACTERS:,} characters"
    except UnicodeDecodeError:
        why = "is not UTF-8"
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        why = f"cannot be read: {getattr(error, 'strerror', None) or error}"
    if why:
        yield Problem(
            code,
            f"the system prompt's file {agent.system_prompt_file!r} {why}",
            context.workflow.at(("agent", "systemPromptFile")),
            "its path is relative to the workflow's folder" if code is codes.BAD_SYSTEM_PROMPT else "shorten it",
        )
