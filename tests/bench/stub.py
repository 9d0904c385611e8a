"""The upstream of the benchmark: `python -m tests.bench.stub --port N --counters FILE`, as fast as Python allows.

POST on any path answers `{"url": …}` after the delay that the counters ask for, to `/webhook` 204 at once;
GET answers the picture that the counters ask for. HTTP is read by hand, because a framework here would cost more
than what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import io
import os
import time
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import cast

import uvloop
from PIL import Image, ImageChops, ImageFilter

from tests.bench.counters import Counters, Slot

__all__ = ["PICTURE_SIDE", "WEBHOOK_PATH", "Shown", "picture"]

PICTURE_SIDE = 182
"""Noise of 182 × 182 RGB pixels is a PNG of about 100 KB."""
HELD_POLL_S = 0.02
END_OF_HEAD = b"\r\n\r\n"
WEBHOOK_PATH = "/webhook"
WEBHOOK = f"POST {WEBHOOK_PATH}".encode()
TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"


class Shown(IntEnum):
    """The pictures that can be shown: noise, and two of 2048 × 2048 that compress as photographs do."""

    NOISE = 0
    JPEG = 1
    PNG = 2


@functools.cache
def picture(shown: int = Shown.NOISE) -> bytes:
    """Return a PNG of about 100 KB, a JPEG of about 600 kB or a PNG of about 3 MB."""
    file = io.BytesIO()
    if shown == Shown.NOISE:
        Image.frombytes("RGB", (PICTURE_SIDE, PICTURE_SIDE), os.urandom(3 * PICTURE_SIDE**2)).save(file, "PNG")
    elif shown == Shown.JPEG:
        _photograph(grain=2.0).save(file, "JPEG", quality=90)
    else:
        _photograph(grain=2.0).save(file, "PNG")
    return file.getvalue()


def _photograph(grain: float) -> Image.Image:
    """Return slow changes of light with a soft grain over them."""
    side = (2048, 2048)
    slopes = [Image.radial_gradient("L"), Image.linear_gradient("L"), Image.linear_gradient("L").rotate(90)]
    light = Image.merge("RGB", [slope.resize(side, Image.Resampling.BICUBIC) for slope in slopes])
    soft = Image.effect_noise(side, 48).filter(ImageFilter.GaussianBlur(grain))
    return ImageChops.add(light, Image.merge("RGB", [soft] * 3), 1.0, -128)


def _answer(media_type: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (media_type, len(body)) + body


class _Upstream(asyncio.Protocol):
    """One connection: requests come one after the other, as HTTP clients with keep-alive send them."""

    def __init__(self, counters: Counters, url_prefix: str, held: deque[Callable[[], None]]) -> None:
        self.counters = counters
        self.held = held
        self.url_prefix = url_prefix
        self.received = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own classes are not subclasses

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None

    def data_received(self, data: bytes) -> None:
        self.received = self.received + data if self.received else data
        while self._take_request():
            pass

    def _take_request(self) -> bool:
        head, separator, rest = self.received.partition(END_OF_HEAD)
        if not separator:
            return False
        length = _content_length(head)
        if len(rest) < length:
            return False
        self.received = rest[length:]
        if head.startswith(b"GET"):
            self.counters[Slot.PICTURES] += 1
            self._write(_shown(self.counters[Slot.SHOWN]))
        elif head.startswith(WEBHOOK):
            self._write(TAKEN)
        else:
            self._take_call()
        return True

    def _take_call(self) -> None:
        counters, now_ns = self.counters, time.monotonic_ns()
        counters[Slot.RECEIVED] += 1
        counters[Slot.LAST_AT_NS] = now_ns
        if not counters[Slot.FIRST_AT_NS]:
            counters[Slot.FIRST_AT_NS] = now_ns
        counters[Slot.MOST_IN_FLIGHT] = max(counters[Slot.MOST_IN_FLIGHT], counters.in_flight)
        delay_ms = counters[Slot.DELAY_MS]
        if counters[Slot.HELD]:
            self.held.append(self.answer_call)
        elif delay_ms:
            asyncio.get_running_loop().call_later(delay_ms / 1000, self.answer_call)
        else:
            self.answer_call()

    def answer_call(self) -> None:
        """Answer the oldest call of this connection, of which there is one."""
        self.counters[Slot.ANSWERED] += 1
        url = f'{{"url":"{self.url_prefix}{self.counters[Slot.ANSWERED]}.png"}}'
        self._write(_answer(b"application/json", url.encode()))

    def _write(self, answer: bytes) -> None:
        if self.transport is not None:
            self.transport.write(answer)


@functools.cache
def _shown(which: int) -> bytes:
    return _answer(b"image/jpeg" if which == Shown.JPEG else b"image/png", picture(which))


def _content_length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return 0 if at < 0 else int(head[at + 15 :].split(b"\r\n", 1)[0])


async def _serve(port: int, path: Path) -> None:
    counters = Counters(path)
    _shown(Shown.NOISE)
    prefix = f"http://127.0.0.1:{port}/picture/"
    loop = asyncio.get_running_loop()
    held: deque[Callable[[], None]] = deque()
    server = await loop.create_server(lambda: _Upstream(counters, prefix, held), "127.0.0.1", port, backlog=4096)
    async with server:
        while True:
            await asyncio.sleep(HELD_POLL_S)
            while held and not counters[Slot.HELD]:
                held.popleft()()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--counters", type=Path, required=True)
    arguments = parser.parse_args()
    uvloop.run(_serve(arguments.port, arguments.counters))
