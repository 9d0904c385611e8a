"""What services that are like OpenAI refuse beside the form of a field.

Sources: vercel/ai ed857f50 (xAI), docs.bigmodel.cn, docs.siliconflow.cn; read 2026-11-28. SiliconFlow's lists of
sizes are of older pages, and not enforced. The words are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from danqing_providers.sandbox.openai.errors import OpenAIError, invalid_value

__all__ = ["check_limits"]

_RATIOS: Final = frozenset(
    {"auto", "1:1", "3:4", "4:3", "9:16", "16:9", "2:3", "3:2", "1:2", "2:1"} | {"9:19.5", "19.5:9", "9:20", "20:9"}
)
_MOST_XAI_PICTURES: Final = 3
_ZHIPU_SIZES: Final[Mapping[str, tuple[int, int, int, int]]] = {
    "cogview": (512, 2048, 16, 2**21),
    "glm-image": (1024, 2048, 32, 2**22),
}
"""By the beginning of a model's id: the shortest and longest side, their step, the most pixels."""

_SILICONFLOW: Final[Mapping[str, tuple[float, float]]] = {
    "num_inference_steps": (1, 100),
    "guidance_scale": (0, 20),
    "seed": (0, 9_999_999_999),
}


def check_limits(
    service: str, model: str, fields: Mapping[str, Any], extent: tuple[int, int], pictures: int
) -> None:
    """Check what *service* was sent; *extent* is the picture's width and height. Raises: OpenAIError."""
    if service == "xai":
        _check_xai(fields, pictures)
    elif service == "zhipu":
        _check_zhipu(model, fields, extent)
    elif service == "siliconflow":
        _check_siliconflow(model, fields)


def _check_xai(fields: Mapping[str, Any], pictures: int) -> None:
    if fields.get("aspect_ratio", "auto") not in _RATIOS:
        raise _wrong("aspect_ratio")
    if pictures > _MOST_XAI_PICTURES:
        raise _wrong("images")


def _check_zhipu(model: str, fields: Mapping[str, Any], extent: tuple[int, int]) -> None:
    least, most, step, most_pixels = next(
        limits for begins, limits in _ZHIPU_SIZES.items() if model.startswith(begins)
    )
    sides_fit = all(least <= side <= most and side % step == 0 for side in extent)
    if "size" in fields and (not sides_fit or extent[0] * extent[1] > most_pixels):
        raise _wrong("size")
    if fields.get("quality", "hd") not in (("hd",) if model == "glm-image" else ("hd", "standard")):
        raise _wrong("quality")
    user = fields.get("user_id")
    if user is not None and not (isinstance(user, str) and 6 <= len(user) <= 128):
        raise _wrong("user_id")


def _check_siliconflow(model: str, fields: Mapping[str, Any]) -> None:
    if fields.get("batch_size", 1) != 1 and "Kolors" not in model:
        raise _wrong("batch_size")
    for name, (least, most) in _SILICONFLOW.items():
        value = fields.get(name)
        if value is not None and (type(value) not in (int, float) or not least <= value <= most):
            raise _wrong(name)


def _wrong(name: str) -> OpenAIError:
    return invalid_value(name, f"Invalid '{name}'.")
