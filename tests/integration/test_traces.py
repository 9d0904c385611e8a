"""Traces: whole from the submission to the storage, whoever carries the task out; and nothing secret in them."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from opentelemetry import context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from danqing_server.loops.batching import Batcher
from danqing_server.supervision.embedded.servers import free_port
from danqing_server.telemetry.traces import CLOSE_S, Traces, open_traces
from tests.support.collector import Seen, run_collector
from tests.support.examples import run_command, serving
from tests.support.providers import ScriptedProvider
from tests.support.servers import wait_until
from tests.support.system import MakeSettings, running_system

CLIENT_TRACE = "0af7651916cd43dd8448eb211c80319c"
CLIENT_SPAN = "b7ad6b7169203331"
SECRET_PROMPT = "a-hill-nobody-may-hear-of"


def _named(spans: list[Seen], name: str) -> Seen:
    found = [span for span in spans if span.name == name]
    assert len(found) == 1, (name, [span.name for span in spans])
    return found[0]


@pytest.mark.processes
class TestTwoProcesses:
    def test_one_trace_goes_from_the_client_to_the_storage(self, variables: dict[str, str], tmp_path: Path) -> None:
        """One process takes the task in, another carries it out: the client's trace has it all."""
        with run_collector() as collector:
            variables |= {
                "DANQING_TRACES": "1",
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
                "OTEL_BSP_SCHEDULE_DELAY": "100",
            }
            folders = [tmp_path / name for name in ("api", "worker")]
            for folder in folders:
                folder.mkdir()
            with (
                serving(folders[0], {**variables, "DANQING_ROLE": "api"}) as api,
                serving(folders[1], variables) as worker,
            ):
                _submit(api.base_url, traceparent=f"00-{CLIENT_TRACE}-{CLIENT_SPAN}-01")
                ended = "work.acknowledge"
                wait_until(
                    lambda: ended in {span.name for span in collector.of(CLIENT_TRACE)}, timeout_s=30, what=ended
                )
                wait_until(
                    lambda: "task.attempt" in {span.name for span in collector.of(CLIENT_TRACE)}, what="the attempt"
                )
                pids = (api.child("danqing_server.serving"), worker.child("danqing_server.serving"))

            spans = collector.of(CLIENT_TRACE)
            request = _named(spans, "POST /api/v1/ai/image/task")
            attempt, waited = _named(spans, "task.attempt"), _named(spans, "task.wait")
            assert (request.parent, request.pid) == (CLIENT_SPAN, pids[0])
            assert (attempt.parent, attempt.pid) == (request.id, pids[1])
            assert (waited.parent, waited.pid) == (request.id, pids[1])
            insert = _named(spans, "submit.insert")
            assert (insert.parent, insert.pid) == (request.id, pids[0])
            for step in ("work.send", "work.deliver", "work.keep", "work.conclude"):
                assert (_named(spans, step).parent, _named(spans, step).pid) == (attempt.id, pids[1]), step
            assert all(SECRET_PROMPT not in span.text for span in collector.spans)


def _submit(base_url: str, *, traceparent: str) -> None:
    body = json.dumps({"prompt": SECRET_PROMPT, "user_id": "u", "size": "1280x720"}).encode()
    headers = {"traceparent": traceparent, "content-type": "application/json"}
    request = urllib.request.Request(f"{base_url}/api/v1/ai/image/task", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201


@pytest.fixture
def kept() -> InMemorySpanExporter:
    """What was traced."""
    return InMemorySpanExporter()


@pytest.fixture
def traces(kept: InMemorySpanExporter) -> Iterator[Traces]:
    """Traces of all there is."""
    opened = open_traces(1.0, {}, SimpleSpanProcessor(kept))
    yield opened
    opened.close()


def _names(spans: tuple[ReadableSpan, ...]) -> list[str]:
    return [span.name for span in spans]


class TestTask:
    async def test_it_carries_its_trace_while_it_is_sampled(
        self, make_settings: MakeSettings, traces: Traces, kept: InMemorySpanExporter
    ) -> None:
        """In its document; every attempt goes on with it, and what is not traced stays out of it."""
        async with running_system(make_settings(), [ScriptedProvider()], traces=traces) as system:
            traces.begin_request("POST", "/x", None)
            traced = await system.submit("a hill")
            traces.end_request(201)
            untraced = await system.submit("another")
            stored = await system.finished(traced.id)
            assert (await system.finished(untraced.id)).trace is None

        assert stored.trace is not None
        attempts = [span for span in kept.get_finished_spans() if span.name == "task.attempt"]
        assert len(attempts) == 1
        assert attempts[0].parent is not None
        assert f"{attempts[0].parent.span_id:016x}" in stored.trace
        assert attempts[0].attributes is not None
        assert attempts[0].attributes["danqing.task_id"] == traced.id

    async def test_without_tracing_nothing_is_carried(self, make_settings: MakeSettings) -> None:
        """Not a byte in the document."""
        async with running_system(make_settings(), [ScriptedProvider()]) as system:
            task = await system.finished((await system.submit("a hill")).id)
            document = await system.services.store.database["danqing_tasks"].find_one({"_id": task.id})

        assert "trace" not in document


class TestCollector:
    """Whoever collects is somebody else: it may be away, and its URL may hold a key."""

    def test_one_that_is_away_is_told_of_once_and_nothing_of_its_url(self, tmp_path: Path) -> None:
        """In a line of ours, whatever the exporter would say."""
        secret, port = "key-of-the-collector", free_port()
        told = run_command(
            [sys.executable, "-c", _TRACING],
            tmp_path,
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}/?api-key={secret}",
                "OTEL_EXPORTER_OTLP_HEADERS": secret,
                "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
            },
        )

        assert (told.returncode, secret in told.stderr + told.stdout) == (0, False), told.stderr
        assert [json.loads(line)["event"] for line in told.stderr.splitlines()] == ["traces_not_sent"]

    def test_one_that_never_answers_holds_up_no_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What it has not taken within seconds is lost."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
            traces = open_traces(1.0, {})
            traces.begin_request("GET", "/x", None)
            traces.end_request(200)
            began_s = time.monotonic()
            traces.close()
            assert time.monotonic() - began_s < CLOSE_S + 3


