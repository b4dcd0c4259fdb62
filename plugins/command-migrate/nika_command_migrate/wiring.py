"""What is wrong with the graph in v5 and was not in v4."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from nika_command_migrate import conditions, grammar, scalars, templates, values
from nika_command_migrate.notes import Note, note_at
from nika_command_migrate.source import Source
from nika_command_migrate.tree import Node
from nika_core import Severity
from nika_core.plugin import Edge, Graph
from nika_core.toolbox.templates import (
    ConditionSyntaxError,
    Template,
    TemplateSyntaxError,
    compile_condition,
    compile_template,
    nearest,
)

_Ends = tuple[str, str]


def wiring_notes(source: Source, root: Node, reads: list[bool], names: templates.TaskNames) -> Iterator[Note]:
    """Unknown ends of flows, cycles, and conditions that v5 cannot read."""
    places: dict[_Ends, int] = {}  # an edge, and where it is written

    def error(offset: int, message: str, hint: str) -> Note:
        return note_at(source, offset, Severity.ERROR, message, hint)

    for flow in grammar.flows_of(root):
        ends = [flow.get(name) for name in ("source", "target")]
        for name, end in zip(("source", "target"), ends, strict=True):
            if end is None:
                yield error(flow.start, f"the flow has no {name}", f"name a task: {name}: fetch")
            elif end.value not in names:
                like = nearest(end.value, names)
                hint = f"did you mean '{like}'?" if like else "name a task, or remove the flow"
                yield error(end.start, f"there is no task '{end.value}'", hint)
        if ends[0] is not None and ends[1] is not None:
            places.setdefault((ends[0].value, ends[1].value), flow.start)
        for key, _ in flow.pairs:
            if key.value not in grammar.FLOW_KEYS:
                yield error(key.start, f"v4 ignored '{key.value}' on a flow, v5 refuses it", "remove it")
        yield from _condition(source, flow, any(reads), names)
    for task, old in zip(grammar.tasks_of(root), reads, strict=True):
        own = task.get("id")
        if own is not None:
            for name, offset in _named_tasks(source, task, old, names):
                places.setdefault((name, own.value), offset)
    circle = _cycle(names, places)
    if circle:
        yield error(
            places[circle[0], circle[1]],
            f"the graph has a cycle: {' -> '.join(circle)}; v4 only warned, v5 refuses it",
            "take one of these flows or templates out",
        )


def _named_tasks(source: Source, task: Node, old: bool, names: templates.TaskNames) -> Iterator[tuple[str, int]]:
    """Yield the tasks that a task's texts name, and where."""
    for _, _, value in values.payload_of(task):
        for node in values.scalars_in(value):
            for name, start in _references(node.value, old, values.known_to(task, names)):
                yield name, templates.offset_of(source, node, start) or node.start


def _references(text: str, old: bool, known: templates.TaskNames) -> Iterator[tuple[str, int]]:
    if old:
        for opening in templates.openings(text, known):
            if opening.ref and opening.ref.source == "task":
                yield opening.ref.path[0], opening.start
        return
    try:
        compiled = compile_template(text)
    except TemplateSyntaxError:
        return
    for placeholder in compiled.placeholders if isinstance(compiled, Template) else ():
        for reference in placeholder.members:
            if reference.source == "task":
                yield reference.path[0], placeholder.start


def _cycle(names: Collection[str], places: dict[_Ends, int]) -> list[str] | None:
    incoming: dict[str, list[Edge]] = {task: [] for task in sorted(names)}
    outgoing: dict[str, list[Edge]] = {task: [] for task in incoming}
    for source, target in places:
        if source in incoming and target in incoming:
            edge = Edge(source, target)
            incoming[target].append(edge)
            outgoing[source].append(edge)
    return Graph(tuple(incoming), _frozen(incoming), _frozen(outgoing)).cycle()


def _frozen(edges: dict[str, list[Edge]]) -> dict[str, tuple[Edge, ...]]:
    return {task: tuple(found) for task, found in edges.items()}


def _condition(source: Source, flow: Node, old: bool, names: templates.TaskNames) -> Iterator[Note]:
    condition, start = flow.get("condition"), flow.get("source")
    if condition is None or condition.kind != "scalar" or (old and scalars.is_null(condition)):
        return
    text = conditions.v5_condition(condition.value, start.value) if old and start is not None else condition.value
    if text != condition.value:
        message = f"'output' is written out: {text}"
        yield note_at(
            source,
            condition.start,
            Severity.WARNING,
            message,
            "v5 checks conditions, and they hold: see that this is meant",
        )
    try:
        compiled = compile_condition(text)
    except ConditionSyntaxError as error:
        hint = "conditions compare templates and literals with == != < <= > >= && || ! in and parentheses"
        yield note_at(source, condition.start, Severity.ERROR, f"v5 cannot read this condition: {error.message}", hint)
        return
    for placeholder in compiled.placeholders:
        if placeholder.source == "task" and placeholder.path[0] not in names:
            like = nearest(placeholder.path[0], names)
            hint = f"did you mean '{like}'?" if like else "name a task"
            yield note_at(source, condition.start, Severity.ERROR, f"there is no task '{placeholder.path[0]}'", hint)
