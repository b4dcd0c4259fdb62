"""Tasks whose results are kept for other runs: `cache`."""

from __future__ import annotations

from collections.abc import Iterator

from nika_core import codes
from nika_core.document.checks.check_context import Context
from nika_core.errors import Problem, Severity
from nika_core.model.workflow import KeywordCategory, Task
from nika_core.plugin import Keyword


def check_cached(context: Context) -> Iterator[Problem]:
    """Report tasks that cannot be cached, and warn of those that have effects: with a cached result, they have none."""
    for task in context.workflow.tasks:
        keyword = context.keyword(task.keyword)
        if task.cache is None or keyword is None:
            continue
        refusal = _refusal(task, keyword)
        if refusal is not None:
            why, fix = refusal
            yield Problem(codes.BAD_VALUE, f"'{task.id}' cannot have `cache`: {why}", task.at(("cache",)), fix)
        elif not keyword.pure:
            yield Problem(
                codes.BAD_VALUE,
                f"'{task.id}' may change something outside, and with `cache` it does not do so if an earlier run has "
                "done the same",
                task.at(("cache",)),
                "keep it only if the task just reads; `cache: {for: 1h}` bounds how old its result may be",
                Severity.WARNING,
            )


def _refusal(task: Task, keyword: Keyword) -> tuple[str, str] | None:
    """Return why a task cannot be cached, and what to do instead."""
    leave_out = "leave out `cache`"
    if keyword.category is KeywordCategory.CONTEXT:
        return f"`{keyword.name}` goes on with the main conversation, which is another one in each run", leave_out
    if keyword.category is KeywordCategory.GROUP or task.inner is not None:
        return f"`{keyword.name}` stands for a workflow", "give `cache` to the tasks of that workflow"
    if keyword.only_asks:
        return f"`{keyword.name}` asks a person, who may answer differently today", leave_out
    if task.repeat is not None:
        return "with `repeat` it is done again until something changes", "leave out one of the two"
    if task.always:
        return "it is cleanup, which is to be done in each run", "leave out one of the two"
    return None
