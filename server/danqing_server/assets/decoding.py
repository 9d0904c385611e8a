"""Base64 as tools write it, decoded a piece at a time.

Taken: line breaks and other ASCII white space anywhere, padding that is missing or too long, the URL-safe alphabet,
and a `data:` prefix. These are what `base64`, `openssl`, MIME libraries and browsers write; none can make one
picture out of another. Source: RFC 4648 §3 to §5 and the WHATWG's "forgiving-base64 decode", read 2026-11-27.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

import attrs

from danqing_plugins import Text
from danqing_server.assets import texts
from danqing_server.errors import PictureRejected

__all__ = ["decode_base64"]

PIECE_CHARACTERS = 128 * 1024 // 3 * 4

_PREFIX = re.compile(r"\s{0,64}data:[^,]{0,256};\s?base64,", re.IGNORECASE)
_ALPHABET = bytes.maketrans(b"-_", b"+/")
_WHITE = b" \t\r\n\f"
_FOREIGN = re.compile(rb"[^A-Za-z0-9+/=]")


def decode_base64(text: str, start: int = 0) -> Iterator[bytes]:
    """Decode *text* from *start* on, in pieces of at most 128 KiB. A `data:` prefix there is passed over.

    Raises:
        PictureRejected: `not_a_picture`, when the damage is reached; the message says what and where it is.
    """
    prefix = _PREFIX.match(text, start)
    decoder = _Decoder()
    for at in range(prefix.end() if prefix else start, len(text), PIECE_CHARACTERS):
        decoded = decoder.take(text[at : at + PIECE_CHARACTERS])
        if decoded:
            yield decoded
    last = decoder.end()
    if last:
        yield last


@attrs.define
class _Decoder:
    """What is still undecoded, fewer than four characters, and what has been: for the place in a message."""

    rest: bytes = b""
    decoded_characters: int = 0
    padded: bool = False

    def take(self, piece: str) -> bytes:
        # Other letters become one byte each, which the alphabet does not have: nothing is lost of their number.
        written = piece.encode("ascii", "replace").translate(_ALPHABET, _WHITE)
        if self.padded or b"=" in written:
            written = self._without_padding(written)
        whole = self.rest + written
        cut = len(whole) // 4 * 4
        self.rest = whole[cut:]
        return self._decode(whole[:cut])

    def end(self) -> bytes:
        if len(self.rest) == 1 and not _FOREIGN.match(self.rest):
            raise _damaged(texts.BASE64_BREAKS_OFF(count=self.decoded_characters + 1))
        return self._decode(self.rest + b"=" * (-len(self.rest) % 4))

    def _without_padding(self, written: bytes) -> bytes:
        data = written.rstrip(b"=")
        if b"=" in data or (self.padded and data):
            raise _damaged(texts.BASE64_CONTINUES())
        self.padded = True
        return data

    def _decode(self, characters: bytes) -> bytes:
        try:
            decoded = binascii.a2b_base64(characters, strict_mode=True)
        except binascii.Error:
            found = _FOREIGN.search(characters)
            at = self.decoded_characters + (found.start() if found else 0) + 1
            raise _damaged(texts.BASE64_FOREIGN(at=at)) from None
        self.decoded_characters += len(characters)
        return decoded


def _damaged(what: Text) -> PictureRejected:
    return PictureRejected(texts.BASE64_DAMAGED(what=what), code="not_a_picture")
