"""The metrics of a run: how many, how long, how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.metrics import Meter

from nika_core.plugin import Event, EventKind
from nika_observer_otel import names
from nika_observer_otel.spans import FinishedSpan, cost_of


class RunMetrics:
    """Records what events and spans say. One run."""

    def __init__(self, meter: Meter, workflow: str) -> None:
        self._about = {names.WORKFLOW: workflow}
        self._durations = {
            names.CHAT: meter.create_histogram(names.CALL_DURATION, "s", "Duration of calls to models."),
            names.EXECUTE_TOOL: meter.create_histogram(names.TOOL_DURATION, "s", "Duration of calls of tools."),
            names.INVOKE_WORKFLOW: meter.create_histogram(names.AGENT_DURATION, "s", "Duration of runs and agents."),
        }
        self._durations[names.INVOKE_AGENT] = self._durations[names.INVOKE_WORKFLOW]
        self._input = meter.create_counter(names.INPUT_TOKENS_USED, "{token}", "Input tokens used.")
        self._output = meter.create_counter(names.OUTPUT_TOKENS_USED, "{token}", "Output tokens used.")
        self._runs = meter.create_counter(names.RUNS, "{run}", "Runs that have ended, by status.")
        self._tasks = meter.create_counter(names.TASKS, "{task}", "Tasks that have ended, by keyword and state.")
        self._cost = meter.create_counter(names.COST_TOTAL, "{USD}", "Cost of calls to models, in US dollars.")
        self._questions = meter.create_up_down_counter(names.OPEN_QUESTIONS, "{question}", "Questions that are open.")
        self._breakers = meter.create_up_down_counter(
            names.BREAKERS, "{breaker}", "Circuit breakers of models that have opened, by the state they are in now."
        )
        self._open: set[str] = set()
        self._states: dict[tuple[str, str], str] = {}  # of breakers, by provider and model

    def observe(self, event: Event) -> None:
        """Count what an event says."""
        task, data = event.task, event.data
        if event.kind == EventKind.BREAKER_CHANGED:
            self._breaker_changed(data)
        elif event.kind == EventKind.RUN_FINISHED:
            for provider, model in list(self._states):  # they end with the run
                self._count_breaker((provider, model), "")
            self._runs.add(1, {**self._about, names.RUN_STATUS: str(data.get("status", ""))})
        elif event.kind == EventKind.MODEL_CALLED and not data.get("reused"):
            self._cost.add(max(0.0, cost_of(data) or 0.0), {**self._about, names.REQUEST_MODEL: str(data.get("model"))})
        elif task is not None and event.kind == EventKind.TASK_WAITING and task not in self._open:
            about = data.get("about")
            if not isinstance(about, Mapping) or about.get("kind") != "question":
                return
            self._open.add(task)
            self._questions.add(1, self._about)
        elif task in self._open and event.kind != EventKind.NOTICE:
            self._open.discard(task)
            self._questions.add(-1, self._about)

    def _breaker_changed(self, data: Mapping[str, Any]) -> None:
        breaker = str(data.get("provider", "")), str(data.get("model", ""))
        self._count_breaker(breaker, str(data.get("state", "")))

    def _count_breaker(self, breaker: tuple[str, str], state: str) -> None:
        """Count a breaker in its state, and no longer in the one before; "": in none."""
        provider, model = breaker
        about = {**self._about, names.PROVIDER: names.PROVIDERS.get(provider, provider), names.REQUEST_MODEL: model}
        before = self._states.pop(breaker, "")
        if before:
            self._breakers.add(-1, {**about, names.BREAKER_STATE: before})
        if state:
            self._states[breaker] = state
            self._breakers.add(1, {**about, names.BREAKER_STATE: state})

    def ended(self, span: FinishedSpan) -> None:
        """Record how long a span took, and the tokens of a call to a model."""
        attributes = span.attributes
        operation = str(attributes.get(names.OPERATION, ""))
        about = {name: attributes[name] for name in _KEPT if name in attributes}
        if operation in self._durations:
            self._durations[operation].record((span.end - span.start) / 1e9, about)
        if operation == names.CHAT and not attributes.get(names.REUSED):
            tokens = {**about, names.TOKEN_MODALITY: names.UNKNOWN_MODALITY}
            self._input.add(_count(attributes.get(names.INPUT_TOKENS)), tokens)
            self._output.add(_count(attributes.get(names.OUTPUT_TOKENS)), tokens)
        if names.STATE in attributes and attributes[names.STATE] != "retrying":
            about = {name: attributes[name] for name in (names.KEYWORD, names.STATE) if name in attributes}
            self._tasks.add(1, {**self._about, **about})


_KEPT = (
    *(names.OPERATION, names.PROVIDER, names.REQUEST_MODEL, names.RESPONSE_MODEL, names.TOOL_NAME, names.ERROR_TYPE),
)


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
