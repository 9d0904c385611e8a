"""What may stand in a label: values of a bounded set. Whatever else a client can choose is `other`."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from danqing_plugins import ProviderInfo

__all__ = ["OTHER", "Bounded", "Models"]

OTHER = "other"
MOST_MODELS = 500


@attrs.define(eq=False)
class Bounded:
    """Lets the first *most* values through that it is given: for words that plugins choose, such as errors."""

    most: int
    _known: set[str] = attrs.field(factory=set, init=False)

    def of(self, value: str) -> str:
        """Return *value*, or `other` once there are too many."""
        if value in self._known:
            return value
        if len(self._known) >= self.most:
            return OTHER
        self._known.add(value)
        return value


@attrs.define(eq=False)
class Models:
    """The models that *providers* list: any other, such as an account's own endpoint, is its provider's `other`."""

    providers: Mapping[str, ProviderInfo]
    _known: frozenset[tuple[str, str]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        listed = [(name, model.id) for name, info in self.providers.items() for model in info.models]
        self._known = frozenset(listed[:MOST_MODELS])

    def of(self, provider: str, model: str) -> tuple[str, str]:
        """Return the two as labels."""
        if (provider, model) in self._known:
            return provider, model
        return provider if provider in self.providers else OTHER, OTHER
