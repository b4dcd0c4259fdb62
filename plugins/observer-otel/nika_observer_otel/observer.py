"""Sends the spans and metrics of a run. Works in a thread of its own."""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import Final

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer
from opentelemetry.trace import set_span_in_context as within

from nika_core.plugin import Event, ObserverSetup, TaskError, TraceContext
from nika_observer_otel import names, sdk
from nika_observer_otel.metrics import RunMetrics
from nika_observer_otel.spans import FinishedSpan, RunSpans

_SCOPE: Final = "nika"


class OtelObserver:
    """Made once per run. Raises TaskError if the OTEL_* variables ask for what it cannot do."""

    def __init__(self, setup: ObserverSetup) -> None:
        self._trace = setup.trace
        self._ids = sdk.GivenIds()
        self._spans: RunSpans | None = None
        self._metrics: RunMetrics | None = None
        self._tracer: Tracer | None = None
        self._providers: list[TracerProvider | MeterProvider] = []
        self._failures = _Failures()
        if sdk.is_disabled(setup.environ):
            return
        capture = setup.environ.get(names.CAPTURE_CONTENT, "").strip().lower() in names.CAPTURING
        self._spans = RunSpans(setup.trace, setup.workflow, capture=capture)
        installed = version("nika-observer-otel")
        spans, metrics = sdk.span_exporter(setup.environ), sdk.metric_exporter(setup.environ)
        self._failures.begin()
        if spans is not None and _is_sampled(setup.trace, setup.workflow):
            provider = sdk.tracer_provider(spans, self._ids, installed)
            self._providers.append(provider)
            self._tracer = provider.get_tracer(_SCOPE, installed)
        if metrics is not None:
            meters = sdk.meter_provider(metrics, installed)
            self._providers.append(meters)
            self._metrics = RunMetrics(meters.get_meter(_SCOPE, installed), setup.workflow)

    def observe(self, event: Event) -> None:
        """Send what ends with an event, soon."""
        if self._spans is None:
            return
        if self._metrics is not None:
            self._metrics.observe(event)
        for span in self._spans.observe(event):
            self._send(span)

    def close(self) -> None:
        """Send what is left. Raise TaskError if something could not be sent."""
        if self._spans is None:
            return
        for span in self._spans.close():
            self._send(span)
        for provider in self._providers:
            provider.shutdown()
        failure = self._failures.end()
        if failure:
            raise TaskError(f"OpenTelemetry: {failure}", hint="see OTEL_EXPORTER_OTLP_ENDPOINT and its kind")

    def _send(self, span: FinishedSpan) -> None:
        if self._metrics is not None:
            self._metrics.ended(span)
        if self._tracer is None:
            return
        trace_id = self._ids.trace_id = int(self._trace.trace_id, 16)
        self._ids.span_id = int(span.span_id, 16)
        started = self._tracer.start_span(
            span.name,
            within(NonRecordingSpan(_context(trace_id, span.parent_id, remote=span.parent_id == self._trace.parent_id)))
            if span.parent_id
            else None,
            kind=SpanKind.CLIENT if span.client else SpanKind.INTERNAL,
            attributes=span.attributes,
            links=[Link(_context(trace_id, span.linked))] if span.linked else (),
            start_time=span.start,
        )
        for at, message in span.notes:
            started.add_event(names.NOTICE, {"message": message}, timestamp=at)
        if span.error is not None:
            started.set_status(Status(StatusCode.ERROR, span.error))
        started.end(end_time=span.end)


def _context(trace_id: int, span_id: str, *, remote: bool = False) -> SpanContext:
    return SpanContext(trace_id, int(span_id, 16), is_remote=remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _is_sampled(trace: TraceContext, workflow: str) -> bool:
    """Return whether this run is recorded: decided once, so that no span is without its parent."""
    trace_id, parent = int(trace.trace_id, 16), None
    if trace.parent_id:
        flags = TraceFlags(TraceFlags.SAMPLED if trace.sampled else TraceFlags.DEFAULT)
        parent = within(NonRecordingSpan(SpanContext(trace_id, int(trace.parent_id, 16), True, flags)))
    decision = sdk.configured_sampler().should_sample(parent, trace_id, f"{names.INVOKE_WORKFLOW} {workflow}")
    return decision.decision is Decision.RECORD_AND_SAMPLE


class _Failures(logging.Handler):
    """Keeps the SDK's first complaint, which it only logs, so that it is a warning of the run."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._logger = logging.getLogger("opentelemetry")
        self._first = ""
        self._count = 0
        self._propagated = True

    def emit(self, record: logging.LogRecord) -> None:
        """Count a complaint."""
        self._first = self._first or record.getMessage()
        self._count += 1

    def begin(self) -> None:
        """Listen; a program that has set up its logging is told, too."""
        self._logger.addHandler(self)
        self._propagated = self._logger.propagate
        self._logger.propagate = self._propagated and bool(logging.getLogger().handlers)

    def end(self) -> str:
        """Return what to tell the user; "": nothing."""
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagated
        more = f" ({self._count} complaints)" if self._count > 1 else ""
        return self._first and f"{' '.join(self._first.split())}{more}"
