"""Audio files without a decoder: whether they are whole as far as their heads tell, and how long they play.

An MP3 and an ADTS stream promise nothing of their length, so nothing is to be missed in them. Sources: RIFF/WAVE
(Microsoft, "Multiple Channel Audio Data"), RFC 9639 (FLAC), RFC 3533 (Ogg), ISO/IEC 11172-3 and 13818-7 (frame
headers), id3.org "ID3v2.4", read 2026-11-28.
"""

from __future__ import annotations

import struct
from typing import IO

from danqing_server.assets.structure import CutOff, Structure

__all__ = ["SOUND_READERS"]

LARGEST_TAG_BYTES = 64 * 1024 * 1024
OGG_TAIL_BYTES = 70_000  # one page is at most 65307 bytes
LEAST_MADE_UP_BYTES = 2_000_000_000
"""From here on a WAV's length is what stands for one in a head that was written before the sound was there.

Seen: 0xFFFFFFFF (OpenAI, MiniMax), 0x7FFFFFFF (ElevenLabs), some less (DashScope), 2000000000 (Pocket TTS).
Sources: github.com/pollinations/pollinations/pull/11457, langgenius/dify/issues/41456,
AstrBotDevs/AstrBot/pull/10189 and kyutai-labs/pocket-tts/issues/229, read 2026-11-30.
"""


def _read_wav(file: IO[bytes], size_bytes: int) -> Structure:
    """What its first bytes say of the file's length many writers count wrongly; the sound's own is what counts."""
    file.seek(12)
    bytes_per_s, length = 0, None
    while len(head := file.read(8)) == 8:
        kind, size = struct.unpack("<4sI", head)
        if kind == b"fmt ":
            (bytes_per_s,) = struct.unpack_from("<8xI", file.read(16))
            size -= 16
        elif kind == b"data":
            length = size if 0 < size < LEAST_MADE_UP_BYTES else size_bytes - file.tell()
            break
        file.seek(size + size % 2, 1)
    if length is None or not bytes_per_s:
        raise ValueError("it holds no sound")
    if file.tell() + length > size_bytes:
        raise CutOff("the last of the sound is missing")
    return Structure(has_audio=True, duration_s=length / bytes_per_s)


def _read_flac(file: IO[bytes], _size_bytes: int) -> Structure:
    info = file.read(8 + 34)[8:]
    (packed,) = struct.unpack_from(">Q", info, 10)
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    if not rate:
        raise ValueError("its head makes no sense")
    return Structure(has_audio=True, duration_s=samples / rate if samples else None)


def _read_ogg(file: IO[bytes], size_bytes: int) -> Structure:
    file.seek(max(0, size_bytes - OGG_TAIL_BYTES))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    segments = page[26]
    if len(page) < 27 + segments + sum(page[27 : 27 + segments]):
        raise CutOff("its last page is cut off")
    return Structure(has_audio=True)


def _read_frames(file: IO[bytes], size_bytes: int) -> Structure:
    """An MP3 or an ADTS stream: behind its tag, if it has one, there has to be a frame."""
    head = file.read(10)
    if head.startswith(b"ID3"):
        length = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        if length > LARGEST_TAG_BYTES or 10 + length >= size_bytes:
            raise ValueError("there is nothing behind its tag")
        file.seek(10 + length)
        head = file.read(10).lstrip(b"\0")
        if not head:  # padding that the tag does not count
            return Structure(has_audio=True)
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        raise ValueError("there is no frame of sound")
    return Structure(has_audio=True)


SOUND_READERS = {"wav": _read_wav, "flac": _read_flac, "ogg": _read_ogg, "mp3": _read_frames, "aac": _read_frames}
