"""What is said of a field that does not exist: where it belongs, or which one may have been meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from danqing_plugins import Message, Text, nearest

__all__ = ["Inner", "UnknownFields"]

MOST_GUESSES = 20
"""Guessing takes time; a body of many wrong names is no slip of the pen."""

UNKNOWN = Message(key="unknown_field", zh="未知字段；可用字段：{known}", en="unknown field; known: {known}")
MISSPELT = Message(
    key="misspelt_field",
    en="unknown field; did you mean {near}? known: {known}",
    zh="未知字段；是否想写 {near}？可用字段：{known}",
)
BELONGS_INSIDE = Message(
    key="belongs_inside",
    en="belongs into {place}: write {place}.{name}",
    zh="应放入 {place} 中，即 {place}.{name}",
)
NOT_TAKEN = Message(
    key="belongs_inside_not_taken",
    en="belongs into {place}, and this model does not take it",
    zh="属于 {place} 中的参数，但所选模型不支持它",
)


@attrs.frozen
class Inner:
    """A member that holds an object: its name, and its keys; each says whether the chosen model takes it."""

    name: str
    keys: Mapping[str, bool]


@attrs.define
class UnknownFields:
    """Speaks of the unknown fields of one object, which knows *known* and may have an object *inner*."""

    known: Sequence[str]
    inner: Inner
    _guesses: int = attrs.field(default=0, init=False)

    def told(self, name: str) -> Text:
        """Return what is wrong with the field *name*."""
        place, listed = self.inner.name, ", ".join(self.known)
        taken = self.inner.keys.get(name)
        if taken is not None:
            return (BELONGS_INSIDE if taken else NOT_TAKEN)(place=place, name=name)
        near = self._guess(name)
        return UNKNOWN(known=listed) if near is None else MISSPELT(near=near, known=listed)

    def _guess(self, name: str) -> str | None:
        self._guesses += 1
        if self._guesses > MOST_GUESSES:
            return None
        near = nearest(name, [*self.known, *self.inner.keys])
        return near if near is None or near in self.known else f"{self.inner.name}.{near}"
