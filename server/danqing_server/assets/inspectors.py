"""What each kind of output is looked at with, once its bytes are here."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from danqing_plugins import OutputKind
from danqing_server.assets import films, texts
from danqing_server.assets.inspection import Inspection, inspect_whole
from danqing_server.assets.mp4 import read_mp4
from danqing_server.assets.signatures import FORMATS, PREFIX_BYTES, format_of, kinds_of
from danqing_server.assets.sounds import SOUND_READERS
from danqing_server.assets.structure import CutOff, Structure
from danqing_server.assets.webm import read_webm
from danqing_server.errors import PictureRejected

__all__ = ["inspect"]

_READERS: Mapping[str, Callable[[IO[bytes], int], Structure]] = {
    "mp4": read_mp4,
    "mov": read_mp4,
    "m4a": read_mp4,
    "webm": read_webm,
    "mkv": read_webm,
    **SOUND_READERS,
}
_AUDIO_ONLY = {"mp4": ("audio/mp4", "m4a"), "mov": ("audio/mp4", "m4a"), "webm": ("audio/webm", "weba")}
_FILE = ("application/octet-stream", "bin")
_MISSING_S = 0.25  # of a FLAC, whose head counts its samples; a frame or two that are damaged are passed over
_GLB_HEAD = struct.Struct("<4s4xI")


def inspect(kind: OutputKind, path: Path, *, max_pixels: int, thumbnail: int | None = None) -> Inspection:
    """Look at an output of *kind* that was spooled, and prove it whole as far as its kind allows. Blocks.

    *thumbnail*: of a picture one of that width is made, of what is decoded anyway.

    Raises:
        PictureRejected: `not_a_picture` and `truncated` for pictures, `wrong_kind` and `truncated` for the others;
            `too_large` (more than *max_pixels*).
        OSError: the file itself cannot be read.
        MemoryError: there is too little memory to look at it.
    """
    if kind is OutputKind.IMAGE:
        return _picture(path, max_pixels, thumbnail)
    return _INSPECTORS[kind](path, max_pixels)


def _picture(path: Path, max_pixels: int, thumbnail: int | None) -> Inspection:
    try:
        return inspect_whole(path, max_pixels=max_pixels, thumbnail=thumbnail)
    except PictureRejected as error:
        name = _format_at(path)
        if error.code != "not_a_picture" or name is None or OutputKind.IMAGE in kinds_of(name):
            raise
        raise _wrong_kind(OutputKind.IMAGE, name, code="not_a_picture") from error


def _film(path: Path, max_pixels: int) -> Inspection:
    return _played(OutputKind.VIDEO, path, max_pixels)


def _sound(path: Path, max_pixels: int) -> Inspection:
    return _played(OutputKind.AUDIO, path, max_pixels)


def _played(kind: OutputKind, path: Path, max_pixels: int) -> Inspection:
    name = _format_at(path)
    if name is None or kind not in kinds_of(name):
        raise _wrong_kind(kind, name)
    with _playing(name):
        told = _told(path, name)
        if told is not None:
            _require_kind(kind, told, name)
            if told.width * told.height > max_pixels:
                raise films.OverSize((told.width, told.height))
        decoded = films.decode(path, name, max_pixels=max_pixels)
        found = told if decoded is None else decoded.structure
        if found is None:
            raise films.NotPlayable("its head makes no sense")
        if name == "flac" and decoded is not None and decoded.complete and _lacks_some(told, found):
            raise CutOff("the last of the sound is missing")
    _require_kind(kind, found, name)
    told = told or found
    media_type, extension = FORMATS[name], name
    if kind is OutputKind.AUDIO:
        media_type, extension = _AUDIO_ONLY.get(name, (media_type, extension))
    return Inspection(
        kind=kind,
        media_type=media_type,
        extension=extension,
        width=found.width if kind is OutputKind.VIDEO else 0,
        height=found.height if kind is OutputKind.VIDEO else 0,
        duration_s=_rounded(found.duration_s or told.duration_s),
        fps=_rounded(found.fps or told.fps),
        has_audio=found.has_audio,
        decoded=decoded is not None and decoded.complete,
        poster=decoded.poster if decoded is not None else None,
    )


def _told(path: Path, name: str) -> Structure | None:
    """Return what the container says; None when that makes no sense to us: a decoder may know better.

    Raises CutOff: it says more than is there.
    """
    with path.open("rb") as file:
        try:
            return _READERS[name](file, path.stat().st_size)
        except CutOff:
            raise
        except (ValueError, LookupError, ArithmeticError, struct.error):
            return None


def _lacks_some(told: Structure | None, found: Structure) -> bool:
    """Tell whether less was decoded than the head counts."""
    return told is not None and (told.duration_s or 0.0) - (found.duration_s or 0.0) > _MISSING_S


def _require_kind(kind: OutputKind, found: Structure, name: str) -> None:
    """A container of sound alone is no video; one with pictures is no sound."""
    if kind is OutputKind.VIDEO and not found.has_video:
        raise PictureRejected(texts.NO_FILM_INSIDE(format=name), code="wrong_kind")
    if kind is OutputKind.AUDIO and (found.has_video or not found.has_audio):
        raise PictureRejected(texts.NO_SOUND_ALONE(format=name), code="wrong_kind")


def _model(path: Path, max_pixels: int) -> Inspection:
    return _file_of(OutputKind.MODEL, path)


def _file(path: Path, max_pixels: int) -> Inspection:
    return _file_of(OutputKind.FILE, path)


def _file_of(kind: OutputKind, path: Path) -> Inspection:
    """A file is kept as it is, under a type that no browser runs; a GLB says how long it is."""
    name = _format_at(path)
    media_type, extension = (FORMATS[name], name) if name is not None else _FILE
    if name == "glb":
        with path.open("rb") as file, _playing("glb"):
            if _GLB_HEAD.unpack(file.read(_GLB_HEAD.size).ljust(_GLB_HEAD.size, b"\xff"))[1] > path.stat().st_size:
                raise CutOff("the last of it is missing")
    return Inspection(kind=kind, media_type=media_type, extension=extension, width=0, height=0, decoded=False)


_INSPECTORS: Mapping[OutputKind, Callable[[Path, int], Inspection]] = {
    OutputKind.VIDEO: _film,
    OutputKind.AUDIO: _sound,
    OutputKind.MODEL: _model,
    OutputKind.FILE: _file,
}


def _format_at(path: Path) -> str | None:
    with path.open("rb") as file:
        return format_of(file.read(PREFIX_BYTES))


def _wrong_kind(wanted: OutputKind, name: str | None, *, code: str = "wrong_kind") -> PictureRejected:
    if name is None:
        return PictureRejected(texts.NOT_OF_KIND(wanted=texts.KINDS[wanted]), code=code)
    found = texts.KINDS[min(kinds_of(name), key=list(OutputKind).index, default=OutputKind.FILE)]
    return PictureRejected(texts.WRONG_KIND(found=found, format=name, wanted=texts.KINDS[wanted]), code=code)


@contextmanager
def _playing(name: str) -> Iterator[None]:
    try:
        yield
    except films.OverSize as error:
        width, height = error.size
        message = texts.FRAMES_TOO_LARGE(width=width, height=height, pixels=width * height)
        raise PictureRejected(message, code="too_large") from error
    except (films.NotPlayable, CutOff) as error:
        raise PictureRejected(texts.FILE_CUT_OFF(format=name, reason=str(error)), code="truncated") from error


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
