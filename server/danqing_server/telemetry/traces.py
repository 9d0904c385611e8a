"""Traces for OpenTelemetry: one from a submission over the queue to the storage. Only here is OpenTelemetry known.

A request that is sampled opens a span, in the client's own trace where it names one. A task that it makes carries
the span's name in its document, so that whichever process takes the task goes on with it: how long it waited, the
attempt, and inside of both the named steps. Nothing that clients send stands in a span: ids, words, numbers.

At most the given share is sampled, by the trace's id: every process decides alike, and a client that wants to be
traced always does not make it more. Sources: w3.org/TR/trace-context, opentelemetry.io/docs/specs/otel/trace/sdk,
read 2026-11-29.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import Token
from datetime import datetime
from typing import NamedTuple

import attrs
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from danqing_server.models import Task

__all__ = ["RequestSpan", "StepTracer", "Traces", "open_traces"]

NAME = "danqing"
PARENT = "traceparent"
_PROPAGATOR = TraceContextTextMapPropagator()


class RequestSpan(NamedTuple):
    """The span of a request, and what undoes that it is the current one."""

    span: Span
    token: Token[Context]


@attrs.frozen(eq=False)
class Traces:
    """What a process traces with. Made once; `close` sends what is left."""

    provider: TracerProvider

    @property
    def _tracer(self) -> Tracer:
        return self.provider.get_tracer(NAME)

    def begin_request(self, method: str, route: str, headers: Mapping[str, str]) -> RequestSpan:
        """Open the span of a request, in the trace that it names; *route* is a template."""
        named = {PARENT: headers[PARENT]} if PARENT in headers else {}
        span = self._tracer.start_span(
            f"{method} {route}",
            context=_PROPAGATOR.extract(named, Context()),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "http.route": route},
        )
        return RequestSpan(span, context.attach(trace.set_span_in_context(span, Context())))

    def end_request(self, begun: RequestSpan, status: int) -> None:
        """Close it."""
        begun.span.set_attribute("http.response.status_code", status)
        if status >= 500:
            begun.span.set_status(StatusCode.ERROR)
        begun.span.end()
        context.attach(Context())  # the connection's next request is another trace's

    def carried(self) -> str | None:
        """Return what a task that is made now is to carry; None when it is not traced."""
        if not trace.get_current_span().get_span_context().trace_flags.sampled:
            return None
        found: dict[str, str] = {}
        _PROPAGATOR.inject(found)
        return found.get(PARENT)

    @contextmanager
    def attempt(self, task: Task) -> Iterator[None]:
        """Trace an attempt at *task* in this coroutine, if it carries a trace; else nothing in it is traced."""
        parent = Context() if task.trace is None else _PROPAGATOR.extract({PARENT: task.trace}, Context())
        context.attach(parent)
        if task.trace is None:
            yield
            return
        self._note_wait(task, parent)
        with self._tracer.start_as_current_span(
            "task.attempt",
            context=parent,
            kind=SpanKind.CONSUMER,
            attributes=_attributes(task),
            record_exception=False,
        ):
            yield

    def step_tracer(self) -> StepTracer:
        """Return who traces the named steps."""
        return StepTracer(self._tracer)

    def close(self) -> None:
        """Send what is left. It may take seconds: not for the loop."""
        self.provider.shutdown()

    def _note_wait(self, task: Task, parent: Context) -> None:
        """Note how long *task* waited for its first start, a delay included."""
        if task.attempts == 1 and task.started_at is not None:
            began_ns, ended_ns = _ns(task.created_at), _ns(task.started_at)
            waited = self._tracer.start_span("task.wait", context=parent, start_time=began_ns)
            waited.end(max(began_ns, ended_ns))


@attrs.define(eq=False)
class StepTracer:
    """A `loops.steps.Listener`: steps inside of what is traced are spans of their own.

    A step that carries several tasks together is in the trace of whoever began it.
    """

    _tracer: Tracer
    _open: dict[tuple[str, int, int], Span] = attrs.field(factory=dict, init=False)

    def before(self, step: str, doer: object) -> None:
        """Open a span, where it is inside of one that is recorded."""
        if trace.get_current_span().is_recording() or _is_carried():
            self._open[_key(step, doer)] = self._tracer.start_span(step)

    def after(self, step: str, doer: object, error: BaseException | None) -> None:
        """Close it; of an error its class is told."""
        span = self._open.pop(_key(step, doer), None)
        if span is None:
            return
        if error is not None and not isinstance(error, asyncio.CancelledError):
            span.set_status(StatusCode.ERROR, type(error).__name__)
        span.end()


def open_traces(share: float, environment: Mapping[str, str], processor: SpanProcessor | None = None) -> Traces:
    """Return what traces *share* of all, from 0 to 1; the exporter reads `OTEL_EXPORTER_OTLP_…` itself."""
    by_id = TraceIdRatioBased(share)
    sampler = ParentBased(by_id, remote_parent_sampled=by_id, remote_parent_not_sampled=ALWAYS_OFF)
    named = {} if environment.get("OTEL_SERVICE_NAME") else {"service.name": NAME}
    resource = Resource.create({**named, "process.pid": os.getpid()})
    provider = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
    return Traces(provider)


def _is_carried() -> bool:
    """Tell whether what runs here goes on with a sampled span that has ended, as a group's write does."""
    return trace.get_current_span().get_span_context().trace_flags.sampled


def _attributes(task: Task) -> dict[str, str | int]:
    return {
        "danqing.task_id": task.id,
        "danqing.provider": task.provider,
        "danqing.model": task.model,
        "danqing.attempt": task.attempts,
    }


def _key(step: str, doer: object) -> tuple[str, int, int]:
    return step, id(doer), id(asyncio.current_task())


def _ns(moment: datetime) -> int:
    return round(moment.timestamp() * 1000) * 1_000_000
