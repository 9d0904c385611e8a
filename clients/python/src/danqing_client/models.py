"""Tasks and what they make, as values. Whatever a newer server adds is in `raw`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["FINISHED", "Cost", "Event", "Output", "Task", "TaskError", "TaskRow", "Upload"]

FINISHED = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True)
class Output:
    """Something that a task made. `width` and `height` are None of what is no picture or video."""

    index: int
    url: str
    media_type: str
    size_bytes: int
    sha256: str
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> Output:
        """Return the output that an answer shows."""
        return cls(
            index=shown["index"],
            url=shown["url"],
            media_type=shown["media_type"],
            size_bytes=shown["size_bytes"],
            sha256=shown["sha256"],
            width=shown.get("width"),
            height=shown.get("height"),
            duration_s=shown.get("duration_s"),
            raw=shown,
        )


@dataclass(frozen=True)
class TaskError:
    """Why a task failed. `billed` is `yes`, `no` or `unknown`; `retryable`: another try may succeed."""

    code: str
    message: str
    retryable: bool
    billed: str
    provider_code: str | None = None


@dataclass(frozen=True)
class Cost:
    """What a task cost; `amount` is decimal text. `estimated`: it may still change."""

    amount: str
    currency: str
    estimated: bool

    def __str__(self) -> str:
        """Return it for people."""
        return f"{'~' if self.estimated else ''}{self.amount} {self.currency}"


@dataclass(frozen=True)
class _Shown:
    """What a task and its row have in common."""

    id: str
    status: str
    type: str
    provider: str
    model: str
    user_id: str
    progress: float
    created_at: datetime

    @property
    def finished(self) -> bool:
        """Whether nothing more is to come."""
        return self.status in FINISHED


@dataclass(frozen=True)
class Task(_Shown):
    """A task as it was when it was asked for. `cost` None: the provider names no price."""

    images: tuple[Output, ...] = ()
    videos: tuple[Output, ...] = ()
    audios: tuple[Output, ...] = ()
    files: tuple[Output, ...] = ()
    text: str | None = None
    error: TaskError | None = None
    cost: Cost | None = None
    billed: str = "no"
    sandbox: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Everything that it made, by index."""
        every = (*self.images, *self.videos, *self.audios, *self.files)
        return tuple(sorted(every, key=lambda output: output.index))

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> Task:
        """Return the task that an answer shows."""
        output = shown.get("output") or {}
        return cls(
            **_common(shown),
            progress=shown.get("progress", 0.0),
            images=_outputs(output, "images"),
            videos=_outputs(output, "videos"),
            audios=_outputs(output, "audios"),
            files=_outputs(output, "files"),
            text=output.get("text"),
            error=_error(shown.get("error")),
            cost=_cost(shown.get("cost")),
            billed=shown.get("billed", "no"),
            sandbox=shown.get("sandbox", False),
            raw=shown,
        )


@dataclass(frozen=True)
class TaskRow(_Shown):
    """A task as a list shows it: `get` has its input, what it made, and why it failed.

    `prompt` is the beginning of it. Of its outputs `kept` are there, the first at `url`, and `missing` have failed.
    """

    prompt: str | None = field(repr=False)
    kept: int
    missing: int
    url: str | None
    error_code: str | None
    cost: Cost | None
    billed: str
    sandbox: bool
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> TaskRow:
        """Return the row that an answer shows."""
        return cls(
            **_common(shown),
            progress=shown["progress"],
            prompt=shown["prompt"],
            kept=shown["kept"],
            missing=shown["missing"],
            url=shown["url"],
            error_code=shown["error_code"],
            cost=_cost(shown["cost"]),
            billed=shown["billed"],
            sandbox=shown["sandbox"],
            raw=shown,
        )


@dataclass(frozen=True)
class Upload:
    """A picture that was sent ahead; `uri` stands wherever a reference picture may."""

    id: str
    uri: str
    url: str
    sha256: str
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> Upload:
        """Return the upload that an answer shows."""
        return cls(id=shown["id"], uri=shown["uri"], url=shown["url"], sha256=shown["sha256"], raw=shown)


@dataclass(frozen=True)
class Event:
    """Something that happened: `kind` is `task`, `progress` or `lane`, `data` what it happened to, as it is now.

    `last_id` is where a stream that is cut goes on; None before the first event that has one.
    """

    kind: str
    data: Mapping[str, Any]
    last_id: str | None = None


def _outputs(output: Mapping[str, Any], name: str) -> tuple[Output, ...]:
    return tuple(Output.of(each) for each in output.get(name, ()))


def _error(shown: Mapping[str, Any] | None) -> TaskError | None:
    if shown is None:
        return None
    return TaskError(
        code=shown["code"],
        message=shown["message"],
        retryable=shown["retryable"],
        billed=shown["billed"],
        provider_code=shown.get("provider_code"),
    )


def _cost(shown: Mapping[str, Any] | None) -> Cost | None:
    if shown is None:
        return None
    return Cost(amount=shown["amount"], currency=shown["currency"], estimated=shown["estimated"])


def _common(shown: Mapping[str, Any]) -> dict[str, Any]:
    same = {name: shown[name] for name in ("id", "status", "type", "provider", "model", "user_id")}
    return {**same, "created_at": _moment(shown["created_at"])}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))  # 3.10 does not read Z
