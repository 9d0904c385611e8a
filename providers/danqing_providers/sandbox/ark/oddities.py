"""Answers that are billed, whole and readable, and yet not in the usual form."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from danqing_providers.sandbox.faults import FaultKind
from danqing_providers.sandbox.odd_bytes import OddBytes

__all__ = ["Oddities", "encode_event"]

LINE_CHARACTERS: Final = 76
DEAD_LINK: Final = "/doubao-gone/0_0.jpeg"


def encode_event(name: str, data: Mapping[str, Any]) -> bytes:
    """Return one event: its name, its data on one line, an empty line."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))


class Oddities(OddBytes):
    """What is odd about one answer; nothing, as a rule."""

    @property
    def asks_for_bytes(self) -> bool:
        """Whether pictures come as bytes, whatever was asked."""
        return FaultKind.ANSWER_BYTES in self.faults

    def item(self, item: dict[str, Any], content: bytes, base_url: str) -> dict[str, Any]:
        """Return a picture's entry as it is sent; *content* are its bytes where they are asked for, else empty."""
        if (fault := self.faults.get(FaultKind.ANSWER_BYTES)) is not None:
            item = {name: value for name, value in item.items() if name != "url"}
            item["b64_json"] = _encoded(content, fault.form)
            if fault.form == "with_link":
                item["url"] = base_url + DEAD_LINK
        elif (fault := self.faults.get(FaultKind.ANSWER_LINKS)) is not None and "url" in item:
            item = {**item, "url": _shortened(item["url"], fault.form)}
        return item

    def event(self, name: str, data: Mapping[str, Any]) -> bytes:
        """Return one event of a stream.

        Source of the odd form: volcengine.com/docs/82379/1824137, its sample answer, read 2026-11-23.
        """
        if FaultKind.STREAM_SAMPLE not in self.faults:
            return encode_event(name, data)
        pretty = orjson.dumps(data, option=orjson.OPT_INDENT_2).replace(b"\n", b"\n  ")
        return b"event: %b\ndata: %b\n\n" % (name.encode(), pretty)


def _encoded(content: bytes, form: str | None) -> str:
    text = base64.b64encode(content).decode()
    if form == "unpadded":
        return text.rstrip("=")
    if form == "lines":
        return "\n".join(text[at : at + LINE_CHARACTERS] for at in range(0, len(text), LINE_CHARACTERS)) + "\n"
    return text


def _shortened(link: str, form: str | None) -> str:
    parts = urlsplit(link)
    return f"//{parts.netloc}{parts.path}?{parts.query}" if form == "host" else f"{parts.path}?{parts.query}"
