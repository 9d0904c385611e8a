"""Traces for OpenTelemetry: one from a submission over the queue to the storage. Only here is OpenTelemetry known.

A request that is sampled opens a span, in the client's own trace where it names one. A task that it makes carries
the span's name in its document, so that whichever process takes the task goes on with it: how long it waited, the
attempt, and inside of both the named steps. Nothing that clients send stands in a span: ids, words, numbers.

Who is sampled is decided here, before OpenTelemetry makes anything: its spans that record nothing are not free, and
this is the hot path. At most the given share is, where a client names a trace by its id: who wants to be traced
always does not make it more. What a task carries is sampled, whoever decided so.
Sources: w3.org/TR/trace-context, opentelemetry.io/docs/specs/otel/trace/sdk, read 2026-11-29.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from random import random
from threading import Thread
from time import time_ns

import attrs
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from danqing_server.log import get_logger
from danqing_server.records.tasks import Task

__all__ = ["PARENT", "StepTracer", "Traces", "open_traces"]

NAME = "danqing"
PARENT = "traceparent"
_PROPAGATOR = TraceContextTextMapPropagator()
_FORM = re.compile(r"[0-9a-f]{2}-[0-9a-f]{16}([0-9a-f]{16})-[0-9a-f]{16}-[0-9a-f]([0-9a-f])")
"""A `traceparent`: the low half of its trace's id, and the half byte of flags that says whether it is sampled."""
_UNTRACED = nullcontext()
_METHODS = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))
"""Any other a client made up. Source: opentelemetry.io/docs/specs/semconv/http/http-spans, read 2026-11-30."""

CLOSE_S = 3.0
LATE_S = 2.0

log = get_logger(__name__)


@attrs.frozen(eq=False)
class Traces:
    """What a process traces with. Made once; `close` sends what is left.

    Whatever runs where OpenTelemetry's context is not empty is traced; nothing else is.
    """

    provider: TracerProvider
    share: float
    tracer: Tracer

    def begin_request(self, method: str, route: str, named: str | None) -> None:
        """Open the span of a request, if it is sampled, in the trace that its `traceparent` named.

        *route* is a template. The coroutine's last request may never have had its answer: its trace is left.
        """
        _leave_trace()
        if not self._takes(named):
            return
        method = method if method in _METHODS else "_OTHER"
        span = self.tracer.start_span(
            f"{method} {route}",
            context=_named_context(named),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "http.route": route},
        )
        context.attach(trace.set_span_in_context(span, Context()))

    def end_request(self, status: int) -> None:
        """Close the span of this coroutine's request, if it has one."""
        if not context.get_current():
            return
        span = trace.get_current_span()
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_status(StatusCode.ERROR)
        span.end()
        _leave_trace()  # the connection's next request is another trace's

    def carried(self) -> str | None:
        """Return what a task that is made now is to carry; None when it is not traced."""
        if not context.get_current():
            return None
        found: dict[str, str] = {}
        _PROPAGATOR.inject(found)
        return found.get(PARENT)

    def attempt(self, task: Task) -> AbstractContextManager[None]:
        """Trace an attempt at *task* in this coroutine, if it carries a trace; else nothing in it is traced."""
        _leave_trace()  # of whoever made this coroutine
        return _UNTRACED if task.trace is None else self._traced_attempt(task)

    def _takes(self, named: str | None) -> bool:
        found = None if named is None else _FORM.match(named)
        if found is None:
            return random() < self.share
        return bool(int(found[2], 16) & 1) and int(found[1], 16) < self.share * 2**64

    @contextmanager
    def _traced_attempt(self, task: Task) -> Iterator[None]:
        parent = _named_context(task.trace)
        self._note_wait(task, parent)
        with self.tracer.start_as_current_span(
            "task.attempt",
            context=parent,
            kind=SpanKind.CONSUMER,
            attributes=_attributes(task),
            record_exception=False,
        ):
            yield

    def step_tracer(self) -> StepTracer:
        """Return who traces the named steps."""
        return StepTracer(self.tracer)

    def close(self) -> None:
        """Send what is left, within `CLOSE_S`: a collector that is away holds no process up. Not for the loop."""
        ending = Thread(target=self.provider.shutdown, daemon=True)
        ending.start()
        ending.join(CLOSE_S)

    def _note_wait(self, task: Task, parent: Context) -> None:
        """Note how long *task* waited for its first start, a delay included."""
        if task.attempts == 1 and task.started_at is not None:
            began_ns, ended_ns = _ns(task.created_at), _ns(task.started_at)
            waited = self.tracer.start_span("task.wait", context=parent, start_time=began_ns)
            waited.end(max(began_ns, ended_ns))


