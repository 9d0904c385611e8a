"""The counts of this process, and their text for Prometheus. Only here is prometheus-client known."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import attrs
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, values
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from danqing_server.telemetry.families import COUNTED, Family, Kind
from danqing_server.telemetry.slots import FOLDER, Slot, files_of_folder

__all__ = ["Exposed", "Meters", "Sample", "open_meters"]


class Sample(NamedTuple):
    """A gauge that was looked up: its metric, its labels' values in order, and what it is."""

    family: Family
    labels: tuple[str, ...]
    value: float


class Exposed(NamedTuple):
    """What a scrape is answered with."""

    body: bytes
    media_type: str


@attrs.frozen(eq=False)
class Meters:
    """Every metric that this process counts, by name. *folder* None: it is the only process there is."""

    registry: CollectorRegistry
    folder: Path | None = None
    _made: Mapping[str, Any] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        made = {family.name: _make(family, self.registry) for family in COUNTED}
        object.__setattr__(self, "_made", made)

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        """Add to a counter."""
        self._labelled(name, labels).inc(by)

    def observe(self, name: str, *labels: str, seconds: float) -> None:
        """Add to a histogram; what a clock that was set back made negative counts as nothing."""
        self._labelled(name, labels).observe(max(0.0, seconds))

    def show(self, name: str, *labels: str, value: float) -> None:
        """Set a gauge."""
        self._labelled(name, labels).set(value)

    def expose(self, looked: Sequence[Sample], accept: str) -> Exposed:
        """Return the text of everything, in the form that *accept* asks for. It reads files: not for the loop."""
        counted = self.registry.collect() if self.folder is None else _summed(self.folder)
        encode, media_type = choose_encoder(accept)
        return Exposed(encode(_Found((*_gathered(looked), *counted))), media_type)

    def _labelled(self, name: str, labels: tuple[str, ...]) -> Any:
        metric = self._made[name]
        return metric.labels(*labels) if labels else metric


def open_meters(environment: Mapping[str, str]) -> Meters:
    """Return the meters of this process, beside those of its siblings where the supervisor names their folder.

    prometheus-client asks one class of the whole process where to keep values: that is set here, before there is
    any. Its rule, that no two processes at one time have the same identifier, is what a slot is.
    Source: prometheus_client 0.26, `values.py`.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus-client's own has no annotations
    folder = environment.get(FOLDER)
    if not folder:
        return Meters(CollectorRegistry())
    slot = Slot.take(Path(folder))
    os.environ[FOLDER] = folder
    values.ValueClass = values.MultiProcessValue(lambda: slot.number)  # type: ignore[no-untyped-call]  # the same
    return Meters(CollectorRegistry(), Path(folder))


def _make(family: Family, registry: CollectorRegistry) -> Any:
    name, labels = f"danqing_{family.name}", family.labels
    match family.kind:
        case Kind.COUNTER:
            return Counter(name, family.meaning, labels, registry=registry)
        case Kind.HISTOGRAM:
            return Histogram(name, family.meaning, labels, registry=registry, buckets=family.buckets)
        case Kind.GAUGE:
            return Gauge(name, family.meaning, labels, registry=registry, multiprocess_mode="livesum")


@attrs.frozen(eq=False)
class _Found:
    """What a scrape shows, as prometheus-client asks for it."""

    metrics: Sequence[Metric]

    def collect(self) -> Sequence[Metric]:
        return self.metrics


def _summed(folder: Path) -> Iterable[Metric]:
    """Return the sum of what all processes of a folder counted."""
    found: Iterable[Metric] = MultiProcessCollector.merge(files_of_folder(folder))  # type: ignore[no-untyped-call]  # the same
    return found


def _gathered(looked: Sequence[Sample]) -> Iterable[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for family, labels, value in looked:
        known = families.get(family.name)
        if known is None:
            known = GaugeMetricFamily(family.full_name, family.meaning, labels=family.labels)
            families[family.name] = known
        known.add_metric(labels, value)
    return families.values()
