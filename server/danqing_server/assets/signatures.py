"""What kind of file these bytes begin, as far as its first bytes tell."""

from __future__ import annotations

from danqing_plugins import OutputKind

__all__ = ["FORMATS", "PREFIX_BYTES", "format_of", "kinds_of"]

PREFIX_BYTES = 64

FORMATS = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "glb": "model/gltf-binary",
    "zip": "application/zip",
    "pdf": "application/pdf",
}
"""The formats that are known by their bytes, each with its media type; no browser runs anything in one of them."""

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"ID3", "mp3"),
    (b"glTF", "glb"),
    (b"PK\x03\x04", "zip"),
    (b"%PDF-", "pdf"),
)
_RIFF = {b"WEBP": "webp", b"WAVE": "wav"}
_BRANDS = {b"qt  ": "mov", b"M4A ": "m4a", b"M4B ": "m4a", b"M4P ": "m4a"}
_STILL = frozenset({b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"heim", b"heis"})
_OLD_QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip")


def format_of(prefix: bytes) -> str | None:
    """Return the format of a file that begins with *prefix*, as in `FORMATS`; None: none that is known."""
    if prefix[4:8] == b"ftyp":
        return None if prefix[8:12] in _STILL else _BRANDS.get(prefix[8:12], "mp4")
    if prefix[4:8] in _OLD_QUICKTIME:
        return "mov"
    if prefix.startswith(b"\x1a\x45\xdf\xa3"):
        return "mkv" if b"matroska" in prefix else "webm"
    if prefix.startswith(b"RIFF"):
        return _RIFF.get(prefix[8:12])
    known = (name for signature, name in _SIGNATURES if prefix.startswith(signature))
    return next(known, None) or _stream_of(prefix)


def kinds_of(name: str | None) -> frozenset[OutputKind]:
    """Return what a file of that format may be, beside a mere file: a container holds film or sound."""
    if name in ("mp4", "mov", "webm", "mkv"):
        return frozenset({OutputKind.VIDEO, OutputKind.AUDIO})
    first = FORMATS.get(name or "", "").partition("/")[0]
    return frozenset({OutputKind(first)}) if first in ("image", "video", "audio", "model") else frozenset()


def _stream_of(prefix: bytes) -> str | None:
    """An MP3 or ADTS stream begins with a frame: eleven or twelve bits, then a layer, which ADTS has none of."""
    if len(prefix) < 2 or prefix[0] != 0xFF or prefix[1] & 0xE0 != 0xE0:
        return None
    if prefix[1] & 0xF6 == 0xF0:
        return "aac"
    return "mp3" if prefix[1] & 0x06 else None
