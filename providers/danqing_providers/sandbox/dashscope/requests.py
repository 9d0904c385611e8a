"""What a client asks for, read and checked as the service does it: unknown parameters are nothing to it.

Sources: the pages of `models`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import attrs
import orjson

from danqing_providers.sandbox.dashscope import errors
from danqing_providers.sandbox.dashscope.models import ALL, TEXT2IMAGE, VIDEO, SimulatedModel, dimensions

__all__ = ["Wanted", "read"]

_LARGEST_SEED: Final = 2_147_483_647
_MOST_SEQUENTIAL: Final = 12
_SIXTEEN_NINE: Final = {"720P": (1280, 720), "1080P": (1920, 1080), "480P": (832, 480)}
_BY_RATIO: Final[Mapping[str, Mapping[str, tuple[int, int]]]] = {
    "720P": {
        "16:9": (1280, 720),
        "9:16": (720, 1280),
        "1:1": (960, 960),
        "4:3": (1104, 832),
        "3:4": (832, 1104),
    },
    "1080P": {
        "16:9": (1920, 1080),
        "9:16": (1080, 1920),
        "1:1": (1440, 1440),
        "4:3": (1648, 1248),
        "3:4": (1248, 1648),
    },
}


@attrs.frozen(kw_only=True)
class Wanted:
    """A request that is taken.

    `pictures` are URLs, or bytes of data URIs, in order. `n` is how many outputs are made; `seconds` is the length
    of a video. `resolution` and `ratio` are of videos, empty otherwise.
    """

    model: SimulatedModel
    route: str
    prompt: str
    n: int
    width: int
    height: int
    pictures: tuple[str | bytes, ...] = ()
    seed: int | None = None
    watermark: bool = False
    extends: bool = True
    seconds: int = 0
    resolution: str = ""
    ratio: str = ""
    size_given: bool = False


def read(raw: bytes, route: str, *, resolves_oss: bool) -> Wanted:
    """Return what *raw* asks of *route*. Raises: DashScopeError."""
    body = _object(raw)
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise errors.invalid("Required parameter(s) missing or invalid: model.")
    model = ALL.get(name)
    if model is None:
        raise errors.unknown_model()
    if route not in model.routes:
        raise errors.wrong_url()
    given, parameters = body.get("input"), body.get("parameters") or {}
    if not isinstance(given, Mapping) or not isinstance(parameters, Mapping):
        raise errors.invalid("Required parameter(s) missing or invalid: input.")
    prompt, pictures = _of_text(given, model) if route in (TEXT2IMAGE, VIDEO) else _of_messages(given)
    _check_input(model, prompt, pictures)
    if pictures and parameters.get("prompt_extend_mode") == "agent" and model.id.startswith("qwen-image-3.0"):
        raise errors.invalid("prompt_extend_mode agent does not take images.")  # our words
    width, height = _size(model, parameters, bool(pictures))
    wanted = Wanted(
        model=model,
        route=route,
        prompt=prompt,
        n=_count(model, parameters),
        width=width,
        height=height,
        pictures=tuple(_picture(text, resolves_oss=resolves_oss) for text in pictures),
        seed=_whole(parameters, "seed", 0, _LARGEST_SEED),
        watermark=parameters.get("watermark") is True,
        extends=parameters.get("prompt_extend", model.id != "z-image-turbo") is not False,
        size_given=parameters.get("size") is not None,
    )
    return _as_video(wanted, parameters) if model.is_video else wanted


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise errors.invalid("Request body is not valid JSON.") from error  # our words
    if not isinstance(body, dict):
        raise errors.invalid("Request body is not a JSON object.")  # our words
    return body


def _of_text(given: Mapping[str, Any], model: SimulatedModel) -> tuple[str, list[str]]:
    prompt = given.get("prompt")
    pictures = [given["img_url"]] if isinstance(given.get("img_url"), str) else []
    media = given.get("media")
    if isinstance(media, list):
        if not model.id.startswith("wan2.7-i2v"):
            raise errors.invalid("Required parameter(s) missing or invalid: media.")
        kinds = [each.get("type") for each in media if isinstance(each, Mapping)]
        if len(set(kinds)) != len(kinds) or "first_frame" not in kinds:
            raise errors.invalid("The combination of media is not supported.")  # our words
        pictures = [str(each.get("url")) for each in media if str(each.get("type")).endswith("_frame")]
    elif model.id.startswith("wan2.7-i2v"):
        raise errors.invalid("Required parameter(s) missing or invalid: media.")
    return prompt if isinstance(prompt, str) else "", pictures


def _of_messages(given: Mapping[str, Any]) -> tuple[str, list[str]]:
    messages = given.get("messages")
    if not isinstance(messages, list) or len(messages) != 1 or not isinstance(messages[0], Mapping):
        raise errors.invalid("Input should contain one message of the user.")  # our words
    message = messages[0]
    content = message.get("content")
    if message.get("role") != "user" or not isinstance(content, list):
        raise errors.invalid("Input should contain one message of the user.")  # our words
    parts = [part for part in content if isinstance(part, Mapping)]
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    pictures = [part["image"] for part in parts if isinstance(part.get("image"), str)]
    if len(texts) != 1:
        raise errors.invalid("The content should contain one text.")  # our words
    return texts[0], pictures


def _check_input(model: SimulatedModel, prompt: str, pictures: list[str]) -> None:
    least, most = model.pictures
    if not prompt and (not model.is_video or least == 0):
        raise errors.invalid("Required parameter(s) missing or invalid: prompt.")
    if len(prompt) > model.longest_prompt:
        raise errors.invalid(f"The prompt must have at most {model.longest_prompt} characters.")  # our words
    if not least <= len(pictures) <= most:
        raise errors.invalid(f"The number of images must be {least} to {most}.")  # our words


def _picture(text: str, *, resolves_oss: bool) -> str | bytes:
    if text.startswith(("http://", "https://")) or (resolves_oss and text.startswith("oss://")):
        return text
    head, comma, encoded = text.partition(",")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise errors.wrong_url()
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise errors.wrong_url() from error


def _count(model: SimulatedModel, parameters: Mapping[str, Any]) -> int:
    if model.is_video:
        return 1
    sequential = parameters.get("enable_sequential") is True and model.id.startswith("wan2.7-image")
    most = _MOST_SEQUENTIAL if sequential else model.most_n
    return _whole(parameters, "n", 1, most) or (most if sequential else model.default_n)


def _whole(parameters: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    value = parameters.get(name)
    if value is None:
        return None
    if type(value) is not int or not least <= value <= most:
        raise errors.invalid(f"{name} should be in [{least}, {most}]")  # our words
    return value


def _size(model: SimulatedModel, parameters: Mapping[str, Any], has_pictures: bool) -> tuple[int, int]:
    size = parameters.get("size")
    if size is None or model.allows is None:
        return model.default_size
    if model.size_with_one and parameters.get("n", 1) != 1:
        raise errors.invalid("size is supported only when n is 1.")  # our words
    if isinstance(size, str) and size in model.words and not (has_pictures and size == "4K"):
        return model.words[size], model.words[size]
    sides = dimensions(size) if isinstance(size, str) else None
    if sides is None or not model.allows(*sides):
        raise errors.invalid(f"The size is not match the allowed size [{model.allowed}]")
    return sides


def _as_video(wanted: Wanted, parameters: Mapping[str, Any]) -> Wanted:
    model = wanted.model
    seconds = parameters.get("duration", 5)
    if seconds == -1 and model.auto_duration:
        seconds = 5
    if type(seconds) is not int or seconds not in model.durations:
        raise errors.invalid(f"duration should be in {list(model.durations)}")  # our words
    if model.allows is not None:
        resolution = {480: "480P", 720: "720P", 1080: "1080P"}.get(min(wanted.width, wanted.height), "1080P")
        return attrs.evolve(wanted, seconds=seconds, resolution=resolution)
    resolution = parameters.get("resolution", "1080P")
    if resolution not in model.resolutions:
        raise errors.invalid(f"resolution should be in {list(model.resolutions)}")  # our words
    if model.pictures[1]:
        width, height = _SIXTEEN_NINE[resolution]
        return attrs.evolve(wanted, seconds=seconds, resolution=resolution, width=width, height=height)
    ratio = parameters.get("ratio", "16:9")
    if ratio not in _BY_RATIO[resolution]:
        raise errors.invalid(f"ratio should be in {list(_BY_RATIO[resolution])}")  # our words
    width, height = _BY_RATIO[resolution][ratio]
    return attrs.evolve(wanted, seconds=seconds, resolution=resolution, ratio=ratio, width=width, height=height)
