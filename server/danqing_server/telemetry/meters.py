"""The counts of this process, and the text of all for Prometheus, by prometheus-client.

Counting is adding to a number in memory, for it stands on the hot path. What changed goes into this process's files
four times a second (`flush`), in the form in which prometheus-client adds up several processes: so that a process
that is killed loses a quarter of a second of its counts, and none that was there before.
Source: prometheus_client 0.26, `values.py`, `mmap_dict.py` and `multiprocess.py`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import attrs
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.mmap_dict import mmap_key
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.utils import floatToGoString

from danqing_server.log import get_logger
from danqing_server.telemetry.count_files import CountFile
from danqing_server.telemetry.families import COUNTED, Family, Kind
from danqing_server.telemetry.slots import FOLDER, Slot, files_of_folder

__all__ = ["Exposed", "Histogram", "Meters", "Number", "Sample", "open_meters"]

Key = tuple[str, ...]
"""A series: a metric's name, and the values of its labels in order."""

log = get_logger(__name__)

_FILES = {Kind.COUNTER: "counter", Kind.HISTOGRAM: "histogram", Kind.GAUGE: "gauge_livesum"}
_FAMILIES = {family.name: family for family in COUNTED}


class Sample(NamedTuple):
    """A gauge that was looked up: its metric, its labels' values in order, and what it is."""

    family: Family
    labels: tuple[str, ...]
    value: float


class Exposed(NamedTuple):
    """What a scrape is answered with."""

    body: bytes
    media_type: str


@attrs.define(eq=False)
class Number:
    """A counter or a gauge. Whoever counts often keeps it."""

    value: float = 0.0
    changed: bool = False

    def add(self, by: float = 1.0) -> None:
        """Count."""
        self.value += by
        self.changed = True

    def show(self, value: float) -> None:
        """Set a gauge."""
        self.value = value
        self.changed = True

    @property
    def values(self) -> Sequence[float]:
        """What stands in the files."""
        return (self.value,)


@attrs.define(eq=False)
class Histogram:
    """How many observations fell between two bounds, the last beyond all, and the sum of them."""

    bounds: tuple[float, ...]
    counts: list[int]
    sum_s: float = 0.0
    changed: bool = False

    def observe(self, seconds: float) -> None:
        """Count what took so long; what a clock that was set back made negative counts as nothing."""
        if seconds < 0.0:
            seconds = 0.0
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum_s += seconds
        self.changed = True

    @property
    def values(self) -> Sequence[float]:
        """What stands in the files."""
        return (self.sum_s, *self.counts)


@attrs.define(eq=False)
class _Place:
    """A number in a file. *before* is what the slot's last holder left there, *written* what we added to it."""

    key: str
    before: float
    written: float | None = None


