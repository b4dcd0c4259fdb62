"""The texts that go to the model: the prompt, the system prompt, the skills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.bounded import MAX_PROMPT_CHARACTERS
from nika_core.model.files import FileError, is_folder, read_text
from nika_core.model.json import JsonObject
from nika_core.model.named_files import named_file
from nika_core.model.workflow import AgentBlock

SKILL_FILE: Final = "SKILL.md"
SKILL: Final = "skill"  # what a file is named for, also in messages
SYSTEM_PROMPT: Final = "system prompt"
_MAX_BYTES: Final = 4 * MAX_PROMPT_CHARACTERS


def prompt_of(payload: JsonObject) -> str:
    """Return the rendered prompt. Raise TaskError if it is empty or too long, which templates may have made it."""
    prompt = str(payload["prompt"])
    if not prompt.strip():
        raise TaskError("the prompt is empty", category=Category.VALIDATION, code=codes.BAD_PAYLOAD, retriable=False)
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise TaskError(
            f"the prompt has {len(prompt):,} characters; at most {MAX_PROMPT_CHARACTERS:,} are allowed",
            category=Category.VALIDATION,
            code=codes.PROMPT_TOO_LONG,
            hint="shorten what its templates bring, e.g. with a task that cuts or summarises it first",
        )
    return prompt


async def read_system(payload: Mapping[str, object], folder: Path, agent: AgentBlock) -> str | None:
    """Return what `system_of` does. In a thread only if it is in files: a thread costs more than the rest."""
    if payload.get("skills") or payload.get("systemPromptFile") is not None:
        import asyncio

        return await asyncio.to_thread(system_of, payload, folder, agent)
    return system_of(payload, folder, agent)


def system_of(payload: Mapping[str, object], folder: Path, agent: AgentBlock) -> str | None:
    """Return skills, then the system prompt of the task or else the agent block. Reads files: call it off the loop.

    Raises TaskError (category config).
    """
    parts = [read_prompt_file(folder, name, SKILL) for name in _names(payload.get("skills"))]
    own = payload.get("systemPrompt")
    file = payload.get("systemPromptFile")
    if own is not None:
        parts.append(str(own))
    elif file is not None:
        parts.append(read_prompt_file(folder, str(file), SYSTEM_PROMPT))
    elif isinstance(agent.system_prompt, str):
        parts.append(agent.system_prompt)
    system = "\n\n".join(part.strip() for part in parts if part.strip())
    if len(system) > MAX_PROMPT_CHARACTERS:
        raise TaskError(
            f"system prompt and skills have {len(system):,} characters; at most {MAX_PROMPT_CHARACTERS:,} are allowed",
            category=Category.CONFIG,
            code=codes.PROMPT_TOO_LONG,
            hint="use fewer or shorter skills",
        )
    return system or None


def prompt_file(folder: Path, name: str, what: str) -> Path:
    """Return the file that is named for a prompt as `what`. A skill is a file, or a folder with a SKILL.md.

    Raises FileError if it leads out of the workflow's folder and its project.
    """
    path = named_file(folder, name)
    return named_file(folder, f"{name}/{SKILL_FILE}") if what == SKILL and is_folder(path) else path


def read_prompt_file(folder: Path, name: str, what: str) -> str:
    """Return a file's text. Raise TaskError (category config) with the reason if it cannot be used."""
    try:
        return read_text(prompt_file(folder, name, what), _MAX_BYTES)
    except FileError as error:
        raise TaskError(
            f"the {what} {error.message}",
            category=Category.CONFIG,
            code=codes.BAD_SYSTEM_PROMPT,
            hint=error.hint or "paths are relative to the workflow's folder",
        ) from None


def why_unreadable(folder: Path, name: str, what: str) -> str | None:
    """Return why a file cannot be part of a prompt, or None if it can."""
    try:
        read_text(prompt_file(folder, name, what), _MAX_BYTES)
    except FileError as error:
        return error.reason
    return None


def repair_prompt(problem: str) -> str:
    """Return the message to a model whose answer is not what was asked for."""
    return f"That answer cannot be used: {problem}\nGive the whole answer again, as one JSON value and nothing else."


def _names(value: object) -> Sequence[str]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    return [str(item) for item in value] if isinstance(value, Sequence) else ()
