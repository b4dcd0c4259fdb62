"""What is drawn, whatever the format: tasks, and one line for each pair of tasks that are joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nika_core.plugin import EdgeKind, Graph, Task, Workflow


@dataclass(frozen=True, slots=True)
class PictureNode:
    """A task. `when` is its condition, empty without one; `mark` says that it is a list or a loop; `inner` is the
    workflow that it stands for; `asks`: which tool calls a person is asked about, empty if none.
    """

    id: str
    keyword: str
    when: str = ""
    mark: str = ""
    inner: Picture | None = None
    asks: str = ""

    def name(self, longest: int) -> str:
        """Return the id in at most so many characters, and the mark."""
        return f"{shortened(self.id, longest)} [{self.mark}]" if self.mark else shortened(self.id, longest)

    def about(self, longest: int) -> str:
        """Return what stands below the id: the keyword, and the condition in at most so many characters."""
        about = f"{self.keyword} if {shortened(self.when, longest)}" if self.when else self.keyword
        return f"{about}, {shortened(self.asks, longest)}" if self.asks else about


@dataclass(frozen=True, slots=True)
class Line:
    """`target` waits for `source`. `label` is the condition; `waits_only`: made by another flow's condition."""

    source: int  # indexes of nodes
    target: int
    label: str = ""
    waits_only: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """`layers` has every node once: those of a layer may run together. All text is printable and on one line."""

    title: str
    nodes: tuple[PictureNode, ...]
    lines: tuple[Line, ...]
    layers: tuple[tuple[int, ...], ...]


_NOTHING: Final[Mapping[str, Sequence[str]]] = {}
_WAITS: Final = (EdgeKind.READ, EdgeKind.OPTIONAL)  # edges that only order


def picture_of(
    workflow: Workflow,
    graph: Graph,
    mask: Callable[[str], str] = str,
    asked: Mapping[str, Sequence[str]] = _NOTHING,
    before: str = "",
) -> Picture:
    """Make the picture. Several flows between two tasks are one line; tasks of a cycle come last.

    Args:
        mask: takes secrets out of names and conditions.
        asked: which tool calls a person is asked about, by the path of the task.
        before: the path of the task that stands for this workflow, with a `/`.
    """
    index = {task: number for number, task in enumerate(graph.order)}
    tasks = {task.id: task for task in workflow.tasks}
    lines: list[Line] = []
    for task in graph.order:
        by_target: dict[str, list[str]] = {}
        waits: dict[str, bool] = {}
        for edge in graph.outgoing[task]:
            texts = by_target.setdefault(edge.target, [])
            if edge.kind is EdgeKind.FLOW:
                texts.append(edge.condition.text if edge.condition else "")
            waits[edge.target] = waits.get(edge.target, True) and edge.kind in _WAITS
        for target, conditions in by_target.items():
            # Of several flows one that is active is enough: one without a condition leaves nothing to ask.
            texts = [] if "" in conditions else [printable(mask(text)) for text in conditions]
            label = texts[0] if len(texts) == 1 else " || ".join(f"({text})" for text in texts)
            lines.append(Line(index[task], index[target], label, waits[target]))
    waves = [[index[task] for task in wave] for wave in graph.waves()]
    drawn = {number for wave in waves for number in wave}
    rest = [number for number in range(len(graph.order)) if number not in drawn]
    layers = [*waves, rest] if rest else waves
    nodes = tuple(
        PictureNode(
            printable(task.id),
            printable(task.keyword),
            printable(mask(task.when.text)) if task.when else "",
            _mark(task, workflow),
            None
            if task.inner is None
            else picture_of(task.inner.workflow, task.inner.graph, mask, asked, f"{before}{task.id}/"),
            _asks(asked.get(f"{before}{task.id}", ()), mask),
        )
        for task in map(tasks.__getitem__, graph.order)
    )
    return Picture(printable(mask(workflow.name)), nodes, tuple(lines), tuple(tuple(layer) for layer in layers))


def _asks(entries: Sequence[str], mask: Callable[[str], str]) -> str:
    return f"asks about {'; '.join(printable(mask(entry)) for entry in entries)}" if entries else ""


def _mark(task: Task, workflow: Workflow) -> str:
    """Return what tells cleanup, and a task that is done several times, from any other."""
    marks = ["cleanup"] if task.always else []
    deferred = workflow.deferred  # a template, whose value is known in a run
    if task.for_each is not None:
        template = deferred.get(("tasks", task.index, "forEach", "max"))
        most = task.for_each.max_items if template is None else printable(template.text)
        marks.append("list" if most is None else f"list, up to {most}")
    if task.repeat is not None:
        template = deferred.get(("tasks", task.index, "repeat", "max"))
        marks.append(f"loop, up to {task.repeat.max_rounds if template is None else printable(template.text)}")
    return ", ".join(marks)


def printable(text: str) -> str:
    """Return one line, with a code for each character that is not printable (control codes, changes of direction)."""
    text = " ".join(text.split())
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, length: int) -> str:
    """Shorten a text to at most so many characters."""
    return text if len(text) <= length else text[: length - 1] + "…"
