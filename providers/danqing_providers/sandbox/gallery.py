"""What was made: what is needed to make each again, and the cached bytes.

A work is kept as its description, one line of `works.jsonl`, and made when its link is first opened; painter and
film maker are deterministic, so that every GET of a link gives the same bytes, also after a restart.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

import attrs
import orjson

from danqing_providers.sandbox.journal import Journal, line_length, sift
from danqing_providers.sandbox.links import FILES
from danqing_providers.sandbox.painter import Commission, paint
from danqing_providers.sandbox.references import Reference
from danqing_providers.sandbox.sounds import as_wav, compose

__all__ = ["MEDIA_TYPES", "FilmsUnavailable", "Gallery", "Work"]

_FILE_NAME: Final = "works.jsonl"
_CACHE_BYTES: Final = 96 * 1024 * 1024
_SWEEP_EVERY: Final = 256
_REFERENCES_KEPT_S: Final = 7 * 86_400


MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "jpeg": "image/jpeg",
        "png": "image/png",
        "webp": "image/webp",
        "mp4": "video/mp4",
        "mov": "video/quicktime",
        "wav": "audio/wav",
        "mp3": "audio/mpeg",
    }
)
"""The forms that a work can have, with their media types."""


@attrs.frozen(kw_only=True)
class Work:
    """Something that was made: a picture, a film or a sound.

    `name` is unique in the sandbox and may stand in a path. `form` is one of `MEDIA_TYPES`. `seconds` is the length
    of a film or a sound, `sound` whether a film has any; a picture that has a length is the last frame of such a
    film. `cutout` is what of a picture is not transparent, as in `Commission`. `tokens` are its references'.
    `place` is the path of its links without the dialect's prefix; None for `/files/<name>.<form>`. `kept_s` is how
    long it is there at least.
    """

    name: str
    dialect: str
    model: str
    prompt: str
    form: str
    made_s: float
    index: int = 0
    seed: int | None = None
    width: int = 1024
    height: int = 1024
    seconds: float = 0
    sound: bool = False
    watermark: bool = False
    cutout: tuple[float, float, float, float] | None = None
    tokens: tuple[str, ...] = ()
    place: str | None = None
    kept_s: float = 86_400

    @classmethod
    def remembered(cls, entry: Mapping[str, Any]) -> Work:
        """Return the work that was written as *entry*: JSON knows no tuples."""
        cutout = entry.get("cutout")
        return cls(**{**entry, "tokens": tuple(entry["tokens"]), "cutout": tuple(cutout) if cutout else None})

    @property
    def path(self) -> str:
        """The path of its links, without the dialect's prefix."""
        return self.place or f"{FILES}/{self.name}.{self.form}"

    @property
    def content_type(self) -> str:
        """Its media type."""
        return MEDIA_TYPES[self.form]

    @property
    def is_plain_picture(self) -> bool:
        """Whether it takes no film maker to make it."""
        return self.content_type.startswith("image/") and not self.seconds

    @property
    def digest(self) -> str:
        """What is the same for works that look the same."""
        shown: list[Any] = [self.prompt, self.seed, self.index, self.width, self.height, self.seconds, self.sound]
        shown += [self.form, self.watermark, self.cutout, *self.tokens]
        return hashlib.sha256(orjson.dumps(shown)).hexdigest()


class FilmsUnavailable(Exception):
    """A film was asked for, and the film maker's library is not installed."""


