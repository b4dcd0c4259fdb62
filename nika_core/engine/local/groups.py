"""From a task's `forEach` and `repeat` to what the core knows of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from nika_core import codes
from nika_core.engine.core.run_plan import Child, Each, Group, Item, Loop
from nika_core.engine.local.services import Services
from nika_core.errors import TemplateValueError
from nika_core.model.json import Json, JsonObject
from nika_core.model.json_text import parse_json
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.payload_tree import map_leaves
from nika_core.model.template import Placeholder, Template
from nika_core.model.workflow import Binding, ForEach, KeywordCategory, NodePath, Repeat, Task
from nika_core.plugin import Keyword, Values
from nika_core.template import render, to_text
from nika_core.template.json_check import value_problems
from nika_core.values import dataclass, replace

ITEM_PLACES: Final = frozenset({"index", "number"})  # what a binding tells of the place in the list


def groups_of(
    tasks: Iterable[Task],
    children: Mapping[str, Child],
    services: Services,
    keywords: Mapping[str, Keyword | None],
    limits: Limits,
) -> Mapping[str, Group]:
    """Return the tasks that stand for several nodes or for a workflow, by id. `children`: these workflows."""
    most = limits.counts.get(LimitKind.ITEMS)
    groups: dict[str, Group] = {}
    for task in tasks:
        body = children.get(task.id)
        if task.for_each is not None:
            groups[task.id] = replace(_each(task, task.for_each, services.resolve, most), body=body)
        elif task.repeat is not None:
            keyword = keywords.get(task.keyword)
            category = KeywordCategory.TOOL if keyword is None else keyword.category
            groups[task.id] = replace(_loop(task.repeat, task.repeat.keeps_conversation(category)), body=body)
        elif body is not None:
            groups[task.id] = body
    return groups


def body_of(group: Group | None) -> Child | None:
    """Return the workflow that a task, or each of its items or rounds, stands for."""
    return group.body if isinstance(group, Each | Loop) else group


@dataclass(frozen=True, slots=True)
class _Items:
    """The items of a list, from what its task may see."""

    for_each: ForEach
    resolve: Callable[[Placeholder, Values], Json]

    def __call__(self, values: Values) -> Sequence[Item]:
        items = self._list(values)
        key = self.for_each.key
        if key is None:
            return [Item(item) for item in items]
        named: list[Item] = []
        for index, item in enumerate(items):
            place: dict[str, Json] = {"item": item, "index": index, "number": index + 1}
            bound = replace(values, bindings={**values.bindings, Binding.ITEM: place})
            named.append(Item(item, to_text(filled(key, bound, self.resolve))))
        return named

    def _list(self, values: Values) -> Sequence[Json]:
        return as_list(filled(self.for_each.items, values, self.resolve), values.max_depth)


def as_list(items: Json, max_depth: int | None) -> Sequence[Json]:
    """Return a list, or the list that a text is as JSON. Raise TemplateValueError if it is neither."""
    if isinstance(items, str) and items.lstrip().startswith("["):
        try:
            items = parse_json(items, max_depth)
        except ValueError as error:
            raise _no_list("a text that begins like a JSON array, and is " + str(error)) from None
    if isinstance(items, list | tuple):
        return items
    kinds: dict[type, str] = {str: "a text", bool: "true or false", dict: "an object", type(None): "null"}
    raise _no_list(kinds.get(type(items), "a number"))


def _no_list(what: str) -> TemplateValueError:
    hint = "a task with `output: lines` yields a list of its lines, one with `output: {format: json}` what its JSON is"
    return TemplateValueError(f"forEach takes a list, and this is {what}", code=codes.VALUE_NOT_ALLOWED_HERE, hint=hint)


def filled(tree: Any, values: Values, resolve: Callable[[Placeholder, Values], Json]) -> Any:
    """Return a JSON tree with its templates filled in; a template that is one placeholder keeps its value's type."""

    def fill(leaf: Any, _: NodePath) -> Any:
        if not isinstance(leaf, Template):
            return leaf
        if leaf.single is not None:
            return resolve(leaf.single, values)
        return render(leaf, [resolve(placeholder, values) for placeholder in leaf.placeholders])

    return map_leaves(tree, fill)


def stand_in(services: Services, task: Task, values: Values) -> Json:
    """Return the value that stands in for a failed task's output. Raise TemplateValueError if its schema refuses it."""
    return _fitting(filled(task.stand_in, values, services.resolve), task.output_schema)


def _fitting(value: Json, schema: JsonObject | None) -> Json:
    problems = () if schema is None else value_problems(value, schema)
    if problems:
        message = f"the value does not fit `output`: {'; '.join(problems)}"
        raise TemplateValueError(message, code=codes.VALUE_NOT_ALLOWED_HERE)
    return value


def _each(
    task: Task,
    for_each: ForEach,
    resolve: Callable[[Placeholder, Values], Json],
    most: int | None,
) -> Each:
    bounds = [bound for bound in (for_each.max_items, most) if bound is not None]
    return Each(
        items=_Items(for_each, resolve),
        max_concurrent=for_each.max_concurrent,
        max_items=min(bounds) if bounds else None,
        on_error=for_each.on_item_error,
        stand_in=lambda values: _fitting(filled(for_each.value, values, resolve), task.item_schema),
        condition=task.when if task.decides_per_item else None,
    )


def _loop(repeat: Repeat, keep_conversation: bool) -> Loop:
    return Loop(
        until=repeat.until,
        max_rounds=repeat.max_rounds,
        every=repeat.every,
        fail_if_exhausted=repeat.fail_if_exhausted,
        fail_on_round_error=repeat.fail_on_round_error,
        collect=repeat.collect,
        keep_conversation=keep_conversation,
    )
