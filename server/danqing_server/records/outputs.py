"""What comes of a task: outputs, the files that hold them, and what went wrong. All values are frozen."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

from danqing_plugins import OutputKind
from danqing_plugins.billing import Billed

__all__ = ["Asset", "Output", "OutputState", "Preview", "TaskError"]


class OutputState(StrEnum):
    """How far one output is.

    `sourced`: made, its upstream URL is saved (a `held_link` of what came as bytes), not yet ours. `kept`: stored.
    `failed`: will not come, `error` says why. `omitted`: the provider chose to make fewer, or its user deleted it
    (`Output.deleted`).
    """

    SOURCED = "sourced"
    KEPT = "kept"
    FAILED = "failed"
    OMITTED = "omitted"


_AT_HAND = (OutputState.SOURCED, OutputState.KEPT)


@attrs.frozen(kw_only=True)
class Asset:
    """An output in our storage. `key` is made of letters, digits and `._-/`; `sha256` is hexadecimal.

    `width` and `height` are as shown, 0 for what has none (written all the same: older releases look for them).
    `duration_s` and `fps` are None where unknown. `decoded` says whether it was proved whole by decoding it, and
    not by its structure alone; `poster` is the key of a still picture of a video. `colour` is the mean of it,
    `#rrggbb`, None before a thumbnail was made.
    """

    key: str
    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    kind: OutputKind = OutputKind.IMAGE
    duration_s: float | None = None
    fps: float | None = None
    has_audio: bool = False
    decoded: bool = True
    poster: str | None = None
    colour: str | None = None


@attrs.frozen(kw_only=True)
class TaskError:
    """Why a task or an output failed. `code` is stable; `provider_code` is the provider's own word."""

    code: str
    message: str
    retryable: bool = False
    billed: Billed = Billed.NO
    provider_code: str | None = None
    request_id: str | None = None


@attrs.frozen(kw_only=True)
class Output:
    """One output of a task, by its index from 0. `kind` is its source's own, None when it is the task's.

    `deleted`: it was kept, and its user removed it: it is `omitted` by now, and was paid for.
    """

    index: int
    state: OutputState
    at: datetime
    source_url: str | None = attrs.field(default=None, repr=False)
    asset: Asset | None = None
    error: TaskError | None = None
    kind: OutputKind | None = None
    deleted: bool = False

    @property
    def was_made(self) -> bool:
        """Whether it proves that somebody was paid for it: it is ours, or was, or can be fetched."""
        return self.state in _AT_HAND or self.source_url is not None or self.deleted

    @property
    def is_given_up(self) -> bool:
        """Whether it failed without a link that could bring it; an order of its may do so still."""
        return self.state is OutputState.FAILED and self.source_url is None


@attrs.frozen(kw_only=True)
class Preview:
    """Output *index* as far as it was made, shown while that *attempt* runs; a picture, whatever it becomes."""

    attempt: int
    index: int
    asset: Asset
