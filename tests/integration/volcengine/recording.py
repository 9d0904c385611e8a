"""A `run` that records what a provider does with it, under the server's rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import attrs

from danqing_plugins import Job, PluginError, Reference, ReferenceData, Source

__all__ = ["RecordedCall", "RecordingLog", "RecordingRun"]


@attrs.define
class RecordedCall:
    """One paid call. `outcome` is None while it is open, then `answered` or the name of what ended it."""

    id: str
    indexes: tuple[int, ...]
    fingerprint: str
    request_id: str | None = None
    usage: Mapping[str, Any] = attrs.field(factory=dict)
    cost_micro: int | None = None
    outcome: str | None = None
    released: set[int] = attrs.field(factory=set)

    def release(self, indexes: Sequence[int]) -> None:
        self.released.update(indexes)


class RecordingLog:
    """A log nobody reads."""

    def info(self, event: str, **fields: object) -> None: ...

    def warning(self, event: str, **fields: object) -> None: ...


@attrs.define(eq=False)
class RecordingRun:
    """What happened to each picture of *job*, and every call.

    `assets` are the references it can open; `kept` is set once a picture was delivered,
    `ended` once a call is over.
    """

    job: Job
    session: aiohttp.ClientSession
    assets: dict[str, ReferenceData] = attrs.field(factory=dict)
    pictures: dict[int, Source] = attrs.field(factory=dict)
    rejected: dict[int, PluginError] = attrs.field(factory=dict)
    omitted: set[int] = attrs.field(factory=set)
    calls: list[RecordedCall] = attrs.field(factory=list)
    fractions: list[float] = attrs.field(factory=list)
    delivered_outside_calls: list[int] = attrs.field(factory=list)
    kept: asyncio.Event = attrs.field(factory=asyncio.Event)
    ended: asyncio.Event = attrs.field(factory=asyncio.Event)
    log: RecordingLog = attrs.field(factory=RecordingLog)
    saved: dict[str, Any] = attrs.field(factory=dict)
    remaining_s: float = 600.0

    @property
    def missing(self) -> tuple[int, ...]:
        return tuple(index for index in range(self.job.outputs) if index not in self.delivered)

    @property
    def delivered(self) -> frozenset[int]:
        return frozenset(self.pictures) | frozenset(self.rejected) | frozenset(self.omitted)

    @property
    def outcomes(self) -> list[str | None]:
        """How each call ended, in the order they began."""
        return [call.outcome for call in self.calls]

    @asynccontextmanager
    async def call(self, indexes: Sequence[int], fingerprint: str) -> AsyncIterator[RecordedCall]:
        call = RecordedCall(f"call-{len(self.calls)}", tuple(indexes), fingerprint)
        self.calls.append(call)
        try:
            yield call
        except BaseException as error:
            call.outcome = type(error).__name__
            raise
        else:
            call.outcome = "answered"
        finally:
            self.ended.set()

    async def deliver(self, index: int, source: Source) -> None:
        if all(call.outcome is not None or index not in call.indexes for call in self.calls):
            self.delivered_outside_calls.append(index)
        if index in self.missing:
            self.pictures[index] = source
        self.kept.set()

    async def reject(self, index: int, error: PluginError) -> None:
        if index in self.missing:
            self.rejected[index] = error

    async def omit(self, indexes: Sequence[int]) -> None:
        self.omitted |= set(indexes) & set(self.missing)

    async def progress(self, fraction: float) -> None:
        self.fractions.append(fraction)

    async def preview(self, index: int, source: Source) -> None: ...

    async def checkpoint(self, data: Mapping[str, Any]) -> None:
        self.saved = dict(data)

    async def extend(self, seconds: float) -> None: ...

    async def open_reference(self, reference: Reference) -> ReferenceData:
        return self.assets[reference.asset or ""]
