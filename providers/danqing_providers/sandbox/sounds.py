"""The composer: plucked strings in the pentatonic scale, the same for the same prompt."""

from __future__ import annotations

import hashlib
import io
import math
import random
import wave
from array import array
from collections.abc import Sequence
from functools import cache
from typing import Final

__all__ = ["RATE_HZ", "as_wav", "compose"]

RATE_HZ: Final = 24_000
_SCALE_HZ: Final = (220.0, 261.63, 293.66, 329.63, 392.0, 440.0, 523.25, 587.33)
_BEAT_S: Final = 0.42
_RING_S: Final = 1.1
_LOUDNESS: Final = 7_000


def compose(prompt: str, seconds: float) -> bytes:
    """Return *seconds* of sound for *prompt*: signed 16-bit samples of one channel, `RATE_HZ` a second."""
    dice = random.Random(hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest())
    length = max(1, round(seconds * RATE_HZ))
    samples = [0] * length
    beat, at, step = round(_BEAT_S * RATE_HZ), 0, dice.randrange(len(_SCALE_HZ))
    while at < length:
        step = min(len(_SCALE_HZ) - 1, max(0, step + dice.choice((-2, -1, -1, 1, 1, 2))))
        note = _pluck(_SCALE_HZ[step])[: length - at]
        samples[at : at + len(note)] = [old + new for old, new in zip(samples[at:], note, strict=False)]
        at += beat * dice.choice((1, 1, 1, 2))
    return array("h", samples).tobytes()


@cache
def _pluck(hertz: float) -> Sequence[int]:
    turn = 2 * math.pi * hertz / RATE_HZ
    count = round(_RING_S * RATE_HZ)
    return [
        round(_LOUDNESS * math.exp(-4.5 * n / count) * (math.sin(turn * n) + 0.35 * math.sin(2 * turn * n)))
        for n in range(count)
    ]


def as_wav(samples: bytes) -> bytes:
    """Return *samples* of `compose` as a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples)
    return buffer.getvalue()
