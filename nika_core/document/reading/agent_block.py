"""The `agent:` block."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from nika_core import codes
from nika_core.document.plugin_catalog import PluginCatalog
from nika_core.document.reading import workflow_schema
from nika_core.document.reading.deferred_fields import defer
from nika_core.document.reading.payload_reader import compile_text
from nika_core.document.reading.problem_list import ProblemList
from nika_core.document.reading.tool_lists import read_entries
from nika_core.document.validation.compile_validators import compile_schema
from nika_core.document.validation.issues import ValidationIssue, add_syntax_hint
from nika_core.model.bounded import MAX_PROMPT_CHARACTERS
from nika_core.model.files import FileError, read_text
from nika_core.model.named_files import named_file
from nika_core.model.template import Template
from nika_core.model.workflow import AgentBlock, Mode, NodePath, Task

_TOO_LONG: Final = f"is longer than {MAX_PROMPT_CHARACTERS:,} characters"


def read_agent(
    node: Any, folder: Path, problems: ProblemList, deferred: dict[NodePath, Template], model: str | None = None
) -> AgentBlock:
    """Return the block, as far as it can be read.

    Args:
        deferred: is given the templates of its numbers, by their paths.
        model: one named elsewhere, so that the block needs none.
    """
    issues: list[ValidationIssue] = []
    fields = compile_schema(workflow_schema.AGENT).check(node, issues) or {}
    defer(fields, issues, deferred, ("agent",))
    add_syntax_hint(issues, 0, "agent")
    allowed, disallowed, asked = (
        read_entries(fields.get(key), key, issues) for key in ("allowedTools", "disallowedTools", "askTools")
    )
    problems.add_issues(issues, codes.BAD_VALUE, ("agent",))
    if "model" not in fields and model is None and type(node) is dict and not issues:
        problems.add(
            codes.MISSING_MODEL,
            "the `agent` block names no model",
            ("agent",),
            hint="add `model:` to it, or use --model or `model:` in nika.yaml",
            at_key=True,
        )
    if fields.get("fallback") == []:
        problems.add(
            codes.BAD_VALUE, "`fallback` names no model", ("agent", "fallback"), hint="name one, or leave it out"
        )
    prompt = fields.get("systemPrompt")
    if "systemPromptFile" in fields:
        _check_file(fields["systemPromptFile"], folder, problems, other=prompt is not None)
    if isinstance(prompt, str):
        if len(prompt) > MAX_PROMPT_CHARACTERS:
            problems.add(
                codes.PROMPT_TOO_LONG,
                f"the system prompt has {len(prompt):,} characters; at most {MAX_PROMPT_CHARACTERS:,} are allowed",
                ("agent", "systemPrompt"),
                hint="shorten it",
            )
        issues = []
        prompt = compile_text(prompt, issues)
        problems.add_issues(issues, codes.TEMPLATE_SYNTAX, ("agent", "systemPrompt"))
    return AgentBlock(
        model=fields.get("model"),
        provider=fields.get("provider"),
        system_prompt=prompt,
        system_prompt_file=fields.get("systemPromptFile"),
        mode=Mode(fields.get("mode") or Mode.STRICT),
        max_turns=fields.get("maxTurns"),
        max_budget_usd=fields.get("maxBudgetUsd"),
        max_tokens=fields.get("maxTokens"),
        temperature=fields.get("temperature"),
        allowed_tools=None if fields.get("allowedTools") is None else allowed,
        disallowed_tools=disallowed,
        ask_tools=asked,
        output=fields.get("output"),
        overflow=fields.get("overflow") or "refuse",
        fallback=tuple(fields.get("fallback") or ()),
        options_json=json.dumps(options, ensure_ascii=False) if (options := fields.get("options")) else "",
        effort=fields.get("effort"),
        cache_prompt=fields.get("cachePrompt") is not False,
    )


def check_model(tasks: Iterable[Task], catalog: PluginCatalog, problems: ProblemList) -> None:
    """Report a task that needs a model and names none, in a workflow without an `agent:` block."""
    needy = [
        task
        for task in tasks
        if task.keyword and catalog.keyword(task.keyword).needs_provider and task.payload.get("model") is None
    ]
    if needy:
        first = needy[0]
        more = f" (and {len(needy) - 1} more)" if len(needy) > 1 else ""
        problems.add(
            codes.MISSING_MODEL,
            f"`{first.keyword}` task '{first.id}'{more} needs a model, and there is no `agent:` block",
            ("tasks", first.index, first.keyword),
            hint="add `agent: {model: ...}` at the top of the file, or `model:` to nika.yaml",
            at_key=True,
        )


def _check_file(name: str | None, folder: Path, problems: ProblemList, *, other: bool) -> None:
    if other:
        problems.add(
            codes.BAD_SYSTEM_PROMPT,
            "`systemPrompt` and `systemPromptFile` cannot both be given",
            ("agent", "systemPromptFile"),
            hint="keep one of the two",
            at_key=True,
        )
        return
    if name is None:
        return
    code, hint = codes.BAD_SYSTEM_PROMPT, "its path is relative to the workflow's folder"
    try:
        file = named_file(folder, name)
        text = read_text(file, 4 * MAX_PROMPT_CHARACTERS)  # UTF-8 has at most four bytes a character
        why = _TOO_LONG if len(text) > MAX_PROMPT_CHARACTERS else None
    except FileError as error:
        why = error.reason if error.size is None else _TOO_LONG
        hint = error.hint or hint
    if why == _TOO_LONG:
        code, hint = codes.PROMPT_TOO_LONG, "shorten it"
    if why is not None:
        problems.add(code, f"the system prompt's file `{name}` {why}", ("agent", "systemPromptFile"), hint=hint)
