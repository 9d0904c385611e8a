"""Video and audio, by way of PyAV: proved whole, measured, and a poster made of a video.

Proved is: each sample that the container names lies in the file, each packet can be read to its end, and the first
and the last group of pictures decode; audio decodes from end to end. What lies between the two is read and not
decoded. Without PyAV (the extra `video`) the container alone is looked at.

Files come from outside: the format is named to FFmpeg, so that no playlist is followed; size, streams, frames
and time are bounded. Whose frames are too large to be decoded here, or takes too long, is read to its end and kept
undecoded: it is paid for.
"""

from __future__ import annotations

import errno
import mmap
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from danqing_server.assets.posters import Poster, PosterChoice
from danqing_server.assets.structure import Structure

if TYPE_CHECKING:
    from av.container import InputContainer

__all__ = ["Decoded", "NotPlayable", "OverSize", "decode"]

MOST_STREAMS = 32
LARGEST_FRAME_PIXELS = 17_000_000  # 4096 by 4096: of 25 MB each a decoder may hold some twenty
GROUP_FRAMES = 600
DECODE_S = 60.0
OPEN_S = 20.0

DECODER_BYTES = 256 * 1024 * 1024

_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOENT, errno.EACCES})
"""What is not the file's fault; FFmpeg says EIO, EPERM and EINVAL of damaged files, too, and ours was just read."""
_OF_MEMORY = frozenset({errno.ENOMEM, errno.EAGAIN})
"""What is said where memory is short (EAGAIN: a thread got no stack); FFmpeg says it of damaged files, too."""

_DEMUXERS = {
    "mp4": "mov",
    "mov": "mov",
    "m4a": "mov",
    "webm": "matroska",
    "mkv": "matroska",
    "mp3": "mp3",
    "aac": "aac",
    "wav": "wav",
    "ogg": "ogg",
    "flac": "flac",
}


class NotPlayable(Exception):
    """Nothing of it can be decoded, or it ends before it should; the text says what is wrong."""