class Gallery:
    """The descriptions on disk, an index of them in memory, and a bounded cache of painted bytes."""

    def __init__(self, data_dir: Path, painters: Executor, *, clock: Callable[[], float]) -> None:
        self._painters = painters
        self._clock = clock
        self._references = data_dir / "references"
        self._references.mkdir(exist_ok=True)
        self._index: dict[str, tuple[float, int, int]] = {}
        self._kept = 0
        self._painted: OrderedDict[str, bytes] = OrderedDict()
        self._painted_bytes = 0
        self._painting: dict[str, asyncio.Task[bytes]] = {}
        self._journal = self._open(data_dir / _FILE_NAME)

    def _open(self, path: Path) -> Journal:
        now_s = self._clock()
        sift(path, lambda works: [work for work in works if work["made_s"] + work["kept_s"] >= now_s])
        _drop_old_files(self._references, time.time() - _REFERENCES_KEPT_S)
        journal = Journal(path, durable=False)
        for offset, length, entry in journal.read_all():
            self._index[entry["name"]] = (entry["made_s"] + entry["kept_s"], offset, length)
        return journal

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Wait for the pictures being painted and close the file."""
        await asyncio.gather(*self._painting.values(), return_exceptions=True)
        await self._journal.__aexit__(*exc)

    async def keep(self, works: Sequence[Work]) -> None:
        """Write the descriptions down, so that their links work."""
        if not works:
            return
        lines = [attrs.asdict(work) for work in works]
        offset = await self._journal.append(lines)
        for work, line in zip(works, lines, strict=True):
            length = line_length(line)
            self._index[work.name] = (work.made_s + work.kept_s, offset, length)
            offset += length
        self._forget_expired()

    def _forget_expired(self) -> None:
        self._kept += 1
        if self._kept % _SWEEP_EVERY:
            return
        now_s = self._clock()
        for name in [name for name, (until_s, _, _) in self._index.items() if until_s < now_s]:
            del self._index[name]

    def keep_reference(self, reference: Reference) -> None:
        """Keep a reference's preview for the pictures that use it. Blocks."""
        path = self._references / f"{reference.token}.jpg"
        if reference.preview is None or path.exists():
            return
        draft = path.with_suffix(f".{secrets.token_hex(4)}")
        draft.write_bytes(reference.preview)
        draft.replace(path)

    async def find(self, name: str) -> Work | None:
        """Return the work called *name*; None when there is none."""
        if name not in self._index:
            return None
        _, offset, length = self._index[name]
        entry: dict[str, Any] = await asyncio.to_thread(self._journal.read_at, offset, length)
        return Work.remembered(entry)

    async def bytes_of(self, work: Work) -> bytes:
        """Return the encoded work, made at most once at a time however many ask. Raises: FilmsUnavailable."""
        digest = work.digest
        content = self._painted.get(digest)
        if content is not None:
            self._painted.move_to_end(digest)
            return content
        task = self._painting.get(digest)
        if task is None:
            task = self._painting[digest] = asyncio.create_task(self._make(work, digest))
        await asyncio.wait({task})  # not shielded: that reports what fails once nobody asks for it any more
        return task.result()

    async def _make(self, work: Work, digest: str) -> bytes:
        loop = asyncio.get_running_loop()
        try:
            content = await loop.run_in_executor(self._painters, self._make_now, work)
        finally:
            del self._painting[digest]
        self._cache(digest, content)
        return content

    def _make_now(self, work: Work) -> bytes:
        paths = [self._references / f"{token}.jpg" for token in work.tokens]
        commission = Commission(
            prompt=work.prompt,
            seed=work.seed,
            index=work.index,
            width=work.width,
            height=work.height,
            output_format=work.form,
            watermark=work.watermark,
            cutout=work.cutout,
            tokens=work.tokens,
            references=tuple(path.read_bytes() for path in paths if path.exists()),
        )
        return paint(commission) if work.is_plain_picture else _make_moving(work, commission)

    def _cache(self, digest: str, content: bytes) -> None:
        self._painted[digest] = content
        self._painted_bytes += len(content)
        while self._painted_bytes > _CACHE_BYTES:
            _, dropped = self._painted.popitem(last=False)
            self._painted_bytes -= len(dropped)


def _make_moving(work: Work, commission: Commission) -> bytes:
    if work.form == "wav":
        return as_wav(compose(work.prompt, work.seconds))
    try:
        films = importlib.import_module("danqing_providers.sandbox.films")
    except ImportError as error:
        raise FilmsUnavailable("films need PyAV: pip install 'danqing[video]'") from error
    made: bytes
    if work.form == "mp3":
        made = films.encode_mp3(compose(work.prompt, work.seconds))
    elif work.content_type.startswith("image/"):
        made = films.paint_last_frame(commission, work.seconds)
    else:
        made = films.paint_film(commission, work.seconds, sound=work.sound)
    return made


def _drop_old_files(folder: Path, oldest_s: float) -> None:
    for path in folder.iterdir():
        if path.stat().st_mtime < oldest_s:
            path.unlink(missing_ok=True)
