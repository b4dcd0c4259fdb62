"""Traces and spans have the form of W3C Trace Context, and follow from what they are of."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nika_core.model.trace_context import trace_context

TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]\Z")
OUTER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@given(st.text(), st.integers(1, 99), st.text(), st.integers(1, 99), st.integers(1, 99), st.text())
def test_what_is_passed_on_has_the_form_of_the_standard_whatever_runs_and_environments_hold(
    run: str, life: int, task: str, epoch: int, attempt: int, variable: str
) -> None:
    trace = trace_context(run, life, {"TRACEPARENT": variable})

    assert TRACEPARENT.match(trace.traceparent(task, epoch, attempt))
    assert trace == trace_context(run, life, {"TRACEPARENT": variable})


def test_attempts_lives_and_runs_have_spans_of_their_own() -> None:
    traces = [trace_context(run, life, {}) for run in ("a", "b") for life in (1, 2)]
    of_attempts = [
        trace.span_id(task, epoch, n) for trace in traces for task in ("x", "y") for epoch in (1, 2) for n in (1, 2)
    ]
    spans = [trace.root_id for trace in traces] + of_attempts

    assert len(set(spans)) == len(spans)
    assert [trace.trace_id for trace in traces].count(traces[0].trace_id) == 2  # the lives of one run


def test_a_run_that_was_started_in_a_trace_belongs_to_it() -> None:
    trace = trace_context("a", 1, {"TRACEPARENT": OUTER})

    assert (trace.trace_id, trace.parent_id, trace.sampled) == (OUTER[3:35], OUTER[36:52], True)
    assert not trace_context("a", 1, {"TRACEPARENT": OUTER[:-1] + "0"}).sampled


@pytest.mark.parametrize(
    "variable",
    [
        "",
        OUTER.upper(),
        OUTER[:-1],
        OUTER + "-more",
        OUTER + "\n",
        "ff" + OUTER[2:],
        "00-" + "0" * 32 + OUTER[35:],
        OUTER[:36] + "0" * 16 + OUTER[52:],
    ],
)
def test_what_is_no_trace_is_passed_over(variable: str) -> None:
    assert trace_context("a", 1, {"TRACEPARENT": variable}) == trace_context("a", 1, {})


def test_a_later_version_may_have_more_to_say() -> None:
    assert trace_context("a", 1, {"TRACEPARENT": "01" + OUTER[2:] + "-more"}).trace_id == OUTER[3:35]
