"""Every metric there is: its name, its labels, and what it says. The one place where metrics are named.

Names and units go by Prometheus: seconds, bytes, `_total` for what only grows.
Source: prometheus.io/docs/practices/naming, read 2026-11-29.

Every label has a bounded set of values, and none comes from a request: `provider`, `model`
and `lane` are those that this server knows, any other model is `other`.
"""

from __future__ import annotations

from enum import StrEnum

import attrs

__all__ = ["COUNTED", "FAMILIES", "LOOKED", "Family", "Kind", "named"]


class Kind(StrEnum):
    """What a metric is."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


@attrs.frozen(kw_only=True)
class Family:
    """One metric. `buckets` are upper bounds, empty for what is no histogram.

    *name* is without the prefix `danqing_`, and of a counter without `_total`.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """As it is called in queries; of a histogram that stands before `_bucket`, `_sum` and `_count`."""
        return f"danqing_{self.name}{'_total' if self.kind is Kind.COUNTER else ''}"


_FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_SLOW_S = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1800.0, 3600.0)
_OF_MODEL = ("provider", "model")


def _counter(name: str, labels: tuple[str, ...], meaning: str) -> Family:
    return Family(name=name, kind=Kind.COUNTER, labels=labels, meaning=meaning)


def _histogram(name: str, labels: tuple[str, ...], buckets: tuple[float, ...], meaning: str) -> Family:
    return Family(name=name, kind=Kind.HISTOGRAM, labels=labels, meaning=meaning, buckets=buckets)


def _gauge(name: str, labels: tuple[str, ...], meaning: str) -> Family:
    return Family(name=name, kind=Kind.GAUGE, labels=labels, meaning=meaning)


COUNTED: tuple[Family, ...] = (
    _counter("tasks_submitted", _OF_MODEL, "Tasks that were stored and queued."),
    _counter("tasks_started", _OF_MODEL, "Attempts that began."),
    _counter("tasks_finished", (*_OF_MODEL, "status", "error"), "Tasks that ended, and why; no error is empty."),
    _counter("tasks_requeued", (*_OF_MODEL, "error"), "Attempts that ended with the task back in line."),
    _counter(
        "tasks_rerouted", ("provider", "to"), "Tasks that left a provider for the next target of their route."
    ),
    _counter("tasks_retried", _OF_MODEL, "Tasks that people put back in line."),
    _histogram("task_wait_seconds", _OF_MODEL, _SLOW_S, "From submission to the first start, a delay included."),
    _histogram("task_run_seconds", _OF_MODEL, _SLOW_S, "From the start of an attempt to its end."),
    _histogram("task_total_seconds", _OF_MODEL, _SLOW_S, "From submission to the end of a task that completed."),
    _counter("outputs", (*_OF_MODEL, "state"), "Outputs of tasks that ended: kept, failed, omitted, or lost."),
    _counter("upstream_calls", (*_OF_MODEL, "outcome"), "Paid calls whose outcome was settled."),
    _histogram("upstream_call_seconds", _OF_MODEL, _SLOW_S, "How long they took."),
    _counter(
        "cost", (*_OF_MODEL, "currency", "certainty"), "Money, in the currency: certain, estimated, possible."
    ),
    _histogram("step_seconds", ("step",), _FAST_S, "How long the named steps of a task's way take."),
    _counter("step_failures", ("step", "error"), "Steps that raised, by the class of what they raised."),
    _counter("http_requests", ("method", "route", "status"), "Requests that were answered, but repeated polls."),
    _histogram("http_request_seconds", ("method", "route"), _FAST_S, "From a request's head to its answer's head."),
    _counter("webhook_posts", ("outcome",), "Tries to post a delivery: delivered, to be tried again, given up."),
    _counter("loop_deaths", ("loop",), "Loops that died and were started again."),
    _counter("process_cpu_seconds", (), "Processor time of the serving processes."),
    _histogram("event_loop_lag_seconds", (), _FAST_S, "How much later than asked for a process woke up."),
    _gauge("process_resident_bytes", (), "Memory of the serving processes."),
    _gauge("processes", ("role",), "Serving processes."),
    _gauge("tasks_running", ("lane",), "Tasks that are carried out at this moment."),
    _gauge("loops_down", ("loop",), "Loops that are not running."),
    _gauge("leases_fresh", (), "Processes whose right to carry out tasks was renewed in time."),
)
"""What each process counts for itself; the sum over all of this server is shown."""

LOOKED: tuple[Family, ...] = (
    _gauge("build_info", ("version", "python"), "1; the labels say what runs."),
    _gauge("part_up", ("part",), "Whether what the server stands on answers: 1 or 0."),
    _gauge("lane_waiting", ("lane",), "Tasks that are ready and wait for a place."),
    _gauge("lane_delayed", ("lane",), "Tasks that wait for their time."),
    _gauge("lane_held", ("lane",), "Tasks that workers hold."),
    _gauge(
        "lane_oldest_seconds",
        ("lane",),
        "How long a task has waited that may start; 0: none, or behind 5,000 of other lanes, 50,000 scheduled.",
    ),
    _gauge("lane_state", ("lane", "state"), "1 for how a lane stands: open, closed, half_open, held, paused."),
    _gauge("workers", (), "Processes of all machines that carry out tasks, by their leases."),
    _gauge("lease_age_seconds", (), "Age of the oldest lease's last renewal."),
    _gauge(
        "storage_free_bytes",
        ("disk",),
        "Room left on the disk of the pictures; not there of a bucket; `data`: of the server's data, if another.",
    ),
    _gauge("storage_total_bytes", ("disk",), "Size of that disk."),
    _gauge("storage_reserve_bytes", ("disk",), "Room that is kept free there: with less new tasks are refused."),
    _gauge("webhooks_pending", (), "Deliveries to webhooks that are still to be made."),
    _gauge("webhooks_oldest_seconds", (), "How long the oldest of them has been due; 0 when none is."),
)
"""What is the same whichever process of whichever machine is asked: it is looked up for each scrape."""

FAMILIES: tuple[Family, ...] = (*COUNTED, *LOOKED)


def named(name: str) -> Family:
    """Return the metric of that name."""
    return next(family for family in FAMILIES if family.name == name)