@attrs.define(eq=False)
class Meters:
    """Every metric that this process counts. *slot* and *folder* None: it is the only process there is."""

    slot: Slot | None = None
    folder: Path | None = None
    _numbers: dict[Key, Number] = attrs.field(factory=dict, init=False)
    _histograms: dict[Key, Histogram] = attrs.field(factory=dict, init=False)
    _places: dict[Key, list[_Place]] = attrs.field(factory=dict, init=False)
    _files: dict[Kind, CountFile] = attrs.field(factory=dict, init=False)
    _has_room: bool = attrs.field(default=True, init=False)

    def number(self, *series: str) -> Number:
        """Return a counter or a gauge: its name, then its labels' values."""
        found = self._numbers.get(series)
        if found is None:
            found = self._numbers[series] = Number()
        return found

    def histogram(self, *series: str) -> Histogram:
        """Return a histogram, as `number` does."""
        found = self._histograms.get(series)
        if found is None:
            bounds = _FAMILIES[series[0]].buckets
            found = self._histograms[series] = Histogram(bounds, [0] * (len(bounds) + 1))
        return found

    def count(self, *series: str, by: float = 1.0) -> None:
        """Add to a counter."""
        self.number(*series).add(by)

    def observe(self, *series: str, seconds: float) -> None:
        """Add to a histogram."""
        self.histogram(*series).observe(seconds)

    def show(self, *series: str, value: float) -> None:
        """Set a gauge."""
        self.number(*series).show(value)

    def flush(self) -> None:
        """Put what changed into this process's files. To be called in the event loop, as all that counts is.

        What a full disk has no place for is put there once there is one.
        """
        if self.folder is None:
            return
        refusal: OSError | None = None
        counted: Iterable[tuple[Key, Number | Histogram]] = chain(self._numbers.items(), self._histograms.items())
        for series, found in counted:
            if found.changed:
                try:
                    self._write(series, found.values, self._file_of(_FAMILIES[series[0]].kind, self.folder))
                    found.changed = False
                except OSError as error:
                    refusal = error
        if refusal is not None and self._has_room:
            log.warning("counts_not_kept", error=refusal.strerror, path=str(self.folder))
        self._has_room = refusal is None

    def expose(self, looked: Sequence[Sample], accept: str) -> Exposed:
        """Return the text of everything that was flushed, as *accept* asks. It reads files: not for the loop."""
        counted = list(self._own()) if self.folder is None else _summed(self.folder)
        encode, media_type = choose_encoder(accept)
        return Exposed(encode(_Found((*_gathered(looked), *counted))), media_type)

    def _write(self, series: Key, values: Sequence[float], file: CountFile) -> None:
        """Put what changed of a series into *file*; what grows goes on from what the slot's last holder left.

        Raises OSError: the series is new, and the disk is full.
        """
        places = self._places.get(series)
        if places is None:
            places = self._places[series] = list(_places_of(series, file))
        for place, value in zip(places, values, strict=True):
            if value != place.written:
                place.written = value
                file.write(place.key, place.before + value)

    def _file_of(self, kind: Kind, folder: Path) -> CountFile:
        file = self._files.get(kind)
        if file is None:
            assert self.slot is not None
            file = self._files[kind] = CountFile.open(folder / f"{_FILES[kind]}_{self.slot.number}.db")
        return file

    def _own(self) -> Iterator[Metric]:
        """Yield what this process counted, where it is the only one."""
        metrics = {family.name: Metric(f"danqing_{family.name}", family.meaning, family.kind) for family in COUNTED}
        for series, number in self._numbers.items():
            family = _FAMILIES[series[0]]
            metrics[family.name].add_sample(family.full_name, _labels(family, series), number.value)
        for series, found in self._histograms.items():
            family = _FAMILIES[series[0]]
            name, labels, total = family.full_name, _labels(family, series), 0
            for bound, count in zip((*found.bounds, float("inf")), found.counts, strict=True):
                total += count
                upto = {**labels, "le": floatToGoString(bound)}  # type: ignore[no-untyped-call]  # it has no annotations
                metrics[family.name].add_sample(f"{name}_bucket", upto, total)
            metrics[family.name].add_sample(f"{name}_count", labels, total)
            metrics[family.name].add_sample(f"{name}_sum", labels, found.sum_s)
        yield from (metric for metric in metrics.values() if metric.samples)


def open_meters(environment: Mapping[str, str]) -> Meters:
    """Return the meters of this process, beside those of its siblings where the supervisor names their folder."""
    folder = environment.get(FOLDER)
    return Meters(Slot.take(Path(folder)), Path(folder)) if folder else Meters()


@attrs.frozen(eq=False)
class _Found:
    """What a scrape shows, as prometheus-client asks for it."""

    metrics: Sequence[Metric]

    def collect(self) -> Sequence[Metric]:
        return self.metrics


def _places_of(series: Key, file: CountFile) -> Iterator[_Place]:
    """Yield where a series stands in *file*, in the order of its values; of a histogram each bucket for itself."""
    family = _FAMILIES[series[0]]
    keys = list(_keys_of(family, list(series[1:])))
    file.reserve(keys)
    for key in keys:
        grows = family.kind is not Kind.GAUGE
        yield _Place(key, file.read(key) if grows else 0.0)


def _keys_of(family: Family, values: list[str]) -> Iterator[str]:
    name, labels = f"danqing_{family.name}", list(family.labels)
    if family.kind is not Kind.HISTOGRAM:
        yield mmap_key(name, family.full_name, labels, values, family.meaning)
        return
    yield mmap_key(name, f"{name}_sum", labels, values, family.meaning)
    for bound in (*family.buckets, float("inf")):
        upto = floatToGoString(bound)  # type: ignore[no-untyped-call]  # the same
        yield mmap_key(name, f"{name}_bucket", [*labels, "le"], [*values, upto], family.meaning)


def _labels(family: Family, series: Key) -> dict[str, str]:
    return dict(zip(family.labels, series[1:], strict=True))


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
