"""What the head of a request, and of a chunk, may look like: what two readers could read in two ways is refused.

Sanic splits at colons, strips white space of every alphabet and lets `int` read numbers; a proxy in front that
reads another way would see other requests in the same bytes.
Source: RFC 9112 §2.2, §3.2, §5.1, §6.1, §6.3 and §7.1, read 2026-11-28.
"""

from __future__ import annotations

import re

from sanic.exceptions import BadRequest

__all__ = ["END_OF_HEAD", "check_chunk_head", "check_head", "whole_number"]

END_OF_HEAD = b"\r\n\r\n"
LONGEST_CHUNK_HEAD_BYTES = 256
LONGEST_NUMBER = 18

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TEXT = rb"[\t\x20-\x7e\x80-\xff]*"
_HEAD = re.compile(
    rb"%b [\x21-\x7e\x80-\xff]+ HTTP/(?P<version>[0-9]\.[0-9])(?:\r\n%b:%b)*" % (_TOKEN, _TOKEN, _TEXT)
)
_FRAMING = re.compile(rb"\r\n(host|content-length|transfer-encoding):[ \t]*([^\r]*)", re.IGNORECASE)
_CHUNK_HEAD = re.compile(rb"\r\n[0-9A-Fa-f]{1,15}[ \t]*(?:;%b)?\r\n" % _TEXT)
_DIGITS = {10: re.compile(r"[0-9]{1,18}", re.ASCII), 16: re.compile(r"[0-9A-Fa-f]{1,15}", re.ASCII)}


def check_head(head: bytes) -> None:
    """Refuse a head, without the empty line that ends it, that leaves open where its request ends or whom it asks.

    Raises:
        BadRequest: a line is malformed, `Host` is missing or there twice, or the body's length is not told in
            exactly one plain way.
    """
    found = _HEAD.fullmatch(head)
    if found is None:
        raise BadRequest("the head is malformed")
    hosts = lengths = 0
    for name, value in _FRAMING.findall(head):
        if len(name) == len("host"):
            hosts += 1
            continue
        lengths += 1
        _check_length(name.lower(), value.rstrip(b" \t"), found["version"])
    if lengths > 1 or hosts > 1 or (hosts == 0 and found["version"] == b"1.1"):
        raise BadRequest("Host or the body's length is missing, or there twice")


def _check_length(name: bytes, value: bytes, version: bytes) -> None:
    if name == b"content-length":
        if not value.isdigit() or len(value) > LONGEST_NUMBER:
            raise BadRequest("Content-Length is no number")
    elif value != b"chunked" or version != b"1.1":
        raise BadRequest("Transfer-Encoding is not chunked, or not of HTTP/1.1")


def check_chunk_head(received: bytes | bytearray) -> bool:
    """Tell whether the line before a chunk is there: False as long as more of it has to come. Raises BadRequest."""
    if _CHUNK_HEAD.match(received):
        return True
    if (
        received.find(b"\r\n", 2) >= 0
        or len(received) > LONGEST_CHUNK_HEAD_BYTES
        or not received.startswith(b"\r\n"[: len(received)])
    ):
        raise BadRequest("a chunk's size is malformed")
    return False


def whole_number(text: str, base: int) -> int:
    """Read a number as HTTP writes it: digits of *base* alone. Raises ValueError."""
    digits = text.strip(" \t")
    if not _DIGITS[base].fullmatch(digits):
        raise ValueError(f"no number of base {base}")
    return int(digits, base)
