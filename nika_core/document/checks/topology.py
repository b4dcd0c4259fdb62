"""Flows, cycles, orphans, the output task, and which tasks may be joined."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import pairwise
from typing import Any

from nika_core import codes
from nika_core.document.checks.check_context import Context, depends_on, place_of
from nika_core.errors import NikaError, Place, Problem, Severity
from nika_core.model.graph import Edge, EdgeKind
from nika_core.model.nearest import nearest
from nika_core.model.payload_tree import list_parts, placeholders_in
from nika_core.model.template import Placeholder
from nika_core.model.workflow import NodePath, NoOutputs, OnError, Task

_MAX_NAMES = 20  # of a cycle's tasks in one message


def check_flows(context: Context) -> Iterator[Problem]:
    """Check that flows join two different tasks."""
    for flow in context.workflow.flows:
        ends = (("source", flow.source, codes.UNKNOWN_FLOW_SOURCE), ("target", flow.target, codes.UNKNOWN_FLOW_TARGET))
        for end, task, code in ends:
            if task not in context.tasks:
                yield Problem(
                    code, f"the flow's {end} '{task}' is not a task", flow.at((end,)), _which_task(context, task)
                )
        if flow.source == flow.target and flow.source in context.tasks:
            yield Problem(
                codes.FLOW_SELF_LOOP,
                f"this flow leads from '{flow.source}' to itself",
                flow.at(("target",)),
                "a task cannot wait for itself; to try a task again, use `retry`",
            )


def check_cycles(context: Context) -> Iterator[Problem]:
    """Check that no task waits for itself through others. A task that names itself is reported elsewhere."""
    for cycle in context.graph.cycles():
        if len(cycle) <= 2:
            continue
        names = cycle if len(cycle) <= _MAX_NAMES else [*cycle[: _MAX_NAMES - 1], "...", cycle[-1]]
        edges = [_edge(context, source, target) for source, target in pairwise(cycle)]
        reasons = "; ".join(_reason(context, edge) for edge in edges[:5])
        yield Problem(
            codes.CYCLE,
            f"{len(cycle) - 1} tasks wait for one another: {' -> '.join(names)}",
            place_of_edge(context, edges[-1]),
            f"remove one of these: {reasons}{'; ...' if len(edges) > 5 else ''}",
        )


def check_orphans(context: Context) -> Iterator[Problem]:
    """Warn of tasks that nothing joins to the others, one or a group: probably a reference or a flow was forgotten.

    Not if independence is what the author means: no tasks are joined at all, or there are at least three groups of
    tasks with the same keywords. What `outputs` reads is joined by it; a lone task that the output comes from is used.
    """
    tasks = context.tasks
    output = _output_tasks(context)
    groups = [group for group in _joined(context, output) if len(group) > 1 or output.isdisjoint(group)]
    shapes = {tuple(tasks[name].keyword for name in group) for group in groups}
    if not any(context.graph.incoming.values()) or len(groups) < 2 or (len(groups) > 2 and len(shapes) == 1):
        return
    main = max(groups, key=lambda group: (not output.isdisjoint(group), len(group)))
    for group in groups:
        if group is main:
            continue
        names = ", ".join(f"'{name}'" for name in group[:_MAX_NAMES]) + (", ..." if len(group) > _MAX_NAMES else "")
        lone = f"task '{group[0]}' to the others: it waits for none of them, and none uses its output"
        several = f"{len(group)} tasks to the others: {names}"
        yield Problem(
            codes.ORPHAN_TASK,
            f"nothing joins {lone if len(group) == 1 else several}",
            tasks[group[0]].place,
            f"was something forgotten? Name {'it' if len(group) == 1 else 'one of them'} in a template of another task "
            f"({{{{{group[-1]}}}}}) or in `outputs`, or write a flow",
            Severity.WARNING,
        )


def _joined(context: Context, output: Collection[str]) -> list[list[str]]:
    """Return the groups of tasks that edges and `outputs` join, in declared order."""
    graph, seen, groups = context.graph, set[str](), []
    position = {name: index for index, name in enumerate(graph.order)}
    for name in graph.order:
        group: list[str] = []
        todo = [] if name in seen else [name]
        seen.add(name)
        while todo:
            group.append(task := todo.pop())
            near = [edge.source for edge in graph.incoming[task]]
            near += [edge.target for edge in graph.outgoing[task]]
            if task in output:
                near += output
            for other in near:
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        if group:
            groups.append(sorted(group, key=position.__getitem__))
    return groups


def _output_tasks(context: Context) -> set[str]:
    """Return the tasks that the author says the workflow's output comes from."""
    workflow = context.workflow
    outputs = None if workflow.outputs is NoOutputs.NO_OUTPUTS else workflow.outputs
    names = {task for _, placeholder in placeholders_in(outputs) for task in context.depends_on(placeholder)}
    if workflow.agent is not None and workflow.agent.output is not None:
        names.add(workflow.agent.output)
    return names & context.tasks.keys()


def check_output(context: Context) -> Iterator[Problem]:
    """Check that `agent.output` names a task."""
    agent = context.workflow.agent
    if agent and agent.output is not None and agent.output not in context.tasks:
        yield Problem(
            codes.UNKNOWN_OUTPUT_TASK,
            f"the workflow's output is that of '{agent.output}', which is not a task",
            context.workflow.at(("agent", "output")),
            _which_task(context, agent.output),
        )