class OverSize(Exception):
    """Its frames are larger than what is decoded; `size` is theirs."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__(size)
        self.size = size


@attrs.frozen(kw_only=True)
class Decoded:
    """What decoding showed. `complete`: as much as proves it whole was decoded; else it was too large, or slow."""

    structure: Structure
    poster: Poster | None
    complete: bool


def decode(path: Path, format_: str, *, max_pixels: int) -> Decoded | None:
    """Decode enough of a file to know that it is whole; None when nothing here can. Blocks.

    Raises:
        NotPlayable: it is damaged or cut off.
        OverSize: a frame has more than *max_pixels*.
        OSError: the file cannot be read.
        MemoryError: there is too little memory for it.
    """
    try:
        import av
    except ImportError:
        return None
    options = {"max_pixels": str(min(max_pixels, LARGEST_FRAME_PIXELS)), "threads": "1"}
    try:
        with av.open(
            str(path),
            format=_DEMUXERS[format_],
            options=options,
            timeout=(OPEN_S, OPEN_S),
            metadata_errors="replace",
        ) as container:
            return _Decoding(container, max_pixels, time.monotonic() + DECODE_S).run()
    except av.FFmpegError as error:
        if error.errno in _OURS:
            raise OSError(error.errno, "decoding a spooled file") from error
        if error.errno in _OF_MEMORY and not _has_memory():
            raise MemoryError("decoding a spooled file") from error
        if isinstance(error, av.DecoderNotFoundError):
            return None
        raise NotPlayable(type(error).__name__) from error
    except (NotPlayable, OverSize, MemoryError):
        raise
    except Exception as error:  # the binding, too, raises anything on damaged bytes
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise NotPlayable(type(error).__name__) from error


def _has_memory() -> bool:
    """Tell whether a decoder could have its memory now; what is not touched costs none.

    Of a table whose length a damaged file lies about FFmpeg says ENOMEM, however much there is.
    """
    try:
        with mmap.mmap(-1, DECODER_BYTES):
            return True
    except OSError:
        return False


@attrs.define
class _Decoding:
    """One file while it is decoded. PyAV's objects are `Any`: its types are only there with the extra."""

    container: InputContainer
    max_pixels: int
    until_s: float
    choice: PosterChoice = attrs.field(factory=PosterChoice)

    def run(self) -> Decoded | None:
        streams: Any = self.container.streams
        if len(streams) > MOST_STREAMS:
            raise NotPlayable(f"{len(streams)} streams")
        video = _film_of(streams)
        if video is None and not streams.audio:
            raise NotPlayable("neither video nor audio")
        first = streams.audio[0] if video is None else video
        if first.codec_context is None:
            return None
        return self._sound(first) if video is None else self._film(video, has_audio=bool(streams.audio))

    def _film(self, video: Any, *, has_audio: bool) -> Decoded:
        size = (video.codec_context.width, video.codec_context.height)
        pixels = size[0] * size[1]
        if pixels > self.max_pixels:
            raise OverSize(size)
        last_key = self._read_through(video)
        if pixels > LARGEST_FRAME_PIXELS:
            return self._found(video, size, has_audio=has_audio, complete=False)
        self._seek(0, video)
        shown, frames = self._group(video, until_key=True)
        if not frames:
            raise NotPlayable("no frame can be decoded")
        if last_key is not None and last_key > (shown or 0) and frames:
            self._seek(last_key, video)
            if not self._group(video, until_key=False)[1] and not self._late:
                raise NotPlayable("its last frames cannot be decoded")
        return self._found(video, self.choice.size or size, has_audio=has_audio, complete=not self._late)

    def _found(self, video: Any, size: tuple[int, int], *, has_audio: bool, complete: bool) -> Decoded:
        structure = Structure(
            has_video=True,
            has_audio=has_audio,
            width=size[0],
            height=size[1],
            duration_s=_seconds(self.container, video),
            fps=float(video.average_rate) if video.average_rate else None,
        )
        return Decoded(structure=structure, poster=self.choice.poster(), complete=complete)

    def _sound(self, audio: Any) -> Decoded:
        samples, rate = 0, 0
        for frame in self._frames(audio):
            samples, rate = samples + frame.samples, frame.sample_rate
            if self._late:
                break
        if not samples:
            raise NotPlayable("no sound can be decoded")
        counted_s = samples / rate if rate and not self._late else None
        structure = Structure(has_audio=True, duration_s=counted_s or _seconds(self.container, audio))
        return Decoded(structure=structure, poster=None, complete=not self._late)

    @property
    def _late(self) -> bool:
        return time.monotonic() > self.until_s

    def _read_through(self, video: Any) -> int | None:
        """Read every packet; return when the last group of pictures begins, in the stream's own time.

        What an edit list cuts away is there and not shown: nothing comes out of a group that begins behind it.
        """
        last_key = None
        for packet in self.container.demux():
            if packet.is_corrupt:
                raise NotPlayable("a packet is cut off")
            if packet.stream is video and packet.is_keyframe and packet.size and not packet.is_discard:
                last_key = packet.pts if packet.pts is not None else packet.dts
            if self._late:
                break
        return last_key

    def _seek(self, to: int, stream: Any) -> None:
        start = (stream.start_time or 0) if not to else 0
        self.container.seek(to + start, stream=stream, backward=True)

    def _group(self, video: Any, *, until_key: bool) -> tuple[int | None, int]:
        """Decode from here: to the next group of pictures once a poster is chosen, or to the end.

        Return the time of the last frame, and how many there were.
        """
        shown, count = None, 0
        for frame in self._frames(video):
            count += 1
            shown = frame.pts if frame.pts is not None else shown
            if until_key:
                self.choice.look_at(frame)
            begins_another = until_key and count > 1 and frame.key_frame and self.choice.made
            if begins_another or count >= GROUP_FRAMES or self._late:
                break
        return shown, count

    def _frames(self, stream: Any) -> Iterator[Any]:
        """Yield what can be decoded; damaged packets are passed over, as players do."""
        import av

        for packet in self.container.demux(stream):
            frames: list[Any] = []
            with suppress(av.InvalidDataError):
                frames = packet.decode()
            yield from frames


def _film_of(streams: Any) -> Any:
    """Return the first stream that is a film, None when there is none: the cover of a record is none."""
    return next((each for each in streams.video if not _is_cover(each)), None)


def _is_cover(stream: Any) -> bool:
    import av.stream

    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _seconds(container: Any, stream: Any) -> float | None:
    if container.duration:
        return float(container.duration) / 1e6
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None
