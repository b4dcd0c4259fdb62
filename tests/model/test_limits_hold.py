"""Of several bounds the smallest holds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nika_core.model.limits import Limit, LimitKind, Limits, Unit, output_of, timeout_of


def limit(measure: str, value: float, name: str = "X") -> Limit:
    return Limit(measure, value, Unit.COUNT, name)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.floats(0, 100))))
def test_the_smallest_bound_holds_and_none_gets_wider(bounds: list[tuple[str, float]]):
    limits = Limits(limit(*each) for each in bounds)
    for measure in "abc":
        values = [value for name, value in bounds if name == measure]
        assert limits.amounts.get(measure) == (min(values) if values else None)
        narrowed = limits.narrowed([limit(measure, 50)])
        assert narrowed.amounts.get(measure) == min([*values, 50])
    assert len(list(limits)) == len(bounds)


def test_what_holds_is_told_with_its_name():
    limits = Limits([limit("a", 5, "NIKA_A"), limit("a", 3, "--a")])
    found = limits.bounds.get("a")
    assert found is not None
    assert found.name == "--a"
    assert limits.counts.get("a") == 3


def test_what_nobody_bounds_is_not_bounded():
    assert Limits().bounds.get(LimitKind.TASKS) is None
    assert Limits().counts.get(LimitKind.TASKS) is None
    assert Limits().amounts.get(timeout_of("shell"), 60.0) == 60.0


def test_each_keyword_has_measures_of_its_own():
    assert (timeout_of("shell"), output_of("shell")) == ("timeout.shell", "output.shell")
