"""The pictures that were made: what is needed to paint each again, and the cached bytes.

A picture is kept as its description, one line of `pictures.jsonl`, and painted when its link is first opened; the
painter is deterministic, so that every GET of a link gives the same bytes, also after a restart.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Final, Self

import attrs

from danqing_providers.sandbox.ark.references import Reference
from danqing_providers.sandbox.journal import Journal, line_length
from danqing_providers.sandbox.painter import Commission, paint

__all__ = ["Gallery", "Picture"]

_FILE_NAME: Final = "pictures.jsonl"
_CACHE_BYTES: Final = 96 * 1024 * 1024
_LEAST_KEPT_S: Final = 86_400


@attrs.frozen(kw_only=True)
class Picture:
    """A picture that was made. `folder` is the model's part of its path; `tokens` are its references'."""

    request_id: str
    index: int
    folder: str
    model: str
    prompt: str
    seed: int | None
    width: int
    height: int
    output_format: str
    watermark: bool
    tokens: tuple[str, ...]
    made_s: float

    @property
    def name(self) -> str:
        """The request id and the index: what the links call it."""
        return f"{self.request_id}_{self.index}"

    @property
    def path(self) -> str:
        """The path of its links."""
        return f"/{self.folder}/{self.name}.{self.output_format}"

    @property
    def content_type(self) -> str:
        """Its media type."""
        return f"image/{self.output_format}"


class Gallery:
    """The descriptions on disk, an index of them in memory, and a bounded cache of painted bytes."""

    def __init__(self, data_dir: Path, painters: Executor, *, kept_s: float, clock: Callable[[], float]) -> None:
        self._painters = painters
        self._clock = clock
        self._kept_s = max(kept_s, _LEAST_KEPT_S)
        self._references = data_dir / "references"
        self._references.mkdir(exist_ok=True)
        self._index: OrderedDict[str, tuple[float, int, int]] = OrderedDict()
        self._painted: OrderedDict[str, bytes] = OrderedDict()
        self._painted_bytes = 0
        self._painting: dict[str, asyncio.Task[bytes]] = {}
        self._journal = self._open(data_dir / _FILE_NAME)

    def _open(self, path: Path) -> Journal:
        _drop_expired(path, self._clock() - self._kept_s)
        _drop_old_files(self._references, time.time() - self._kept_s)
        journal = Journal(path, durable=False)
        for offset, length, entry in journal.read_all():
            self._index[f"{entry['request_id']}_{entry['index']}"] = (entry["made_s"], offset, length)
        return journal

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Wait for the pictures being painted and close the file."""
        await asyncio.gather(*self._painting.values(), return_exceptions=True)
        await self._journal.__aexit__(*exc)

    async def keep(self, pictures: Sequence[Picture]) -> None:
        """Write the descriptions down, so that their links work."""
        if not pictures:
            return
        lines = [attrs.asdict(picture) for picture in pictures]
        offset = await self._journal.append(lines)
        for picture, line in zip(pictures, lines, strict=True):
            length = line_length(line)
            self._index[picture.name] = (picture.made_s, offset, length)
            offset += length
        self._forget_expired()

    def _forget_expired(self) -> None:
        oldest_s = self._clock() - self._kept_s
        while self._index and next(iter(self._index.values()))[0] < oldest_s:
            self._index.popitem(last=False)

    def keep_reference(self, reference: Reference) -> None:
        """Keep a reference's preview for the pictures that use it. Blocks."""
        path = self._references / f"{reference.token}.jpg"
        if reference.preview is None or path.exists():
            return
        draft = path.with_suffix(f".{secrets.token_hex(4)}")
        draft.write_bytes(reference.preview)
        draft.replace(path)

    async def find(self, name: str) -> Picture | None:
        """Return the picture called *name*; None when there is none."""
        if name not in self._index:
            return None
        _, offset, length = self._index[name]
        entry: dict[str, Any] = await asyncio.to_thread(self._journal.read_at, offset, length)
        return Picture(**{**entry, "tokens": tuple(entry["tokens"])})

    async def bytes_of(self, picture: Picture) -> bytes:
        """Return the encoded picture, painted at most once at a time however many ask."""
        content = self._painted.get(picture.name)
        if content is not None:
            self._painted.move_to_end(picture.name)
            return content
        task = self._painting.get(picture.name)
        if task is None:
            task = self._painting[picture.name] = asyncio.create_task(self._paint(picture))
        return await asyncio.shield(task)

    async def _paint(self, picture: Picture) -> bytes:
        loop = asyncio.get_running_loop()
        try:
            content = await loop.run_in_executor(self._painters, self._paint_now, picture)
        finally:
            del self._painting[picture.name]
        self._cache(picture.name, content)
        return content

    def _paint_now(self, picture: Picture) -> bytes:
        paths = [self._references / f"{token}.jpg" for token in picture.tokens]
        commission = Commission(
            prompt=picture.prompt,
            seed=picture.seed,
            index=picture.index,
            width=picture.width,
            height=picture.height,
            output_format=picture.output_format,
            watermark=picture.watermark,
            tokens=picture.tokens,
            references=tuple(path.read_bytes() for path in paths if path.exists()),
        )
        return paint(commission)

    def _cache(self, name: str, content: bytes) -> None:
        self._painted[name] = content
        self._painted_bytes += len(content)
        while self._painted_bytes > _CACHE_BYTES:
            _, dropped = self._painted.popitem(last=False)
            self._painted_bytes -= len(dropped)


def _drop_expired(path: Path, oldest_s: float) -> None:
    """Rewrite the file at *path* without the pictures made before *oldest_s*."""
    if not path.exists():
        return
    journal = Journal(path, durable=False)
    entries = [entry for _, _, entry in journal.read_all()]
    kept = [entry for entry in entries if entry["made_s"] >= oldest_s]
    journal.close()
    if len(kept) == len(entries):
        return
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    fresh = Journal(draft, durable=False)
    fresh.append_now(kept)
    fresh.close()
    os.replace(draft, path)


def _drop_old_files(folder: Path, oldest_s: float) -> None:
    for path in folder.iterdir():
        if path.stat().st_mtime < oldest_s:
            path.unlink(missing_ok=True)
