"""The SDK, set up by the OTEL_* variables and nothing else. Never the global one: a host program may have its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler

from nika_core.plugin import Category, TaskError

_PROTOCOL: Final = "http/protobuf"


class GivenIds(IdGenerator):
    """Gives the next span the ids that it is to have."""

    trace_id = 0
    span_id = 0

    def generate_trace_id(self) -> int:
        """Return the trace's id."""
        return self.trace_id

    def generate_span_id(self) -> int:
        """Return the span's id."""
        return self.span_id


def is_disabled(environ: Mapping[str, str]) -> bool:
    """Return whether the user wants no telemetry at all."""
    return environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def span_exporter(environ: Mapping[str, str]) -> SpanExporter | None:
    """Return what sends spans; None: the user wants none. Raise TaskError."""
    return OTLPSpanExporter() if _wanted("TRACES", environ) else None


def metric_exporter(environ: Mapping[str, str]) -> MetricExporter | None:
    """Return what sends metrics; None: the user wants none. Raise TaskError."""
    return OTLPMetricExporter() if _wanted("METRICS", environ) else None


def tracer_provider(exporter: SpanExporter, ids: IdGenerator, version: str) -> TracerProvider:
    """Return a provider whose spans are sent in batches. Whether a run is sampled is decided once, not for each."""
    provider = TracerProvider(ALWAYS_ON, _resource(version), shutdown_on_exit=False, id_generator=ids)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def meter_provider(exporter: MetricExporter, version: str) -> MeterProvider:
    """Return a provider whose metrics are sent as often as OTEL_METRIC_EXPORT_INTERVAL says, and at the end."""
    reader = PeriodicExportingMetricReader(exporter)
    return MeterProvider([reader], _resource(version), shutdown_on_exit=False)


def configured_sampler() -> Sampler:
    """Return what OTEL_TRACES_SAMPLER names."""
    return TracerProvider(shutdown_on_exit=False).sampler


def _wanted(signal: str, environ: Mapping[str, str]) -> bool:
    exporter = environ.get(f"OTEL_{signal}_EXPORTER", "").strip() or "otlp"
    if exporter == "none":
        return False
    if exporter != "otlp":
        raise TaskError(
            f"OTEL_{signal}_EXPORTER is `{exporter}`, and the observer can only send by `otlp`",
            category=Category.CONFIG,
            hint="set it to `otlp` or `none`",
        )
    variable = f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"
    if not environ.get(variable):
        variable = "OTEL_EXPORTER_OTLP_PROTOCOL"
    protocol = environ.get(variable, "").strip() or _PROTOCOL
    if protocol != _PROTOCOL:
        raise TaskError(
            f"{variable} is `{protocol}`, and the observer can only send by {_PROTOCOL}",
            category=Category.CONFIG,
            hint=f"set it to {_PROTOCOL}; a collector takes that at port 4318",
        )
    return True


def _resource(version: str) -> Resource:
    named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create({"service.version": version, **({} if named else {SERVICE_NAME: "nika"})})