@attrs.define(eq=False)
class StepTracer:
    """A `loops.steps.Listener`: steps inside of what is traced are spans of their own.

    A step that carries several tasks together is in the trace of whoever began it. Under load the coroutine that
    does so goes on for as long as there is more: what it does *late_s* after that trace's own work is others'.
    """

    _tracer: Tracer
    late_s: float = LATE_S

    def before(self, step: str, doer: object) -> Span | None:
        """Open a span, where something is traced; that may have ended a moment ago, as with a group's write."""
        if not context.get_current():
            return None
        ended_ns: int | None = getattr(trace.get_current_span(), "end_time", None)
        if ended_ns is not None and time_ns() - ended_ns > self.late_s * 1e9:
            return None
        return self._tracer.start_span(step)

    def after(self, step: str, doer: object, begun: Span | None, error: BaseException | None) -> None:
        """Close it; of an error its class is told."""
        if begun is None:
            return
        if error is not None and not isinstance(error, asyncio.CancelledError):
            begun.set_status(StatusCode.ERROR, type(error).__name__)
        begun.end()


@attrs.define(eq=False)
class _Sender(SpanExporter):
    """Sends spans by another exporter; that the collector takes none is said once, in our words, until it does."""

    _exporter: SpanExporter
    _is_away: bool = attrs.field(default=False, init=False)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send *spans*; those that are not taken are dropped."""
        sent = self._exporter.export(spans)
        is_away = sent is not SpanExportResult.SUCCESS
        if is_away and not self._is_away:
            log.warning("traces_not_sent", count=len(spans))
        elif self._is_away and not is_away:
            log.info("traces_sent_again", count=len(spans))
        self._is_away = is_away
        return sent

    def shutdown(self) -> None:
        """Send no more."""
        self._exporter.shutdown()


def open_traces(share: float, environment: Mapping[str, str], processor: SpanProcessor | None = None) -> Traces:
    """Return what traces *share* of all, from 0 to 1; the exporter reads `OTEL_EXPORTER_OTLP_…` itself."""
    # What is said of a collector that is away has its URL, of settings their values: `_Sender` says it without.
    for telling in ("opentelemetry", "urllib3"):
        logging.getLogger(telling).setLevel(logging.CRITICAL)
    named = {} if environment.get("OTEL_SERVICE_NAME") else {"service.name": NAME}
    resource = Resource.create({**named, "process.pid": os.getpid()})
    # Without a sampler it would go by OTEL_TRACES_SAMPLER, and what `takes` decided would be decided again.
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(processor or BatchSpanProcessor(_Sender(OTLPSpanExporter())))
    return Traces(provider, share, provider.get_tracer(NAME))


def _leave_trace() -> None:
    """Have nothing traced that this coroutine does from now on."""
    if context.get_current():
        context.attach(Context())


def _named_context(named: str | None) -> Context:
    """Return where the trace goes on that a `traceparent` names; empty when it makes no sense."""
    return Context() if named is None else _PROPAGATOR.extract({PARENT: named}, Context())


def _attributes(task: Task) -> dict[str, str | int]:
    return {
        "danqing.task_id": task.id,
        "danqing.provider": task.provider,
        "danqing.model": task.model,
        "danqing.attempt": task.attempts,
    }


def _ns(moment: datetime) -> int:
    return round(moment.timestamp() * 1000) * 1_000_000
