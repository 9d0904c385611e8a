"""A collector of traces: what OTLP's exporters send over HTTP is kept, for the test to look at."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import attrs
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["Collector", "Seen", "run_collector"]


@attrs.frozen
class Seen:
    """A span, and the id of the process that it is of; ids are hexadecimal, `parent` empty for none."""

    name: str
    trace: str
    id: str
    parent: str
    pid: int
    text: str


@attrs.define(eq=False)
class Collector:
    """What was collected so far."""

    url: str
    spans: list[Seen] = attrs.field(factory=list)

    def of(self, trace: str) -> list[Seen]:
        """Return the spans of one trace."""
        return [span for span in self.spans if span.trace == trace]

    def take(self, body: bytes) -> None:
        """Keep what an exporter sent."""
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            pids = [each.value.int_value for each in of_resource.resource.attributes if each.key == "process.pid"]
            for of_scope in of_resource.scope_spans:
                self.spans += [
                    Seen(
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        pids[0],
                        str(span),
                    )
                    for span in of_scope.spans
                ]


@contextmanager
def run_collector() -> Iterator[Collector]:
    """Collect while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.take(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 — the base class's own name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
