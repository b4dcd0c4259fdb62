"""A receiver of OTLP over HTTP on loopback, which keeps what it is sent as the protocol's own messages."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def value_of(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(each) for each in value.array_value.values]
    return getattr(value, kind) if kind else None


def attributes_of(pairs: Any) -> dict[str, Any]:
    return {pair.key: value_of(pair.value) for pair in pairs}


class Collector:
    """What it has received.

    Attributes:
        status: what it answers.
        headers: of the last request.
    """

    def __init__(self) -> None:
        self.traces: list[Any] = []
        self.metrics: list[Any] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.hangs = threading.Event()  # set: it answers
        self.hangs.set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.headers = dict(self.headers)
                traces = self.path.endswith("/v1/traces")
                request = ExportTraceServiceRequest() if traces else ExportMetricsServiceRequest()
                request.ParseFromString(body)
                (collector.traces if traces else collector.metrics).append(request)
                collector.hangs.wait(60)
                self.send_response(collector.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def spans(self) -> list[Any]:
        """All spans, in the order in which they came."""
        return [
            span
            for request in self.traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The attributes of the resources of traces."""
        return [attributes_of(each.resource.attributes) for request in self.traces for each in request.resource_spans]

    def points(self, name: str) -> list[tuple[dict[str, Any], float]]:
        """The last values of a metric, with their attributes: sums, or how many a histogram has."""
        found: dict[str, tuple[dict[str, Any], float]] = {}
        for request in self.metrics:
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        if metric.name == name:
                            data = getattr(metric, metric.WhichOneof("data"))
                            for point in data.data_points:
                                about = attributes_of(point.attributes)
                                counts = hasattr(point, "bucket_counts")
                                value = point.count if counts else getattr(point, point.WhichOneof("value"))
                                found[repr(sorted(about.items()))] = (about, value)
        return list(found.values())


@contextmanager
def collecting() -> Iterator[Collector]:
    """Receive for as long as the context is open."""
    made = Collector()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.hangs.set()
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as made:
        yield made
