"""What 即梦's models take and make.

Source: volcengine.com/docs/85621, read 2026-11-28. With `force_single` false the model chooses from the prompt how
many pictures it makes, 15 with the references at most: here, the first number in it.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Mapping
from math import isqrt
from typing import Any, Final

import attrs
from PIL import Image, UnidentifiedImageError

from danqing_providers.sandbox.troubles import Refusal

__all__ = ["Ask", "Refused", "read"]

MOST: Final = 15
_AREAS: Final[Mapping[str, tuple[int, int]]] = {
    "jimeng_t2i_v30": (512, 2048),
    "jimeng_t2i_v31": (512, 2048),
    "jimeng_t2i_v40": (1024, 4096),
    "jimeng_seedream46_cvtob": (1024, 4096),
}
_REFERENCES: Final[Mapping[str, tuple[int, int]]] = {
    "jimeng_t2i_v40": (0, 10),
    "jimeng_seedream46_cvtob": (0, 14),
    "jimeng_i2i_v30": (1, 1),
    "jimeng_ti2v_v30_pro": (0, 1),
}
_GROUPS: Final = ("jimeng_t2i_v40", "jimeng_seedream46_cvtob")
_FILMS: Final[Mapping[str, tuple[int, int]]] = {
    "21:9": (2176, 928),
    "16:9": (1920, 1088),
    "4:3": (1664, 1248),
    "1:1": (1440, 1440),
    "3:4": (1248, 1664),
    "9:16": (1088, 1920),
}
_SCALES: Final[Mapping[str, tuple[tuple[type, ...], float, float]]] = {
    "jimeng_t2i_v40": ((int, float), 0, 1),
    "jimeng_i2i_v30": ((int, float), 0, 1),
    "jimeng_seedream46_cvtob": ((int,), 1, 100),
}
_EDITED_SIDES: Final = range(512, 2017)
_LARGEST_BYTES: Final = int(4.7 * 1024 * 1024)
_LONGEST_SIDE: Final = 4096
_SHORTEST_OF_A_FILM: Final = 320
_WIDEST: Final = 3
_MICRO_A_SECOND: Final = 1_000_000
_NUMBER: Final = re.compile(r"\d+")


class Refused(Refusal):
    """The service's own envelope: *status* of HTTP, *code*, words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@attrs.frozen(kw_only=True)
class Ask:
    """A request as far as it matters. `seconds` is 0 of pictures; `cost_micro` of one output, None: no price."""

    key: str
    prompt: str
    width: int
    height: int
    count: int
    seed: int | None
    seconds: int
    cost_micro: int | None


def read(body: Mapping[str, Any]) -> Ask:
    """Return what *body* asks for. Raises: Refused."""
    key, prompt = body.get("req_key"), body.get("prompt")
    if not isinstance(key, str) or not key.startswith("jimeng_"):
        raise _invalid("req_key")
    if not isinstance(prompt, str) or not prompt or len(prompt) > 800:
        raise _invalid("prompt")
    references = [*(body.get("image_urls") or ()), *(body.get("binary_data_base64") or ())]
    least, most = _REFERENCES.get(key, (0, 0))
    if not least <= len(references) <= most or (key in _GROUPS and body.get("binary_data_base64")):
        raise _invalid("image_urls")
    film = key.startswith(("jimeng_ti2v", "jimeng_t2v", "jimeng_i2v"))
    for encoded in body.get("binary_data_base64") or ():
        _check_picture(encoded, shortest=_SHORTEST_OF_A_FILM if film else 1)
    _check_scale(key, body)
    width, height = _film(body) if film else _picture(key, body)
    frames = body.get("frames", 121)
    if film and frames not in (121, 241):
        raise _invalid("frames")
    seconds = (frames - 1) // 24 if film else 0
    return Ask(
        key=key,
        prompt=prompt,
        width=width,
        height=height,
        count=_count(key, body, len(references)),
        seed=body.get("seed") if type(body.get("seed")) is int and body["seed"] >= 0 else None,
        seconds=seconds,
        cost_micro=seconds * _MICRO_A_SECOND if film else None,
    )


def _count(key: str, body: Mapping[str, Any], references: int) -> int:
    if key not in _GROUPS or body.get("force_single") is True:
        return 1
    found = _NUMBER.search(body["prompt"])
    return max(1, min(int(found[0]) if found else 1, MOST - references))


def _film(body: Mapping[str, Any]) -> tuple[int, int]:
    sides = _FILMS.get(body.get("aspect_ratio", "16:9"))
    if sides is None:
        raise _invalid("aspect_ratio")
    return sides


def _picture(key: str, body: Mapping[str, Any]) -> tuple[int, int]:
    width, height = body.get("width"), body.get("height")
    least, most = _AREAS.get(key, (512, 2048))
    if width is None or height is None:
        side = isqrt(body.get("size", 2048**2)) if key in _GROUPS else 1328
        width = height = side
    if type(width) is not int or type(height) is not int or width < 1 or height < 1:
        raise _invalid("width")
    if key == "jimeng_i2i_v30":
        if width not in _EDITED_SIDES or height not in _EDITED_SIDES:
            raise _invalid("width")
        # What comes out is rounded: it differs from what was asked for.
        return _rounded(width), _rounded(height)
    if not least**2 <= width * height <= most**2 or max(width, height) > 3 * min(width, height):
        raise _invalid("width")
    return width, height


def _check_scale(key: str, body: Mapping[str, Any]) -> None:
    value = body.get("scale")
    if value is None or key not in _SCALES:
        return
    kinds, least, most = _SCALES[key]
    if type(value) not in kinds or not least <= value <= most:
        raise _invalid("scale")


def _check_picture(encoded: Any, *, shortest: int) -> None:
    """Check a picture that was sent as base64; of one that is only named nothing is known."""
    try:
        content = base64.b64decode(encoded, validate=True)
        with Image.open(io.BytesIO(content)) as picture:
            form, (short, long) = picture.format, sorted(picture.size)
    except (TypeError, binascii.Error, UnidentifiedImageError, OSError, SyntaxError) as error:
        raise _invalid("binary_data_base64") from error
    fits = shortest <= short and long <= min(_LONGEST_SIDE, _WIDEST * short)
    if form not in ("JPEG", "PNG") or len(content) > _LARGEST_BYTES or not fits:
        raise _invalid("binary_data_base64")


def _rounded(side: int) -> int:
    return min(1536, max(512, side // 16 * 16))


def _invalid(field: str) -> Refused:
    return Refused(400, 50215, f"Input invalid for this service: {field}")
