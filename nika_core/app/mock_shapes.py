"""What templates, pipes and conditions read of the outputs of tasks: a mocked run returns values of this shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from nika_core.document import reads
from nika_core.document.plugin_catalog import PluginCatalog
from nika_core.errors import NikaError
from nika_core.model.json import Json, JsonObject
from nika_core.model.payload_tree import list_parts, placeholders_in
from nika_core.model.template import PipeCall, Placeholder, Template
from nika_core.model.workflow import Binding, Condition, NoOutputs, Task, Workflow

if TYPE_CHECKING:
    from nika_core.app.prepared_run import PreparedRun

_LISTS: Final = frozenset({"join", "lines", "pluck", "where", "flatten", "unique", "sum", "average", "compact"})
_NUMBERS: Final = frozenset({"sum", "average"})
_NUMBER: Final = {"type": "number"}
NO_SCHEMA: Final[JsonObject] = {}
# The right side of a comparison with a literal, as the left side's schema; the same with both sides exchanged.
_BOUNDS: Final[dict[str, Callable[[Any], JsonObject]]] = {
    ">": lambda bound: {"type": "number", "exclusiveMinimum": bound},
    ">=": lambda bound: {"type": "number", "minimum": bound},
    "<": lambda bound: {"type": "number", "exclusiveMaximum": bound},
    "<=": lambda bound: {"type": "number", "maximum": bound},
}
_EXCHANGED: Final = {">": "<", ">=": "<=", "<": ">", "<=": ">="}


class Shape:
    """What is read of a value: its fields, its items, or the value itself."""

    def __init__(self) -> None:
        self.fields: dict[str, Shape] = {}
        self.item: Shape | None = None
        self.value: JsonObject = {}

    def at(self, path: Iterable[str]) -> Shape:
        """Return the shape of a part."""
        shape = self
        for step in path:
            shape = shape.items() if step.isdecimal() else shape.fields.setdefault(step, Shape())
        return shape

    def items(self) -> Shape:
        """Return the shape of each item: it is a list."""
        if self.item is None:
            self.item = Shape()
        return self.item

    def schema(self, leaf: JsonObject = NO_SCHEMA) -> JsonObject:
        """Return it as JSON Schema; empty: nothing is known.

        Args:
            leaf: the schema of a part of which nothing else is known.
        """
        if self.fields:
            properties = {name: shape.schema(leaf) for name, shape in self.fields.items()}
            return {"type": "object", "required": list(properties), "properties": properties}
        if self.item is not None:
            return {"type": "array", "minItems": 1, "items": self.item.schema(leaf)}
        return self.value or leaf


def wanted_outputs(prepared: PreparedRun) -> dict[str, Shape]:
    """Return what is read of one output of each task, by the path of its definition: `build`, `sections/write`."""
    wanted = _of_workflow(prepared.workflow, prepared.workspace.registry)
    for task, inner in prepared.inner.items():
        wanted |= {f"{task}/{path}": shape for path, shape in wanted_outputs(inner).items()}
    return wanted


def _is_output(catalog: PluginCatalog, source: str) -> bool:
    """Return whether placeholders of a source name a task and a path into its output."""
    try:
        return catalog.template_source(source).default_source
    except NikaError:
        return False


def _of_workflow(workflow: Workflow, catalog: PluginCatalog) -> dict[str, Shape]:
    tasks = {task.id: Shape() for task in workflow.tasks}
    outputs = None if workflow.outputs is NoOutputs.NO_OUTPUTS else workflow.outputs

    def read(placeholder: Placeholder) -> Iterator[Shape]:
        """Yield the shapes of what a placeholder names, after its pipes."""
        for member in placeholder.members:
            task, *path = member.path
            if task in tasks and _is_output(catalog, member.source):
                yield from _after_pipes(tasks[task].at(path), placeholder.pipes)

    for _, placeholder in placeholders_in(outputs):
        tuple(read(placeholder))
    for task in workflow.tasks:
        for _, placeholder in placeholders_in([task.payload, task.stand_in]):
            tuple(read(placeholder))
        _read_list(task, catalog, read)
    for condition in [*(flow.condition for flow in workflow.flows), *(task.when for task in workflow.tasks)]:
        _read_condition(condition, read)
    found: dict[str, Shape] = {}
    for task in workflow.tasks:
        shape = tasks[task.id]
        if task.for_each is not None or (task.repeat is not None and task.repeat.collect):
            shape = shape.item or Shape()
        if task.repeat is not None:
            tasks[task.id] = shape  # in `until` it is the round's
            _read_condition(task.repeat.until, read)
        if shape.schema():
            found[task.id] = shape
    return found


def _after_pipes(shape: Shape, pipes: Iterable[PipeCall]) -> Iterator[Shape]:
    """Yield the shape that comes out of pipes, as far as it is a part of what goes in."""
    plucked: Shape | None = None
    for pipe in pipes:
        if pipe.name in _NUMBERS:
            (plucked or shape.items()).value = _NUMBER
            return
        if plucked is not None:
            continue  # what comes after may only ask for numbers
        if pipe.name == "pluck":
            plucked = shape.items().at(str(pipe.arguments[0]).split("."))
        elif pipe.name == "where":
            shape.items().at(str(pipe.arguments[0]).split(".")).value = {"const": pipe.arguments[1]}
        elif pipe.name == "flatten":
            shape = shape.items()
        elif pipe.name in _LISTS:
            shape.items()
        elif pipe.name == "then":
            shape.value = {"const": True}
            return
        elif pipe.name not in ("first", "last"):
            return
    if plucked is None:
        yield shape


def _read_list(task: Task, catalog: PluginCatalog, read: Callable[[Placeholder], Iterator[Shape]]) -> None:
    """Read the list of a task, whose items its payload reads."""
    if task.for_each is None:
        return
    for _, placeholder in placeholders_in(list_parts(task.for_each)):
        tuple(read(placeholder))
    items = task.for_each.items
    lists = [] if not isinstance(items, Template) or items.single is None else list(read(items.single))
    for shape in lists:
        shape.items()
        parts = placeholders_in([task.payload, list_parts(task.for_each)])
        for placeholder in [*(each for _, each in parts), *(task.when.placeholders if task.when else ())]:
            for member in placeholder.members:
                if member.path[0] == "item" and reads(catalog, member, Binding.ITEM):
                    shape.items().at(member.path[1:])


def _read_condition(condition: Condition | None, read: Callable[[Placeholder], Iterator[Shape]]) -> None:
    """Let the first comparison of a value with a literal hold."""
    if condition is None:
        return
    steps: tuple[tuple[str, Any], ...] = getattr(condition, "steps", ())
    for placeholder in condition.placeholders:
        tuple(read(placeholder))
    for at, (step, argument) in enumerate(steps):
        before = steps[max(0, at - 2) : at]
        following = steps[at + 1][0] if at + 1 < len(steps) else "truth"
        if step == "placeholder" and following in ("truth", "and", "or", "!"):
            _want(read(argument), {"const": following != "!"})
        elif len(before) == 2 and {kind for kind, _ in before} == {"placeholder", "value"}:
            exchanged = before[0][0] == "value"
            (_, placeholder), (_, literal) = reversed(before) if exchanged else before
            _want(read(placeholder), _schema_of(_EXCHANGED.get(step, step) if exchanged else step, literal))


def _schema_of(comparison: str, literal: Json) -> JsonObject:
    if comparison == "==":
        return {"const": literal}
    is_number = isinstance(literal, int | float) and not isinstance(literal, bool)
    return _BOUNDS[comparison](literal) if comparison in _BOUNDS and is_number else {}


def _want(shapes: Iterable[Shape], schema: JsonObject) -> None:
    for shape in shapes:
        shape.value = shape.value or schema
