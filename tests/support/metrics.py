"""A scrape, as Prometheus would read it."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from prometheus_client.parser import text_string_to_metric_families

__all__ = ["Scraped"]


@attrs.frozen
class Scraped:
    """What `/metrics` said: samples by name, each a pair of labels and value."""

    text: str
    _samples: dict[str, list[tuple[dict[str, str], float]]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        samples: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                samples.setdefault(sample.name, []).append((sample.labels, sample.value))
        object.__setattr__(self, "_samples", samples)

    def sum(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of *name* that have *labels*."""
        return sum(value for has, value in self._samples.get(name, ()) if labels.items() <= has.items())

    def has(self, name: str) -> bool:
        """Tell whether there is any sample of *name*."""
        return name in self._samples

    @property
    def labels(self) -> Iterator[tuple[str, str, str]]:
        """The metric, the label and the value of every label there is."""
        for name, samples in self._samples.items():
            for labels, _ in samples:
                yield from ((name, label, value) for label, value in labels.items())
