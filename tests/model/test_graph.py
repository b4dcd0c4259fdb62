"""The graph: edges, waves, cycles, ancestors."""

from __future__ import annotations

import graphlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nika_core.model.graph import EdgeKind, Graph, build_graph
from nika_core.model.template import MISSING, Placeholder, Template
from nika_core.model.workflow import Flow, Repeat, Task
from nika_core.template import compile_condition, compile_template


def needs(placeholder: Placeholder) -> tuple[str, ...]:
    return placeholder.path[:1] if placeholder.source == "task" else ()


def graph_of(tasks: dict[str, str], *flows: tuple[str, ...]) -> Graph:
    """Tasks by id with their prompt; flows as (source, target[, condition])."""
    return build_graph(
        [Task(name, "llm", {"prompt": compile_template(prompt)}) for name, prompt in tasks.items()],
        [Flow(f[0], f[1], compile_condition(f[2]) if len(f) > 2 else None) for f in flows],
        needs,
    )


def test_a_template_joins_two_tasks():
    graph = graph_of({"a": "", "b": "{{a.x}}"})
    assert [(e.source, e.target, e.kind) for e in graph.incoming["b"]] == [("a", "b", EdgeKind.NEED)]
    assert graph.outgoing["a"] == graph.incoming["b"]


def test_beside_a_flow_there_is_one_edge_for_what_its_target_names_the_strongest():
    graph = graph_of({"a": "", "b": '{{a ?? ""}} {{a.x}}'}, ("a", "b", "{{a}} == 1"))
    flow, need = graph.incoming["b"]
    assert (flow.kind, need.kind) == (EdgeKind.FLOW, EdgeKind.NEED)
    assert flow.condition is not None
    assert flow.condition.text == "{{a}} == 1"


def test_a_reference_with_a_default_is_optional():
    graph = graph_of({"a": "", "b": '{{a ?? ""}}'})
    assert [edge.kind for edge in graph.incoming["b"]] == [EdgeKind.OPTIONAL]


def test_each_of_several_flows_between_the_same_tasks_is_an_edge():
    graph = graph_of({"a": "", "b": ""}, ("a", "b", "{{a}} == 1"), ("a", "b", "{{a}} == 2"))
    assert len(graph.incoming["b"]) == 2
    assert graph.waves() == [["a"], ["b"]]


def test_a_loop_waits_for_what_its_condition_names_beside_itself():
    until = compile_condition("{{b ?? c}} == {{a}}")
    nodes = (Task("a", "k", {}), Task("c", "k", {}), Task("b", "k", {}, repeat=Repeat(until, 5)))
    graph = build_graph(nodes, (), lambda p: [name for member in p.members for name in needs(member)])
    assert [edge[:2] for edge in graph.incoming["b"]] == [("c", "b"), ("a", "b")]
    assert graph.read == {"a", "c"}


def test_a_condition_that_reads_a_third_task_only_waits_for_it():
    graph = graph_of({"a": "", "b": "", "c": ""}, ("a", "c", "{{b}} == 1"))
    assert [(e.source, e.kind) for e in graph.incoming["c"]] == [("a", EdgeKind.FLOW), ("b", EdgeKind.READ)]


def test_unknown_tasks_make_no_edge():
    graph = graph_of({"a": "{{nobody}}"}, ("x", "a"), ("a", "y"))
    assert graph.incoming == {"a": ()}
    assert graph.waves() == [["a"]]


def test_waves_keep_declared_order():
    graph = graph_of({"z": "", "b": "{{a}}", "a": "", "c": "{{z}}", "d": "{{b}}{{c}}"})
    assert graph.waves() == [["z", "a"], ["b", "c"], ["d"]]


def test_ancestors_are_all_that_a_task_depends_on():
    graph = graph_of({"a": "", "b": "{{a}}", "c": "{{b}}", "d": "{{a}}"})
    assert graph.ancestors("c") == {"a", "b"}
    assert graph.ancestors("a") == frozenset()


def test_a_cycle_is_written_out_in_the_direction_of_the_edges():
    graph = graph_of({"a": "", "b": "", "c": "", "tail": ""}, ("a", "b"), ("b", "c"), ("c", "a"), ("c", "tail"))
    assert graph.cycle() == ["a", "b", "c", "a"]


def test_each_group_of_tasks_that_wait_for_one_another_gives_one_cycle():
    graph = graph_of({"a": "{{b}}", "b": "{{a}}", "c": "{{b}} {{d}}", "d": "{{c}}", "e": "{{e}}"})
    assert graph.cycles() == [["a", "b", "a"], ["c", "d", "c"], ["e", "e"]]


def test_a_long_chain_needs_no_recursion():
    size = 5_000
    graph = graph_of({f"t{i}": "" for i in range(size)}, *((f"t{i}", f"t{(i + 1) % size}") for i in range(size)))
    assert graph.cycle() == [f"t{i}" for i in range(size)] + ["t0"]


edges = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20)


@settings(deadline=None)
@given(edges)
def test_a_cycle_is_found_exactly_when_graphlib_finds_one(pairs: list[tuple[int, int]]):
    graph = graph_of({str(i): "" for i in range(8)}, *((str(a), str(b)) for a, b in pairs))
    sorter = graphlib.TopologicalSorter({str(i): [str(a) for a, b in pairs if b == i] for i in range(8)})
    try:
        sorter.prepare()
    except graphlib.CycleError:
        assert graph.cycle() is not None
        for cycle in graph.cycles():
            assert cycle[0] == cycle[-1]
            assert len(set(cycle)) == len(cycle) - 1
            assert all((int(a), int(b)) in pairs for a, b in itertools.pairwise(cycle))
        return
    assert graph.cycles() == []
    waves = []
    while sorter.is_active():
        wave = sorter.get_ready()
        waves.append(sorted(wave))
        sorter.done(*wave)
    assert graph.waves() == waves


@pytest.mark.parametrize("parts", [("a",), ("a", "b"), (), ("", "a")])
def test_a_template_made_of_parts_is_what_the_compiler_makes(parts: tuple[str, ...]):
    one = Placeholder("task", ("x",), MISSING, 0, 5, "{{x}}")
    made = Template("", (*parts, one, *parts))
    assert made.parts == tuple(p for p in ("".join(parts), one, "".join(parts)) if p)
    assert made.placeholders == (one,)
    assert (made.single is one) == (not "".join(parts))