def check_outputs(context: Context) -> Iterator[Problem]:
    """Check `outputs`: they are the only word on the output, and a task that may have none needs `??` there."""
    workflow = context.workflow
    if workflow.outputs is NoOutputs.NO_OUTPUTS:
        return
    if workflow.agent is not None and workflow.agent.output is not None:
        yield Problem(
            codes.BAD_VALUE,
            "`outputs` and `agent.output` cannot both say what the output is",
            workflow.at(("outputs",)),
            "remove one of them",
        )
    unsure = context.graph.order if context.graph.cycles() else _without_sure_output(context)
    for path, placeholder in placeholders_in(workflow.outputs, ("outputs",)):
        if placeholder.is_optional:  # if nothing in a chain has a value, the run fails and says so
            continue
        if context.may_be_missing(placeholder):
            message = f"{placeholder.text}: it has no value in a run in which all goes well"
        elif _may_have_no_output(context, unsure, placeholder):
            tasks = " and ".join(f"'{task}'" for task in context.depends_on(placeholder))
            message = f"{placeholder.text}: {tasks} may have no output; it, or a task before it, may be skipped or fail"
        else:
            continue
        hint = "say what is then taken, another reference or a value: ?? null"
        yield Problem(codes.UNKNOWN_REFERENCE, message, place_of(workflow.at, path, placeholder), hint)


def _may_have_no_output(context: Context, unsure: Collection[str], reference: Placeholder) -> bool:
    """Return whether a reference asks for the output of a task that may have none."""
    if context.asks_no_output(reference):
        return False
    tasks = depends_on(context.catalog, reference._replace(alternatives=()))
    return any(task in unsure and task in context.named for task in tasks)


def _without_sure_output(context: Context) -> set[str]:
    """Return the tasks that may be skipped, or fail and be tolerated, in a run that succeeds."""
    unsure: set[str] = set()
    for wave in context.graph.waves():
        for name in wave:
            task = context.tasks[name]
            edges = context.graph.incoming[name]
            needs = any(edge.kind is EdgeKind.NEED and edge.source in unsure for edge in edges)
            flows = [edge for edge in edges if edge.kind is EdgeKind.FLOW]
            sure_flow = not flows or any(edge.condition is None and edge.source not in unsure for edge in flows)
            skippable = task.when is not None and not task.decides_per_item
            skippable = skippable or (task.for_each is None and _may_decline(context, task))
            if skippable or task.on_error is OnError.CONTINUE or needs or not sure_flow:
                unsure.add(name)
    return unsure


def _may_decline(context: Context, task: Task) -> bool:
    """Return whether the task's step may end it as skipped."""
    try:
        return context.catalog.facets(task.keyword).may_decline(context.payloads.of(task))
    except NikaError:  # reported elsewhere
        return False


def place_of_edge(context: Context, edge: Edge) -> Place:
    """Return where the author wrote what makes an edge: the flow, or the placeholder."""
    return next((place for _, place in _written(context, edge)), context.tasks[edge.target].place)


def _written(context: Context, edge: Edge) -> Iterator[tuple[str, Place]]:
    """Yield what in its target makes an edge, in words, and its place."""
    task = context.tasks[edge.target]
    if edge.kind is EdgeKind.FLOW:
        yield from (
            (f"the flow {edge.source} -> {edge.target}", flow.place)
            for flow in context.workflow.flows
            if (flow.source, flow.target) == edge[:2]
        )
        return
    parts: list[tuple[str, NodePath, Callable[[NodePath], Place], Any]] = [
        ("the payload of", (), task.at, task.payload),
        ("`forEach` of", ("forEach",), task.at, list_parts(task.for_each) if task.for_each else None),
    ]
    for where, before, at, tree in parts:
        for path, placeholder in placeholders_in(tree):
            if edge.source in context.depends_on(placeholder):
                yield _named(edge, where), place_of(at, (*before, *path), placeholder)
    conditions = [
        ("`when` of", ("when",), task.at, task.when),
        ("`until` of", ("repeat", "until"), task.at, task.repeat.until if task.repeat else None),
        *(
            ("a condition into", ("condition",), flow.at, flow.condition)
            for flow in context.workflow.flows
            if flow.target == edge.target
        ),
    ]
    for where, path, at, condition in conditions:
        for placeholder in condition.placeholders if condition else ():
            if edge.source in context.depends_on(placeholder):
                yield _named(edge, where), place_of(at, path, placeholder)


def _named(edge: Edge, where: str) -> str:
    return f"{{{{{edge.source}}}}} in {where} '{edge.target}'"


def _edge(context: Context, source: str, target: str) -> Edge:
    return next(edge for edge in context.graph.outgoing[source] if edge.target == target)


def _reason(context: Context, edge: Edge) -> str:
    return next((words for words, _ in _written(context, edge)), _named(edge, "the payload of"))


def _which_task(context: Context, name: str) -> str:
    near = nearest(name, context.named)
    if near:
        return f"did you mean '{near}'?"
    task_ids = list(context.named)
    return f"the tasks are: {', '.join(task_ids[:8])}{', ...' if len(task_ids) > 8 else ''}"
