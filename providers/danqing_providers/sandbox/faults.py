"""Faults on request: rules that match a request or a picture and say what goes wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import attrs

from danqing_providers.sandbox.troubles import Trouble, TroubleKind, kind_of_status

__all__ = [
    "AFTER_BILLING",
    "BEFORE_WORK",
    "ODD_ANSWERS",
    "ODD_BYTES",
    "ON_DOWNLOAD",
    "Fault",
    "FaultKind",
    "FaultRules",
    "Target",
]


class FaultKind(StrEnum):
    """What goes wrong."""

    LATENCY = "latency"
    STATUS = "status"
    HTML_502 = "html_502"
    HTML = "html"
    RESET_BEFORE_BILLING = "reset_before_billing"
    RESET_AFTER_BILLING = "reset_after_billing"
    TRUNCATE = "truncate"
    STALL = "stall"
    SLOW = "slow"
    IMAGE_ERROR = "image_error"
    MODERATION = "moderation"
    STREAM_NO_DONE = "stream_no_done"
    STREAM_NO_COMPLETED = "stream_no_completed"
    STREAM_ERROR = "stream_error"
    STREAM_CUT = "stream_cut"
    DOWNLOAD_STATUS = "download_status"
    DOWNLOAD_TRUNCATE = "download_truncate"
    DOWNLOAD_TIMEOUT_REFERENCE = "download_timeout_reference"
    DOWNLOAD_LATE = "download_late"
    DOWNLOAD_DIES = "download_dies"
    DOWNLOAD_TRICKLE = "download_trickle"
    DOWNLOAD_HTML = "download_html"
    ANSWER_STATUS = "answer_status"
    ANSWER_BOM = "answer_bom"
    ANSWER_LENGTH = "answer_length"
    ANSWER_TYPE = "answer_type"
    ANSWER_BYTES = "answer_bytes"
    ANSWER_LINKS = "answer_links"
    STREAM_SAMPLE = "stream_sample"
    JOB_QUEUED = "job_queued"
    JOB_RUNNING = "job_running"
    JOB_FAILS = "job_fails"
    JOB_EXPIRES = "job_expires"
    POLL_STATUS = "poll_status"
    GARBLED = "garbled"


BEFORE_WORK: Final = frozenset(
    {
        FaultKind.STATUS,
        FaultKind.HTML_502,
        FaultKind.HTML,
        FaultKind.RESET_BEFORE_BILLING,
        FaultKind.DOWNLOAD_TIMEOUT_REFERENCE,
        FaultKind.MODERATION,
    }
)
AFTER_BILLING: Final = frozenset(
    {
        FaultKind.RESET_AFTER_BILLING,
        FaultKind.TRUNCATE,
        FaultKind.STALL,
        FaultKind.SLOW,
        FaultKind.GARBLED,
    }
)
ON_DOWNLOAD: Final = frozenset(
    {
        FaultKind.DOWNLOAD_STATUS,
        FaultKind.DOWNLOAD_TRUNCATE,
        FaultKind.DOWNLOAD_TRICKLE,
        FaultKind.DOWNLOAD_HTML,
        FaultKind.SLOW,
    }
)
ODD_ANSWERS: Final = (
    FaultKind.ANSWER_STATUS,
    FaultKind.ANSWER_BOM,
    FaultKind.ANSWER_LENGTH,
    FaultKind.ANSWER_TYPE,
    FaultKind.ANSWER_BYTES,
    FaultKind.ANSWER_LINKS,
    FaultKind.STREAM_SAMPLE,
)
"""Answers that are billed, whole and readable, and not in the usual form; several may strike one request."""

ODD_BYTES: Final = (
    FaultKind.ANSWER_STATUS,
    FaultKind.ANSWER_BOM,
    FaultKind.ANSWER_LENGTH,
    FaultKind.ANSWER_TYPE,
)
"""Those that every dialect can send, since they alter no field."""

STAGES: Final[Mapping[FaultKind, tuple[str, str]]] = {
    FaultKind.MODERATION: ("input", "output"),
    FaultKind.SLOW: ("answer", "download"),
}
"""The choices for `on` of the kinds that have any, the default first."""


@attrs.frozen(kw_only=True)
class Target:
    """What may be struck: a request by its prompt, by all the names of its model, and by the dialect it is in."""

    prompt: str = attrs.field(repr=False)
    models: Collection[str] = ()
    dialect: str = ""


@attrs.frozen(kw_only=True)
class Fault:
    """One rule.

    It strikes where `dialect`, `prompt` (a part of it), `model` (its id) and `image_index` match; None matches all.
    `times` is how often; None is always. `seconds` is the delay of `latency`, the silence of `stall`, the pause
    between two bytes of `slow`, the age of the picture for `download_late` and `download_dies`, the whole of
    `download_trickle`, the time that a job is `job_queued` or `job_running`. `extra_bytes` is what `answer_length`
    announces too many, `form` how `answer_bytes` and `answer_links` write them. `trouble`, `status`, `code`,
    `message`, `unwrapped`, `retry_after_s` are the answer of `status`, `poll_status`, `download_status`,
    `image_error` and `stream_error`: what is None is said in the dialect's own words. `on` is `input` or `output`
    for `moderation`, `answer` or `download` for `slow`; the first is the default.
    """

    kind: FaultKind
    dialect: str | None = None
    prompt: str | None = None
    model: str | None = None
    image_index: int | None = None
    times: int | None = 1
    seconds: float = 1.0
    trouble: TroubleKind | None = attrs.field(default=None, converter=attrs.converters.optional(TroubleKind))
    status: int | None = None
    code: str | None = None
    message: str | None = None
    unwrapped: bool = False
    retry_after_s: int | None = None
    on: str | None = None
    extra_bytes: int = 2
    form: str | None = None

    def matches(self, target: Target, image_index: int | None) -> bool:
        """Say whether the rule is meant for this request, or for this picture of it."""
        if self.prompt is not None and self.prompt not in target.prompt:
            return False
        if self.model is not None and self.model not in target.models:
            return False
        if self.dialect is not None and self.dialect != target.dialect:
            return False
        # A rule for one picture strikes nothing that concerns the whole request.
        return self.image_index is None or self.image_index == image_index

    @property
    def stage(self) -> str | None:
        """`on`, with its default; None for the kinds that have no choice."""
        return self.on or (STAGES[self.kind][0] if self.kind in STAGES else None)

    def as_trouble(self, param: str = "") -> Trouble:
        """Return what the rule describes; *param* is what a trouble about a field or a URL is about."""
        kind = self.trouble or kind_of_status(self.status or 500)
        return Trouble(
            kind,
            self.message,
            status=self.status,
            code=self.code,
            param=param,
            retry_after_s=self.retry_after_s,
            unwrapped=self.unwrapped,
        )


@attrs.define
class _Live:
    fault: Fault
    left: int | None
    struck: int = 0


class FaultRules:
    """The rules in force, in the order they came: the first that matches strikes."""

    def __init__(self) -> None:
        self._live: list[_Live] = []

    def add(self, faults: Iterable[Fault]) -> None:
        """Put *faults* behind those in force."""
        self._live += [_Live(fault, fault.times) for fault in faults]

    def __bool__(self) -> bool:
        return bool(self._live)

    def clear(self) -> None:
        """Drop all."""
        self._live.clear()

    def take(
        self,
        kinds: Collection[FaultKind],
        target: Target,
        image_index: int | None = None,
        stage: str | None = None,
    ) -> Fault | None:
        """Return the first rule of *kinds* that strikes here, counted as used; None when there is none."""
        for live in self._live:
            if live.left == 0 or live.fault.kind not in kinds:
                continue
            if stage is not None and live.fault.stage not in (None, stage):
                continue
            if live.fault.matches(target, image_index):
                live.struck += 1
                live.left = None if live.left is None else live.left - 1
                return live.fault
        return None

    def describe(self) -> Sequence[Mapping[str, Any]]:
        """Return every rule with how often it `struck` and how often it is `left`."""
        return [{**attrs.asdict(live.fault), "left": live.left, "struck": live.struck} for live in self._live]
