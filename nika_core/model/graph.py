"""The graph of a workflow: tasks, and the edges that flows and templates make."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from nika_core.model.payload_tree import list_parts, placeholders_in
from nika_core.model.template import Placeholder
from nika_core.model.workflow import Condition, Flow, Task
from nika_core.values import dataclass


class EdgeKind(StrEnum):
    """What an edge means for its target, which waits for the source in any case."""

    FLOW = "flow"  # decides whether the target runs
    NEED = "need"  # the target's fields or its `when` need the source's output
    READ = "read"  # the condition of a flow into the target reads the source's output, without `??`
    OPTIONAL = "optional"  # something of the target names the source with `??`, or asks for its state or its error


ALL_TASKS: Final = "*"  # what a source depends on whose value is only known when all tasks but cleanup have ended
_STRENGTH: Final = (EdgeKind.OPTIONAL, EdgeKind.READ, EdgeKind.NEED)


class Edge(NamedTuple):
    """`target` waits for `source`.

    Of several flows between the same two tasks each is an edge of its own: one active edge is enough. Beside them
    there is at most one edge of another kind, the strongest.

    Attributes:
        source, target: the ids of the two tasks.
        condition: the condition of the flow; None for a flow without one, and for edges of other kinds.
        kind: what the edge means for `target`.
    """

    source: str
    target: str
    condition: Condition | None = None
    kind: EdgeKind = EdgeKind.FLOW


@dataclass(frozen=True, slots=True)
class Graph:
    """The tasks of a workflow by id, and the edges between them.

    Attributes:
        order: the tasks in declared order.
        incoming, outgoing: the edges of each task, which all are keys here, in declared order.
        read: the tasks whose outputs a template or a condition needs.
    """

    order: tuple[str, ...]
    incoming: Mapping[str, tuple[Edge, ...]]
    outgoing: Mapping[str, tuple[Edge, ...]]
    read: frozenset[str] = frozenset()

    def waves(self) -> list[list[str]]:
        """Tasks that may run together, wave after wave, each in declared order. Tasks of a cycle are in none."""
        position = {task: index for index, task in enumerate(self.order)}
        waiting = {task: len({edge.source for edge in edges}) for task, edges in self.incoming.items()}
        wave = [task for task in self.order if not waiting[task]]
        found: list[list[str]] = []
        while wave:
            found.append(wave)
            following: list[str] = []
            for task in wave:
                for target in dict.fromkeys(edge.target for edge in self.outgoing[task]):
                    waiting[target] -= 1
                    if not waiting[target]:
                        following.append(target)
            wave = sorted(following, key=position.__getitem__)
        return found

    def cycle(self) -> list[str] | None:
        """Return one cycle, first task repeated at the end; None when there is none."""
        found = self.cycles()
        return found[0] if found else None

    def cycles(self) -> list[list[str]]:
        """Return a shortest cycle for each group of tasks that wait for one another; `[a, a]` for a self-loop.

        In declared order of their first tasks; each begins with its first task in declared order, and ends with it.
        """
        done = {task for wave in self.waves() for task in wave}
        left = {task: index for index, task in enumerate(self.order) if task not in done}
        found: list[list[str]] = []
        for group in _strongly_connected(left, self.incoming, self.outgoing):
            first = min(group, key=left.__getitem__)
            if len(group) > 1:
                found.append(self._way_back(first, group))
            elif any(edge.target == first for edge in self.outgoing[first]):
                found.append([first, first])
        return sorted(found, key=lambda cycle: left[cycle[0]])

    def _way_back(self, first: str, group: frozenset[str]) -> list[str]:
        """Return a shortest way from a task of a strongly connected group to itself."""
        came_from: dict[str, str] = {}
        wave = [first]
        while first not in came_from:
            following: list[str] = []
            for task in wave:
                for edge in self.outgoing[task]:
                    if edge.target in group and edge.target not in came_from and edge.target != task:
                        came_from[edge.target] = task
                        following.append(edge.target)
            wave = following
        path = [first, came_from[first]]
        while path[-1] != first:
            path.append(came_from[path[-1]])
        return path[::-1]

    def ancestors(self, task: str) -> frozenset[str]:
        """Return all tasks that `task` depends on, directly or not."""
        found: set[str] = set()
        todo = [edge.source for edge in self.incoming[task]]
        while todo:
            source = todo.pop()
            if source not in found:
                found.add(source)
                todo.extend(edge.source for edge in self.incoming[source])
        return frozenset(found)

    def ancestors_among(self, tasks: Iterable[str]) -> dict[str, int]:
        """Return which of these tasks each task depends on, as an integer with a bit for each: the first is the lowest.

        What depends on a cycle, and the cycle itself, is left at 0.
        """
        bits = {task: 1 << index for index, task in enumerate(tasks)}
        found: dict[str, int] = dict.fromkeys(self.order, 0)
        waiting = {task: len(edges) for task, edges in self.incoming.items()}
        todo = [task for task, count in waiting.items() if not count]
        while todo:
            source = todo.pop()
            mask = found[source] | bits.get(source, 0)
            for edge in self.outgoing[source]:
                found[edge.target] |= mask
                waiting[edge.target] -= 1
                if not waiting[edge.target]:
                    todo.append(edge.target)
        return found


def _strongly_connected(
    tasks: Collection[str], incoming: Mapping[str, tuple[Edge, ...]], outgoing: Mapping[str, tuple[Edge, ...]]
) -> Iterable[frozenset[str]]:
    """Yield groups of tasks that reach one another (Kosaraju, without recursion: a chain may have thousands)."""
    ended: list[str] = []
    seen: set[str] = set()
    for root in tasks:
        todo = [] if root in seen else [(root, iter(outgoing[root]))]
        seen.add(root)
        while todo:
            task, edges = todo[-1]
            following = next((e.target for e in edges if e.target in tasks and e.target not in seen), None)
            if following is None:
                ended.append(task)
                todo.pop()
            else:
                seen.add(following)
                todo.append((following, iter(outgoing[following])))
    grouped: set[str] = set()
    for root in reversed(ended):
        group: set[str] = set()
        reached = [] if root in grouped else [root]
        while reached:
            task = reached.pop()
            if task not in group:
                group.add(task)
                reached.extend(e.source for e in incoming[task] if e.source in tasks and e.source not in grouped)
        grouped |= group
        if group:
            yield frozenset(group)


def build_graph(
    tasks: Iterable[Task],
    flows: Iterable[Flow],
    depends_on: Callable[[Placeholder], Iterable[str]],
    is_optional: Callable[[Placeholder], bool] = lambda placeholder: placeholder.is_optional,
) -> Graph:
    """Join tasks by flows, and by what their templates and conditions name.

    Edges from or to unknown tasks are left out.

    Args:
        depends_on: the tasks that a placeholder names, or ALL_TASKS.
        is_optional: whether a placeholder has a value though these tasks have no output.
    """
    tasks = tuple(tasks)
    incoming: dict[str, list[Edge]] = {task.id: [] for task in tasks}
    outgoing: dict[str, list[Edge]] = {task.id: [] for task in tasks}
    named: dict[tuple[str, str], EdgeKind] = {}
    read: set[str] = set()
    last: set[str] = set()  # those that wait for all

    def join(edge: Edge) -> None:
        incoming[edge.target].append(edge)
        outgoing[edge.source].append(edge)

    def name(placeholders: Iterable[Placeholder], target: str, kind: EdgeKind, *, itself: bool = True) -> None:
        for placeholder in placeholders:
            used = EdgeKind.OPTIONAL if is_optional(placeholder) else kind
            for source in depends_on(placeholder):
                if source == target and not itself:
                    continue
                if source == ALL_TASKS:
                    last.add(target)
                    continue
                read.add(source)
                if source in incoming and (source != target or kind is EdgeKind.NEED):
                    before = named.get((source, target), EdgeKind.OPTIONAL)
                    named[source, target] = max(before, used, key=_STRENGTH.index)

    flows = tuple(flow for flow in flows if flow.source in incoming and flow.target in incoming)
    cleanup = frozenset(task.id for task in tasks if task.always)
    for flow in flows:
        if flow.target in cleanup:  # it only orders
            named[flow.source, flow.target] = EdgeKind.OPTIONAL
        else:
            join(Edge(flow.source, flow.target, flow.condition))
    for task in tasks:
        name((placeholder for _, placeholder in placeholders_in(task.payload)), task.id, EdgeKind.NEED)
        if task.for_each is not None:
            name((placeholder for _, placeholder in placeholders_in(list_parts(task.for_each))), task.id, EdgeKind.NEED)
        if task.repeat is not None:  # in its condition a task may name itself
            name(task.repeat.until.placeholders, task.id, EdgeKind.NEED, itself=False)
        name(task.when.placeholders if task.when else (), task.id, EdgeKind.NEED)
        if task.stand_in is not None:
            name((placeholder for _, placeholder in placeholders_in(task.stand_in)), task.id, EdgeKind.NEED)
    for flow in flows:
        name(flow.condition.placeholders if flow.condition else (), flow.target, EdgeKind.READ)
    joined = {target for _, target in named}
    for task in tasks:
        if task.always and (task.id in last or task.id not in joined):
            for other in tasks:
                if not other.always:
                    named.setdefault((other.id, task.id), EdgeKind.OPTIONAL)
    by_flow = {(flow.source, flow.target) for flow in flows if flow.target not in cleanup}
    for (source, target), kind in named.items():
        if kind is EdgeKind.NEED or (source, target) not in by_flow:  # else the flow says it all
            join(Edge(source, target, None, kind))
    return Graph(
        tuple(task.id for task in tasks),
        {task: tuple(edges) for task, edges in incoming.items()},
        {task: tuple(edges) for task, edges in outgoing.items()},
        frozenset(read & incoming.keys()),
    )
