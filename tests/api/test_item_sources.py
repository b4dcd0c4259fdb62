"""A third party's source of a list's items is like the built-in one: the kernel knows neither by its name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import nika_core as nika
from nika_core.plugin import (
    Binding,
    Json,
    Placeholder,
    Scope,
    Source,
    SourceReport,
    TemplateSource,
    Values,
    hookimpl,
)


class EntrySource(Source):
    """Reads items."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        if Binding.ITEM not in scope.bindings:
            report("there is no entry here")

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        return ()

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        bound: Any = values.bindings[Binding.ITEM]
        return bound[placeholder.path[0]]


class Plugin:
    @hookimpl
    def nika_template_sources(self) -> list[TemplateSource]:
        return [
            TemplateSource(
                name="entry",
                summary="Items.",
                source=f"{__name__}:EntrySource",
                known_before_run=False,
                binding=Binding.ITEM,
            )
        ]


def workflow(task: str) -> str:
    return f"name: entries\ntasks:\n  - {{id: a, {task}}}\n"


def test_its_condition_decides_for_each_item() -> None:
    text = workflow('forEach: {items: [1, 2, 3]}, when: "${entry.item} != 2", set: "${entry.item}"')
    result = nika.run(text, plugins=[Plugin()])
    assert result.output == [1, None, 3]


def test_it_may_stand_where_only_an_item_may() -> None:
    timed = workflow('forEach: {items: [1, 2], key: "${entry.number}"}, set: "${entry.index}"')
    assert nika.run(timed, plugins=[Plugin()]).output == [0, 1]


def test_without_a_list_it_is_refused() -> None:
    (problem,) = nika.validate(workflow('set: "${entry.item}"'), plugins=[Plugin()]).problems
    assert "there is no entry here" in problem.message


def test_the_plan_tells_what_a_place_in_the_list_means_for_a_resumed_run() -> None:
    plan = nika.plan(workflow('forEach: {items: [1]}, set: "${entry.index}"'), plugins=[Plugin()])
    (note,) = [note for note in plan.tasks[0].notes if "place in the list" in note]
    assert note.startswith("${entry.index} in its payload")