_TRACING = """
from danqing_server.log import configure_logging
from danqing_server.telemetry.traces import open_traces

traces = open_traces(1.0, {})
configure_logging("debug", json_lines=True)
for _ in range(2):
    traces.begin_request("GET", "/x", None)
    traces.end_request(200)
    traces.provider.force_flush()
traces.close()
"""


class TestGroups:
    async def test_what_goes_on_after_a_trace_is_no_part_of_it(
        self, traces: Traces, kept: InMemorySpanExporter
    ) -> None:
        """Under load whoever began to gather gathers for all others, for minutes: not in one request's trace."""
        tracer = traces.step_tracer()
        tracer.late_s = 0.0
        written: list[object] = []

        async def write(items: Sequence[int]) -> list[int]:
            begun = tracer.before("work.apply", self)
            tracer.after("work.apply", self, begun, None)
            written.append(begun)
            if items[0]:
                await answered.wait()
            return [*items]

        answered, batcher = asyncio.Event(), Batcher(write, largest=1)
        traces.begin_request("POST", "/x", None)
        waiting = [batcher.submit(number) for number in range(5)]
        await waiting[0]
        traces.end_request(201)
        answered.set()
        await asyncio.gather(*waiting)

        assert written[0] is not None
        assert written[-1] is None
        assert _names(kept.get_finished_spans()).count("work.apply") < len(waiting)


class TestSampling:
    async def test_a_method_that_a_client_made_up_is_not_told(
        self, traces: Traces, kept: InMemorySpanExporter
    ) -> None:
        """Nothing that a client wrote stands in a span."""
        traces.begin_request("SECRET", "", None)
        traces.end_request(405)

        (span,) = kept.get_finished_spans()
        assert (span.name, "SECRET" in span.to_json()) == ("_OTHER ", False)

    @pytest.mark.parametrize(("share", "flag", "sampled"), [(1.0, "01", 1), (1.0, "00", 0), (0.0, "01", 0)])
    async def test_a_client_can_ask_for_less_and_not_for_more(
        self, kept: InMemorySpanExporter, share: float, flag: str, sampled: int
    ) -> None:
        """The share is the operator's: what is traced costs him."""
        traces = open_traces(share, {}, SimpleSpanProcessor(kept))

        traces.begin_request("GET", "/x", f"00-{CLIENT_TRACE}-{CLIENT_SPAN}-{flag}")
        assert (traces.carried() is not None) == bool(sampled)
        traces.end_request(200)
        traces.close()

        assert len(kept.get_finished_spans()) == sampled

    async def test_what_names_no_trace_begins_one(self, traces: Traces, kept: InMemorySpanExporter) -> None:
        """Also what names one that makes no sense; and the next request of a connection is another's."""
        for named in (None, "00-zz-zz-01", "x" * 9000):
            traces.begin_request("GET", "/x", named)
            traces.end_request(503)
            assert traces.carried() is None

        spans = kept.get_finished_spans()
        assert _names(spans) == ["GET /x"] * 3
        assert len({span.context.trace_id for span in spans if span.context is not None}) == 3

    async def test_what_is_not_sampled_makes_nothing(self, kept: InMemorySpanExporter) -> None:
        """No span, not even one that is not kept, and no step is one; nor after a request without an answer."""
        traces = open_traces(0.5, {}, SimpleSpanProcessor(kept))
        low, high = (f"00-{half * 16}{half * 16}-{CLIENT_SPAN}-01" for half in "1f")

        traces.begin_request("GET", "/x", low)
        assert context.get_current()
        traces.begin_request("GET", "/x", high)
        assert not context.get_current()
        assert traces.step_tracer().before("work.send", self) is None
        traces.end_request(200)

        assert kept.get_finished_spans() == ()
