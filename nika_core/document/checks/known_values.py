"""Values that are known before a run starts: they are checked then, not when their task's turn comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from nika_core.document.checks.check_context import is_known_before_run, place_of
from nika_core.document.plugin_catalog import PluginCatalog
from nika_core.errors import Place, PluginError, Problem, TemplateValueError
from nika_core.model.payload_tree import list_parts, placeholders_in
from nika_core.model.template import Placeholder
from nika_core.model.workflow import Workflow
from nika_core.plugin import Values
from nika_core.template import resolve


def check_values(
    workflow: Workflow,
    catalog: PluginCatalog,
    values: Values,
    *,
    ignore: type[TemplateValueError] | tuple[type[TemplateValueError], ...] = (),
) -> Iterator[Problem]:
    """Yield a problem for each placeholder whose value has to be known now, and is not.

    To be called right before a run, with its inputs and its environment; `values.outputs` is not looked at.

    Args:
        ignore: what a source raises for a value that is known only in the run.
    """
    errors: dict[str, TemplateValueError | None] = {}

    def issue(placeholder: Placeholder) -> TemplateValueError | None:
        if placeholder.text not in errors:
            errors[placeholder.text] = None
            try:
                if is_known_before_run(catalog, placeholder):
                    resolve(placeholder, values, catalog.source)
            except TemplateValueError as error:
                if not isinstance(error.__cause__, ignore):
                    errors[placeholder.text] = error
            except PluginError:  # reported when the document was checked
                pass
        return errors[placeholder.text]

    for placeholder, place in _everywhere(workflow):
        error = issue(placeholder)
        if error is not None:
            yield Problem(error.code, error.message, place(), error.hint)


def _everywhere(workflow: Workflow) -> Iterator[tuple[Placeholder, Callable[[], Place]]]:
    for task in workflow.tasks:
        for path, placeholder in placeholders_in(task.payload):
            yield placeholder, partial(place_of, task.at, path, placeholder)
        if task.stand_in is not None or task.for_each is not None:
            lists = list_parts(task.for_each) if task.for_each else None
            for path, placeholder in placeholders_in({"onError": {"value": task.stand_in}, "forEach": lists}):
                yield placeholder, partial(place_of, task.at, path, placeholder)
        until = task.repeat.until if task.repeat else None
        for at, condition in ((("when",), task.when), (("repeat", "until"), until)):
            for placeholder in condition.placeholders if condition else ():
                yield placeholder, partial(place_of, task.at, at, placeholder)
    for path, placeholder in placeholders_in(workflow.agent.system_prompt if workflow.agent else None):
        yield placeholder, partial(place_of, workflow.at, ("agent", "systemPrompt", *path), placeholder)
    for flow in workflow.flows:
        for placeholder in flow.condition.placeholders if flow.condition else ():
            yield placeholder, partial(place_of, flow.at, ("condition",), placeholder)
