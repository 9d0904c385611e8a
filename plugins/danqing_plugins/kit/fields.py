"""A strict reader of an input object that gathers every problem instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import attrs

from danqing_plugins.errors import InvalidRequest, Problem
from danqing_plugins.kit import texts
from danqing_plugins.messages import Text
from danqing_plugins.spelling import nearest

__all__ = ["Fields"]

MOST_GUESSES = 20
"""Guessing takes time, and who waits is everybody: a body of many wrong names is no slip of the pen."""


@attrs.define
class Fields:
    """Reads *values* by name; JSON null is absence.

    Each method returns None when the field is absent or wrong, and in the second case adds to `problems`.
    `prefix` stands before the name in a problem's field.
    """

    values: Mapping[str, Any]
    problems: list[Problem] = attrs.field(factory=list)
    prefix: str = ""

    @property
    def given(self) -> dict[str, Any]:
        """What was given, without what is null."""
        return {name: value for name, value in self.values.items() if value is not None}

    def finish(self) -> None:
        """Raise InvalidRequest with every problem that was recorded."""
        if self.problems:
            raise InvalidRequest(texts.SOME_WRONG(count=len(self.problems)), problems=self.problems)

    def has(self, name: str) -> bool:
        """Say whether *name* was given."""
        return self.values.get(name) is not None

    def refuse(self, name: str, message: str) -> None:
        """Record a problem with *name*; only its first one is kept."""
        field = self.prefix + name
        if all(problem.field != field for problem in self.problems):
            self.problems.append(Problem(field=field, message=message, value=self.values.get(name)))

    def refuse_unknown(self, known: Collection[str], offered: Callable[[], Collection[str]] | None = None) -> None:
        """Record every given key that is not *known*; an absent one (null) is nothing.

        The message names those *offered*, when not all that are known are taken here.
        """
        unknown = [name for name in self.values if name not in known and self.has(name)]
        if not unknown:
            return
        refused = {problem.field for problem in self.problems}  # not looked through for each: there may be 100,000
        messages = _unknown(unknown, sorted(known if offered is None else offered()))
        for name, message in zip(unknown, messages, strict=True):
            field = self.prefix + name
            if field not in refused:
                self.problems.append(Problem(field=field, message=message, value=self.values[name]))

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        if value is None or isinstance(value, str):
            return value
        self.refuse(name, texts.NO_STRING())
        return None

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        value = self.values.get(name)
        if value is None or (isinstance(value, str) and value in allowed):
            return value
        self.refuse(name, texts.ONE_OF(allowed=", ".join(allowed)))
        return None

    def flag(self, name: str) -> bool | None:
        value = self.values.get(name)
        if value is None or isinstance(value, bool):
            return value
        self.refuse(name, texts.NO_FLAG())
        return None

    def whole(self, name: str, low: int, high: int) -> int | None:
        value = self.values.get(name)
        if value is None or (type(value) is int and low <= value <= high):
            return value
        self.refuse(name, texts.NO_WHOLE(low=low, high=high))
        return None

    def number(self, name: str, low: float, high: float) -> float | None:
        value = self.values.get(name)
        if value is None:
            return None
        if type(value) in (int, float) and low <= value <= high:
            return float(value)
        self.refuse(name, texts.NO_NUMBER(low=low, high=high))
        return None

    def object(self, name: str) -> Fields | None:
        """Return a reader of the object *name*, which shares this one's problems."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.refuse(name, texts.NO_OBJECT())
            return None
        return Fields(value, self.problems, f"{self.prefix}{name}.")


def _unknown(names: Sequence[str], known: Sequence[str]) -> Iterator[Text]:
    """Yield what is said of each of *names*; what the first of them may have meant is guessed."""
    listed = ", ".join(known)
    unguessed = texts.UNKNOWN_PARAMETER(known=listed)
    for number, name in enumerate(names):
        near = nearest(name, known) if number < MOST_GUESSES else None
        yield unguessed if near is None else texts.MISSPELT_PARAMETER(near=near, known=listed)
