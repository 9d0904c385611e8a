"""Magic words: faults that a prompt asks for itself, so that any client can try them without the control routes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import attrs

from danqing_providers.arksim.faults import Fault

__all__ = ["MAGIC_WORDS", "MagicWord", "read_magic_words"]


@attrs.frozen(kw_only=True)
class MagicWord:
    """What a word does. `takes_seconds`: it is written `[sandbox:word=5]`."""

    fault: Fault
    meaning: str
    takes_seconds: bool = False


MAGIC_WORDS: Mapping[str, MagicWord] = MappingProxyType(
    {
        "fail": MagicWord(
            fault=Fault(
                kind="status",
                status=400,
                code="InvalidParameter",
                message="The parameter `prompt` specified in the request is not valid: it asks to fail.",
            ),
            meaning="400 InvalidParameter, final",
        ),
        "429": MagicWord(
            fault=Fault(kind="status", status=429, code="ModelAccountIpmRateLimitExceeded"),
            meaning="429 ModelAccountIpmRateLimitExceeded, every time",
        ),
        "500": MagicWord(
            fault=Fault(kind="status", status=500, code="InternalServiceError"),
            meaning="500 InternalServiceError, every time",
        ),
        "moderation": MagicWord(
            fault=Fault(kind="image_error", index=1, code="OutputImageSensitiveContentDetected"),
            meaning="a group's second picture is refused by moderation; a single picture is refused with 400",
        ),
        "slow": MagicWord(
            fault=Fault(kind="latency", seconds=5),
            meaning="takes so many seconds longer; `[sandbox:slow=5]`",
            takes_seconds=True,
        ),
        "reset": MagicWord(
            fault=Fault(kind="reset_before_billing"),
            meaning="the connection is reset, nothing is billed",
        ),
        "reset-after-billing": MagicWord(
            fault=Fault(kind="reset_after_billing"),
            meaning="everything is billed, then the connection is reset without an answer",
        ),
        "html502": MagicWord(fault=Fault(kind="html_502"), meaning="a gateway's 502 page instead of JSON"),
    }
)

_WORD = re.compile(r"\[sandbox:([a-z0-9-]+)(?:=(\d{1,4}(?:\.\d{1,3})?))?\]")


def read_magic_words(prompt: str) -> list[Fault]:
    """Return the faults a prompt asks for; words that are none are ignored."""
    faults = []
    for name, seconds in _WORD.findall(prompt):
        word = MAGIC_WORDS.get(name)
        if word is None:
            continue
        faults.append(
            attrs.evolve(word.fault, seconds=float(seconds)) if seconds and word.takes_seconds else word.fault
        )
    return faults
