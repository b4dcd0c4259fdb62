"""What the metrics say of breakers and questions, read back by the SDK's own reader."""

from __future__ import annotations

from typing import Any

from nika_observer_otel.metrics import RunMetrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from nika_core.plugin import Event, EventKind


class Metrics:
    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self._provider = MeterProvider([self._reader])
        self.metrics = RunMetrics(self._provider.get_meter("test"), "w")

    def tell(self, kind: str, task: str | None = None, **data: Any) -> None:
        self.metrics.observe(Event(1, "r", 1.0, kind, task, data))

    def points(self, name: str) -> list[tuple[dict[str, Any], float]]:
        found = self._reader.get_metrics_data()
        metrics = [] if found is None else found.resource_metrics[0].scope_metrics[0].metrics
        return [
            (dict(point.attributes), point.value)
            for metric in metrics
            if metric.name == name
            for point in metric.data.data_points
            if point.value
        ]


def test_a_breaker_is_counted_in_the_state_that_it_is_in_and_in_none_after_the_run() -> None:
    seen = Metrics()
    seen.tell(EventKind.BREAKER_CHANGED, "a", provider="claude", model="m", before="closed", state="open")
    about = {"nika.workflow": "w", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "m"}
    assert seen.points("nika.breakers") == [({**about, "nika.breaker.state": "open"}, 1)]
    seen.tell(EventKind.BREAKER_CHANGED, "a", provider="claude", model="m", before="open", state="halfOpen")
    assert seen.points("nika.breakers") == [({**about, "nika.breaker.state": "halfOpen"}, 1)]
    seen.tell(EventKind.RUN_FINISHED, status="failed")
    assert seen.points("nika.breakers") == []


def test_only_questions_to_people_are_open_questions() -> None:
    seen = Metrics()
    seen.tell(EventKind.TASK_WAITING, "batch", key="k", about={"kind": "batch"})
    seen.tell(EventKind.TASK_WAITING, "ask", key="k", about={"kind": "question", "message": "Sure?"})
    assert [count for _, count in seen.points("nika.questions.open")] == [1]
    seen.tell(EventKind.TASK_READY, "ask")
    assert seen.points("nika.questions.open") == []
