"""What an HTTP answer about a stored output says; no web framework in here.

A key is written once and never changed, so its token is a strong validator and the answer may be kept for good.
"""

from __future__ import annotations

import re

import attrs

from danqing_server.assets.keys import is_shown
from danqing_server.assets.storage import Stat

__all__ = [
    "UNSATISFIABLE",
    "ByteRange",
    "Unsatisfiable",
    "etag_of",
    "is_current",
    "link_headers",
    "matches",
    "parse_range",
    "stored_headers",
]


@attrs.frozen
class ByteRange:
    """Bytes `start` up to, not including, `end`."""

    start: int
    end: int

    def content_range(self, size: int) -> str:
        """Return the `Content-Range` of a 206 answer."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


@attrs.frozen
class Unsatisfiable:
    """A range outside the picture: answer 416 with `Content-Range: bytes */<size>`."""


UNSATISFIABLE = Unsatisfiable()

# Nothing that was taken is given back (`*+`): else each of many blanks is tried at two places, with all behind it.
_RANGE = re.compile(r"bytes\s*+=[\s,]*+(\d{0,18})\s*+-\s*+(\d{0,18})[\s,]*+", re.ASCII | re.IGNORECASE)

_POLICY = "default-src 'none'; sandbox"
_MEDIA_POLICY = "default-src 'none'; media-src 'self'; sandbox"


def parse_range(header: str | None, size: int) -> ByteRange | Unsatisfiable | None:
    """Read a `Range` header against a picture of *size* bytes; None means: answer 200 with the whole.

    Several ranges, other units and malformed values are ignored, as RFC 9110 §14.2 allows (read 2026-11-24).
    A caller that got `If-Range` passes None unless it `matches` strongly.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or found.group(1, 2) == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        length = min(int(last), size)
        return ByteRange(size - length, size) if length else UNSATISFIABLE
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        return UNSATISFIABLE
    return ByteRange(int(first), min(int(last) + 1, size) if last else size)


def etag_of(key: str) -> str:
    """Return the strong entity tag of a key, quotes included."""
    return f'"{key.rpartition("/")[2].rpartition(".")[0]}"'


def matches(header: str | None, etag: str, *, weak: bool = True) -> bool:
    """Tell whether an `If-None-Match` (*weak*) or `If-Range` (not *weak*) header names *etag*."""
    if header is None:
        return False
    if header.strip() == "*":
        return weak
    given = [tag.strip() for tag in header.split(",")]
    return etag in ([tag.removeprefix("W/") for tag in given] if weak else given)


def is_current(if_range: str, stat: Stat) -> bool:
    """Tell whether an `If-Range` header, a strong tag or the very date, means what is stored (RFC 9110 §13.1.5)."""
    return matches(if_range, etag_of(stat.key), weak=False) or if_range.strip() == _modified(stat)


def stored_headers(stat: Stat) -> dict[str, str]:
    """Return the headers of every answer about an output, 304 included, without its length.

    `private`: whoever knows the key may read, but a shared cache should not outlive the task's deletion. What a
    browser does not show by itself is saved. A film that is opened by itself plays inside a page of the browser's
    own, which asks for it again: `media-src`.
    """
    shown = is_shown(stat.media_type)
    return {
        "ETag": etag_of(stat.key),
        "Last-Modified": _modified(stat),
        "Content-Disposition": "inline" if shown else "attachment",
        "Cache-Control": "private, max-age=31536000, immutable",
        "Vary": "Origin",  # what an <img> was given says nothing of who else may read it, and is kept for a year
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": _POLICY if stat.media_type.startswith("image/") or not shown else _MEDIA_POLICY,
    }


def link_headers(link: str) -> dict[str, str]:
    """Return the headers of an answer that leads to *link*, which nobody may keep or pass on."""
    return {
        "Location": link,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def _modified(stat: Stat) -> str:
    return stat.modified_at.strftime("%a, %d %b %Y %H:%M:%S GMT")
