"""What the tasks of a conversation are sent of what was said before, in any graph."""

from hypothesis import given
from hypothesis import strategies as st

from nika_core.app.forecasting import _heard
from nika_core.model.graph import build_graph
from nika_core.model.workflow import Flow, Task


@given(st.data())
def test_a_task_has_heard_what_each_of_its_ancestors_said_once(data):
    count = data.draw(st.integers(1, 12))
    names = [f"t{number}" for number in range(count)]
    flows = [
        Flow(names[source], names[target])
        for target in range(1, count)
        for source in data.draw(st.sets(st.integers(0, target - 1), max_size=3))
    ]
    graph = build_graph([Task(name, "agent", {}, place) for place, name in enumerate(names)], flows, lambda _: ())
    talking = data.draw(st.lists(st.sampled_from(names), unique=True))
    said = {name: data.draw(st.none() | st.integers(0, 100)) for name in talking}
    for name, heard in _heard(graph, said).items():
        each = [said[other] for other in graph.ancestors(name) if other in said]
        assert heard == (None if None in each else sum(each))
