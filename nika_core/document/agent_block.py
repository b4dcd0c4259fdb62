"""The `agent:` block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nika_core import codes
from nika_core.document import language
from nika_core.document.faults import Fault
from nika_core.document.payloads import compiled
from nika_core.document.problem_list import ProblemList
from nika_core.document.schema import compile_schema
from nika_core.model.bounded import MAX_PROMPT_CHARACTERS
from nika_core.model.workflow import AgentBlock, Mode


def read_agent(node: Any, folder: Path, problems: ProblemList, model: str | None = None) -> AgentBlock:
    """The block, as far as it can be read. `model`: one that is named elsewhere, so that the block needs none."""
    faults: list[Fault] = []
    found = compile_schema(language.AGENT).check(node, faults) or {}
    problems.faults(faults, codes.BAD_VALUE, ("agent",))
    misspelt = any(fault.hint == "did you mean `model`?" for fault in faults)
    if type(node) is dict and "model" not in node and model is None and not misspelt:
        problems.add(
            codes.MISSING_MODEL, "the `agent` block names no model", ("agent",), hint="add `model:` to it", at_key=True
        )
    prompt, file = found.get("systemPrompt"), found.get("systemPromptFile")
    if prompt is not None and file is not None:
        problems.add(
            codes.BAD_SYSTEM_PROMPT,
            "`systemPrompt` and `systemPromptFile` cannot both be given",
            ("agent", "systemPromptFile"),
            hint="keep one of the two",
            at_key=True,
        )
    if file is not None and prompt is None:
        why = why_unreadable(folder / file)
        if why:
            problems.add(codes.BAD_SYSTEM_PROMPT, f"`{file}` {why}", ("agent", "systemPromptFile"))
    if isinstance(prompt, str):
        if len(prompt) > MAX_PROMPT_CHARACTERS:
            problems.add(
                codes.PROMPT_TOO_LONG,
                f"a prompt has at most {MAX_PROMPT_CHARACTERS} characters, this one has {len(prompt)}",
                ("agent", "systemPrompt"),
            )
        faults = []
        prompt = compiled(prompt, faults)
        problems.faults(faults, codes.TEMPLATE_SYNTAX, ("agent", "systemPrompt"))
    allowed = found.get("allowedTools")
    return AgentBlock(
        model=found.get("model"),
        provider=found.get("provider"),
        system_prompt=prompt,
        system_prompt_file=file,
        mode=Mode(found.get("mode") or "strict"),
        max_turns=found.get("maxTurns"),
        max_budget_usd=found.get("maxBudgetUsd"),
        max_tokens=found.get("maxTokens"),
        temperature=found.get("temperature"),
        allowed_tools=None if allowed is None else tuple(allowed),
        disallowed_tools=tuple(found.get("disallowedTools") or ()),
        output=found.get("output"),
        overflow=found.get("overflow") or "refuse",
    )


def why_unreadable(path: Path) -> str | None:
    """Why a file that the document names cannot be read; None when it can."""
    try:
        if path.is_dir():
            return "is a directory"
        if not path.exists():
            return "is not there (it is looked for in the workflow's folder)"
        with path.open("rb"):
            return None
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"
