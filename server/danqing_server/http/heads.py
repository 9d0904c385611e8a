"""The head of a request, read; and of a chunk. What two readers could read in two ways is refused.

Sanic splits at colons, strips white space of every alphabet and lets `int` read numbers; a proxy in front that
reads another way would see other requests in the same bytes.
Source: RFC 9112 §2.2, §3.2, §5.1, §6.1, §6.3, §7.1 and §9.3, read 2026-11-28.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from sanic.compat import Header
from sanic.exceptions import BadRequest

__all__ = ["END_OF_HEAD", "Head", "check_chunk_head", "read_head", "whole_number"]

END_OF_HEAD = b"\r\n\r\n"
LONGEST_CHUNK_HEAD_BYTES = 256

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TEXT = rb"[\t\x20-\x7e\x80-\xff]*"
_HEAD = re.compile(rb"%b [\x21-\x7e\x80-\xff]+ HTTP/1\.[01](?:\r\n%b:%b)*" % (_TOKEN, _TOKEN, _TEXT))
_CHUNK_HEAD = re.compile(rb"\r\n[0-9A-Fa-f]{1,15}[ \t]*(?:;%b)?\r\n" % _TEXT)
_DIGITS = {10: re.compile(r"[0-9]{1,18}", re.ASCII), 16: re.compile(r"[0-9A-Fa-f]{1,15}", re.ASCII)}


class Head(NamedTuple):
    """What a head says. `version` is `1.0` or `1.1`, the names of `headers` are lower case.

    `length_bytes` is the body's length, 0 without one and None for one that comes in chunks. `keeps_alive`: the
    client may ask again on the same connection.
    """

    method: str
    url: str
    version: str
    headers: Header
    length_bytes: int | None
    keeps_alive: bool


def read_head(head: bytes) -> Head:
    """Read a head, without the empty line that ends it; one that leaves open what it asks, or of whom, is refused.

    Raises:
        BadRequest: a line is malformed, `Host` is missing or there twice, or the body's length is not told in
            exactly one plain way.
    """
    if _HEAD.fullmatch(head) is None:
        raise BadRequest("the head is malformed")
    asked, *lines = head.decode(errors="surrogateescape").split("\r\n")
    method, url, protocol = asked.split(" ")
    version = protocol[len("HTTP/") :]
    pairs = [line.split(":", 1) for line in lines]
    headers = Header([(name.lower(), value.strip(" \t")) for name, value in pairs])
    hosts = len(headers.getall("host", ()))
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        raise BadRequest("Host is missing, or there twice")
    return Head(method, url, version, headers, _length(headers, version), _keeps_alive(headers, version))


def _length(headers: Header, version: str) -> int | None:
    """Return how long the body is, None for one that comes in chunks."""
    lengths: Sequence[str] = headers.getall("content-length", ())
    codings: Sequence[str] = headers.getall("transfer-encoding", ())
    if len(lengths) + len(codings) > 1:
        raise BadRequest("the body's length is there twice")
    if codings:
        if codings[0] != "chunked" or version != "1.1":
            raise BadRequest("Transfer-Encoding is not chunked, or not of HTTP/1.1")
        return None
    try:
        return whole_number(lengths[0], 10) if lengths else 0
    except ValueError as error:
        raise BadRequest("Content-Length is no number") from error


def _keeps_alive(headers: Header, version: str) -> bool:
    lines = headers.getall("connection", ())
    if not lines:
        return version == "1.1"
    told = {option.strip(" \t").lower() for line in lines for option in line.split(",")}
    return "close" not in told and (version == "1.1" or "keep-alive" in told)


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
