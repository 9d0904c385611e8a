"""Where a picture of an answer is to be had: bytes at hand before a link, a link as the service wrote it."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from danqing_plugins.models import Source

__all__ = ["source_of"]

_DATA: Final = "data:"
_HEAD_CHARACTERS: Final = 24
_PICTURE: Final = re.compile(rb"\x89PNG|\xff\xd8\xff|RIFF|GIF8|BM|II\*\0|MM\0\*|....ftyp", re.DOTALL)


def source_of(item: Any, base_url: str) -> Source | None:
    """Return where the picture of *item* is, None when it names neither link nor bytes.

    Bytes cannot be late and cannot expire: they come first, unless they are no picture and a link is there too. A
    relative link is one of *base_url*'s server.
    """
    if not isinstance(item, Mapping):
        return None
    encoded, link = _text(item.get("b64_json")), _text(item.get("url"))
    if link[: len(_DATA)].lower() == _DATA:
        encoded, link = encoded or link, ""
    if encoded and (not link or _is_picture(encoded)):
        return Source.from_base64(encoded)
    return Source.from_url(_absolute(link, base_url)) if link else None


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _absolute(link: str, base_url: str) -> str:
    """Return *link* untouched when it names its server: a signature covers it as it was written."""
    try:
        return link if urlsplit(link).scheme else urljoin(base_url, link)
    except ValueError:
        return link


def _is_picture(encoded: str) -> bool:
    """Say whether base64 begins as a picture does."""
    beginning = encoded[:256]
    if beginning[: len(_DATA)].lower() == _DATA:
        beginning = beginning.partition(",")[2]
    head = re.sub(r"\s+", "", beginning)[:_HEAD_CHARACTERS]
    try:
        return _PICTURE.match(base64.b64decode(head, altchars=None, validate=True)) is not None
    except ValueError:
        return False
