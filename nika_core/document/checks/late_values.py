"""Secrets of late template sources: they may stand only where nobody looks at them before the task acts.

The rule: a secret is for a task that does something outside with it. So its place is the payload of a task whose
keyword has effects and calls no model, as text that is handed on as it is. Whatever else would need the value is
decided, shown, recorded or sent to a model by the kernel, which does not have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nika_core import codes
from nika_core.document.checks.check_context import Context, is_late, place_of
from nika_core.errors import Place, Problem
from nika_core.model.bounded import shorten
from nika_core.model.payload_tree import list_parts, placeholders_in, templates_in
from nika_core.model.template import Placeholder, TypedTemplate
from nika_core.model.workflow import KeywordCategory, NodePath, NoOutputs, Task
from nika_core.plugin import Keyword

_WHERE: Final = "name it in the payload of the task that uses it, e.g. in `env` of a `shell` task or a header of `http`"


def check_late_values(context: Context) -> Iterator[Problem]:
    """Report secrets in places where the kernel would have to look at them, or give them to a model."""
    for task in context.workflow.tasks:
        yield from _check_payload(context, task)
        for path, placeholder in _outside_of_payload(task):
            yield from _refused(context, placeholder, task.at, path, f"`{_name(path)}` is looked at by the kernel")
    workflow = context.workflow
    parts = {
        "agent": {"systemPrompt": workflow.agent.system_prompt if workflow.agent else None},
        "outputs": None if workflow.outputs is NoOutputs.NO_OUTPUTS else workflow.outputs,
    }
    why = {"agent": "a model would be given it", "outputs": "it would be part of the workflow's output"}
    for path, placeholder in placeholders_in({name: part for name, part in parts.items() if part is not None}):
        yield from _refused(context, placeholder, workflow.at, path, why[str(path[0])])
    for path, template in workflow.deferred.items():
        for placeholder in template.placeholders:
            reason = f"`{_name(path)}` is fixed before any task runs"
            yield from _refused(context, placeholder, workflow.at, path, reason)
    for flow in workflow.flows:
        for placeholder in flow.condition.placeholders if flow.condition else ():
            yield from _refused(context, placeholder, flow.at, ("condition",), "a condition looks at it")


def _check_payload(context: Context, task: Task) -> Iterator[Problem]:
    keyword = context.keyword(task.keyword)
    for path, template in templates_in(task.payload):
        for placeholder in template.placeholders:
            if not is_late(context.catalog, placeholder):
                continue
            reason, hint = None, _WHERE
            if placeholder.pipes:
                reason, hint = "a pipe looks at its value", "write it without a pipe; what uses it can change it"
            elif keyword is not None:
                reason, hint = _why_not_in(keyword, task, str(path[0])) or (None, _WHERE)
            if reason is None and isinstance(template, TypedTemplate):
                reason = f"`{_name(path)}` is checked before the task starts"
            if reason is not None:
                yield _problem(placeholder, place_of(task.at, path, placeholder), reason, hint)


def _why_not_in(keyword: Keyword, task: Task, field: str) -> tuple[str, str] | None:
    """Return why a field of a keyword takes no secret, and what to write instead; None if it does."""
    if keyword.category is KeywordCategory.GROUP:
        return (
            f"`{task.keyword}` hands it to another workflow as a value",
            "name the secret there: it is known there, too",
        )
    if keyword.needs_provider:
        hint = "give the model a tool that uses the secret, such as a `function` or an MCP server with it in its `env`"
        return "a model would be given it", hint
    if keyword.pure:
        return f"`{task.keyword}` does nothing outside with it, and would show or record it", _WHERE
    if field in keyword.file_fields:
        return f"`{field}` is read before the task starts", _WHERE
    return None


def _outside_of_payload(task: Task) -> Iterator[tuple[NodePath, Placeholder]]:
    if task.stand_in is not None:
        yield from placeholders_in(task.stand_in, ("onError", "value"))
    if task.for_each is not None:
        yield from placeholders_in(list_parts(task.for_each), ("forEach",))
    until = task.repeat.until if task.repeat is not None else None
    for path, condition in ((("when",), task.when), (("repeat", "until"), until)):
        for placeholder in condition.placeholders if condition else ():
            yield path, placeholder


def _refused(context: Context, placeholder: Placeholder, at: object, path: NodePath, reason: str) -> Iterator[Problem]:
    if is_late(context.catalog, placeholder):
        yield _problem(placeholder, place_of(at, path, placeholder), reason, _WHERE)


def _problem(placeholder: Placeholder, place: Place, reason: str, hint: str) -> Problem:
    message = f"{shorten(placeholder.text, 80)}: a secret cannot stand here: {reason}"
    return Problem(codes.VALUE_NOT_ALLOWED_HERE, message, place, hint)


def _name(path: NodePath) -> str:
    """Return the name of the field: the last part of its path that is one."""
    return next((part for part in reversed(path) if isinstance(part, str)), "")
