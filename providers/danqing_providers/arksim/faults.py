"""Faults on request: rules that make chosen requests go wrong, and what applies to one request."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

__all__ = ["DOWNLOAD_KINDS", "KINDS", "BadRule", "Fault", "Faults", "Plan"]

KINDS: Mapping[str, str] = {
    "latency": "take `seconds` longer",
    "status": "answer with `status`, `code` and `message`; nothing is billed",
    "html_502": "answer 502 with a gateway's HTML page; nothing is billed",
    "unwrapped": "answer with an error object that is not wrapped in `error`; nothing is billed",
    "reset_before_billing": "reset the connection before anything is made",
    "reset_after_billing": "make and bill everything, then reset the connection without an answer",
    "truncate": "bill, announce the whole answer, send half of it and close",
    "stall": "bill, send half of the answer, then nothing for `seconds`",
    "slow": "bill, spread the answer over `seconds`",
    "image_error": "picture `index` fails with `code`; InternalServiceError also ends the group",
    "stream_cut": "reset the connection after `index` events (1)",
    "stream_error": "send an `error` event after `index` events (1) and end the stream",
    "stream_no_done": "leave out the final `data: [DONE]`",
    "stream_no_completed": "leave out the `image_generation.completed` event",
    "reference_timeout": "a request with a reference URL fails as if its download had timed out",
    "moderation": "refuse the prompt; nothing is billed",
    "download_status": "answer the picture's download with `status` (503)",
    "download_truncate": "send half of the picture and close",
    "download_slow": "spread the picture's download over `seconds`",
}
DOWNLOAD_KINDS = frozenset(kind for kind in KINDS if kind.startswith("download_"))

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "kind": str,
    "match": str,
    "model": str,
    "index": int,
    "times": int,
    "seconds": (int, float),
    "status": int,
    "code": str,
    "message": str,
}


class BadRule(ValueError):
    """A rule cannot be read; the message says which member and what is allowed."""


@attrs.frozen(kw_only=True)
class Fault:
    """One rule. None means: any prompt, any model, any picture, for ever, the kind's own default.

    `match` is a part of the prompt. `times` is how many requests it still applies to.
    """

    kind: str
    match: str | None = None
    model: str | None = None
    index: int | None = None
    times: int | None = None
    seconds: float | None = None
    status: int | None = None
    code: str | None = None
    message: str | None = None

    @classmethod
    def read(cls, raw: object) -> Fault:
        """Read a rule from JSON.

        Raises:
            BadRule: it is not one.
        """
        if not isinstance(raw, dict):
            raise BadRule("a rule must be an object")
        for name, value in raw.items():
            if name not in _TYPES:
                raise BadRule(f"unknown member {name!r}; there are {', '.join(_TYPES)}")
            if value is not None and (isinstance(value, bool) or not isinstance(value, _TYPES[name])):
                raise BadRule(f"{name} has the wrong type")
        if raw.get("kind") not in KINDS:
            raise BadRule(f"kind must be one of {', '.join(KINDS)}")
        _check_ranges(raw)
        return cls(**raw)

    def applies(self, prompt: str, model: str, index: int | None) -> bool:
        """Tell whether a request, or the download of picture *index*, is meant."""
        return (
            (self.match is None or self.match in prompt)
            and (self.model is None or self.model == model)
            and (index is None or self.index is None or self.index == index)
        )


@attrs.frozen
class Plan:
    """The faults of one request."""

    faults: Sequence[Fault] = ()

    def first(self, *kinds: str) -> Fault | None:
        """Return the first fault of these kinds."""
        return next((fault for fault in self.faults if fault.kind in kinds), None)

    def of_image(self, index: int, count: int) -> Fault | None:
        """Return the fault of one of *count* pictures.

        A rule without an index means the first picture, one with an index beyond the last means the last.
        """
        failures = (fault for fault in self.faults if fault.kind == "image_error")
        return next((fault for fault in failures if min(fault.index or 0, count - 1) == index), None)


@attrs.define
class Faults:
    """The rules in force, in the order they were added."""

    _rules: dict[int, Fault] = attrs.field(factory=dict, init=False)
    _numbers: itertools.count[int] = attrs.field(factory=lambda: itertools.count(1), init=False)

    def add(self, fault: Fault) -> int:
        """Add a rule and return its number."""
        number = next(self._numbers)
        self._rules[number] = fault
        return number

    def remove(self, number: int | None = None) -> bool:
        """Remove a rule, or all of them; False when there was none."""
        if number is not None:
            return self._rules.pop(number, None) is not None
        removed = bool(self._rules)
        self._rules.clear()
        return removed

    def as_json(self) -> list[dict[str, Any]]:
        """Return the rules with their numbers."""
        return [{"id": number, **attrs.asdict(fault)} for number, fault in self._rules.items()]

    def take_for_request(self, prompt: str, model: str) -> Plan:
        """Return what applies to a request, and count it."""
        return self._take(prompt, model, None, downloads=False)

    def take_for_download(self, prompt: str, model: str, index: int) -> Plan:
        """Return what applies to the download of one picture, and count it."""
        return self._take(prompt, model, index, downloads=True)

    def _take(self, prompt: str, model: str, index: int | None, *, downloads: bool) -> Plan:
        taken = []
        for number, fault in list(self._rules.items()):
            if (fault.kind in DOWNLOAD_KINDS) is downloads and fault.applies(prompt, model, index):
                taken.append(fault)
                self._count(number, fault)
        return Plan(taken)

    def _count(self, number: int, fault: Fault) -> None:
        if fault.times is None:
            return
        if fault.times <= 1:
            del self._rules[number]
        else:
            self._rules[number] = attrs.evolve(fault, times=fault.times - 1)


def _check_ranges(raw: Mapping[str, Any]) -> None:
    lowest = {"index": 0, "times": 1, "seconds": 0, "status": 200}
    highest = {"index": 14, "times": 10**9, "seconds": 86400, "status": 599}
    for name, low in lowest.items():
        value = raw.get(name)
        if value is not None and not low <= value <= highest[name]:
            raise BadRule(f"{name} must be between {low} and {highest[name]}, got {value}")
