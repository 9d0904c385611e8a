"""How many pictures a request makes: one, or for a group as many as its prompt says."""

from __future__ import annotations

import hashlib
import re

from danqing_providers.arksim.validation import Order

__all__ = ["count_images"]

_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2}
_ENGLISH = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
_NOUNS = r"(?:images?|pictures?|photos?|posters?|illustrations?|panels?|frames?|scenes?)"
_NUMBER = re.compile(
    rf"(?P<arabic>\d{{1,2}})\s*(?:张|幅|{_NOUNS}\b)"
    r"|(?P<chinese>[零一二三四五六七八九两十]{1,3})\s*[张幅]"
    rf"|\b(?P<english>{'|'.join(_ENGLISH)})\s+(?:\w+\s+)?{_NOUNS}\b",
    re.IGNORECASE,
)


def count_images(order: Order) -> int:
    """Return the number of pictures.

    A group without a number in its prompt ("4张", "四张", "four images") has one that depends on the prompt alone,
    often fewer than `max_images`, as the live model decides for itself.
    """
    if order.max_images is None:
        return 1
    wanted = _number_in(order.prompt)
    if wanted is None:
        wanted = 1 + hashlib.sha256(order.prompt.encode("utf-8", "replace")).digest()[0] % order.max_images
    return max(1, min(wanted, order.max_images))


def _number_in(prompt: str) -> int | None:
    match = _NUMBER.search(prompt)
    if match is None:
        return None
    if match["arabic"]:
        return int(match["arabic"])
    if match["english"]:
        return _ENGLISH.index(match["english"].lower()) + 1
    return _read_chinese(match["chinese"])


def _read_chinese(digits: str) -> int:
    tens, ten, ones = digits.rpartition("十")
    unit = _DIGITS.get(ones[-1:], 0)
    return 10 * _DIGITS.get(tens[-1:], 1) + unit if ten else unit
