"""Each keyword's own check of its tasks' payloads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import NoneType
from typing import Any

from nika_core import codes
from nika_core.document.checks.check_context import Context
from nika_core.document.checks.problem_report import ProblemReport
from nika_core.document.checks.task_payloads import CheckedPayload
from nika_core.errors import NikaError, Problem, Severity
from nika_core.model.payload_tree import keys_in, placeholders_in
from nika_core.model.template import Template
from nika_core.model.workflow import NoOutputs, Task
from nika_core.template import TemplateSyntaxError, compile_template

_WITHOUT_KEYS = (str, Template, int, float, bool, NoneType)  # what nearly all values are


def check_payloads(context: Context) -> Iterator[Problem]:
    """Run each keyword's own check, and report templates in keys."""
    workflow = context.workflow
    keywords = context.keywords
    askable = {word for word, keyword in keywords.items() if keyword is not None and context.can_be_asked(keyword)}
    for task in workflow.tasks:
        context.check_time()
        keyword = keywords[task.keyword]
        if keyword is None:
            continue
        for name, value in task.payload.items():
            if type(value) not in _WITHOUT_KEYS and name not in keyword.verbatim_fields:
                yield from _check_keys(value, name, task)
        if task.keyword in askable:
            yield from _ask(context, task, context.payloads.of(task))


def _ask(context: Context, task: Task, payload: CheckedPayload) -> Sequence[Problem]:
    report = ProblemReport(codes.BAD_PAYLOAD)
    try:
        context.catalog.facets(task.keyword).check(payload, report)
    except NikaError as error:  # raised by the plugin on purpose
        report.problems.append(Problem(error.code, error.message, error.place or task.place, error.hint))
    return report.problems


def check_unread(context: Context) -> Iterator[Problem]:
    """Warn of tasks whose output is of no use unless something reads it."""
    workflow = context.workflow
    outputs = None if workflow.outputs is NoOutputs.NO_OUTPUTS else workflow.outputs
    used = set(context.graph.read)
    used.update(task for _, placeholder in placeholders_in(outputs) for task in context.depends_on(placeholder))
    used.add(workflow.agent.output if workflow.agent and workflow.agent.output else "")
    for task in workflow.tasks:
        if task.id in used or context.keywords[task.keyword] is None:
            continue
        try:
            why = context.catalog.facets(task.keyword).unread(context.payloads.of(task))
        except NikaError:  # as the task's own check reports
            continue
        if why:
            hint = f"read it, e.g. {{{{{task.id}}}}}, in a template, a condition or `outputs`; or remove the task"
            yield Problem(codes.ORPHAN_TASK, f"`{task.id}`: {why}", task.place, hint, Severity.WARNING)


def _check_keys(value: Any, name: str, task: Task) -> Iterator[Problem]:
    """Report `{{` in a key: it always opens a template, and in a key a template cannot be replaced."""
    for path in keys_in(value, (name,)):
        key = path[-1]
        if isinstance(key, str) and ("{{" in key or "${" in key) and _is_template(key):
            yield Problem(
                codes.TEMPLATE_SYNTAX,
                f"a template cannot stand in a key: {key[:80]!r}",
                task.at(path),
                "build the whole object in a task of its own, and use its output here",
            )


def _is_template(key: str) -> bool:
    try:
        return not isinstance(compile_template(key), str)
    except TemplateSyntaxError:
        return True
