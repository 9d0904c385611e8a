"""The picture models, each with its own table.

Sources, read 2026-11-28: help.aliyun.com/zh/model-studio/qwen-image-api and qwen-image-edit-api (2026-03-03),
text-to-image-v2-api-reference (2026-01-18), qwen-image-3.0 and z-image (2026-08), tongyi-wanxiang (wanx-v1).
Prices are Beijing's list prices in CNY; what no page confirms has none. `docs/providers/dashscope.md` tells which
are certain.
"""

from __future__ import annotations

from typing import Final

from danqing_plugins import Text
from danqing_plugins.kit.parameters import References, Size
from danqing_providers.dashscope.catalogue import Model, Route

__all__ = ["IMAGE_MODELS"]

MIB: Final = 1024 * 1024
_FORMATS: Final = ("jpeg", "png", "bmp", "webp", "tiff", "heic")
_TAKES: Final = frozenset({"negative_prompt", "prompt_extend", "watermark", "seed"})
_THINKS: Final = _TAKES | {"prompt_extend_mode", "enable_thinking"}
_EXTENDS: Final = {"prompt_extend": True, "watermark": False}


def _free(least: int, most: int, widest: float, *examples: str, tiers: tuple[str, ...] = ()) -> Size:
    """A size of *least* squared to *most* squared pixels in all."""
    area = (least * least, most * most)
    default = "2K" if tiers else None
    return Size(free=True, area=area, widest=widest, allowed=examples, tiers=tiers, separator="*", default=default)


def _sides(least: int, most: int, *examples: str) -> Size:
    return Size(free=True, sides=(least, most), allowed=examples, separator="*")


def _pictures(most: int, least: int = 0, *, shortest: int = 1, longest: int = 100_000) -> References:
    return References(
        least=least,
        most=most,
        required=least > 0,
        formats=_FORMATS,
        most_bytes=10 * MIB,
        shortest=shortest,
        longest=longest,
    )


_QWEN: Final = _free(512, 2048, 8, "1024*1024", "1328*1328", "1664*928", "928*1664", "1536*1024", "2048*2048")
_CLASSIC: Final = Size(allowed=("1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664"), separator="*")
_WAN: Final = _free(1280, 1440, 4, "1280*1280", "1696*960", "960*1696", "1472*1104", "1104*1472")
_OLD_WAN: Final = _sides(512, 1440, "1024*1024", "1280*720", "720*1280", "1440*1080", "1080*1440")
_EDITED: Final = _sides(512, 2048, "1024*1024", "1536*1024", "1024*1536", "2048*2048")
_TO_EDIT: Final = _pictures(3, 1, shortest=384, longest=3072)

IMAGE_MODELS: Final = (
    Model(
        id="qwen-image-3.0-pro",
        title=Text("Qwen-Image 3.0 Pro", "千问图像 3.0 Pro"),
        route=Route.IMAGE_GENERATION,
        size=_QWEN,
        most_images=6,
        pictures=_pictures(3),
        takes=_THINKS,
        defaults={**_EXTENDS, "enable_thinking": True},
        price_micro=250_000,
        large_micro=500_000,
    ),
    Model(
        id="qwen-image-3.0",
        title=Text("Qwen-Image 3.0", "千问图像 3.0"),
        route=Route.IMAGE_GENERATION,
        size=_QWEN,
        most_images=6,
        pictures=_pictures(3),
        takes=_THINKS,
        defaults={**_EXTENDS, "enable_thinking": True},
    ),
    Model(
        id="qwen-image-2.1-pro",
        title=Text("Qwen-Image 2.1 Pro", "千问图像 2.1 Pro"),
        route=Route.MESSAGES,
        size=_QWEN,
        most_images=6,
        pictures=_pictures(10, 1),
        takes=_TAKES,
        defaults=_EXTENDS,
    ),
    Model(
        id="qwen-image-2.0-pro",
        title=Text("Qwen-Image 2.0 Pro", "千问图像 2.0 Pro"),
        route=Route.MESSAGES,
        snapshots=("qwen-image-2.0-pro-2026-03-03",),
        size=_QWEN,
        most_images=6,
        pictures=_pictures(3),
        takes=_TAKES,
        defaults=_EXTENDS,
        price_micro=500_000,
    ),
    Model(
        id="qwen-image-2.0",
        title=Text("Qwen-Image 2.0", "千问图像 2.0"),
        route=Route.MESSAGES,
        snapshots=("qwen-image-2.0-2026-03-03",),
        size=_QWEN,
        most_images=6,
        pictures=_pictures(3),
        takes=_TAKES,
        defaults=_EXTENDS,
        price_micro=200_000,
    ),
    Model(
        id="qwen-image-max",
        title=Text("Qwen-Image Max", "千问图像 Max"),
        route=Route.MESSAGES,
        size=_CLASSIC,
        longest_prompt=800,
        takes=_TAKES,
        defaults=_EXTENDS,
        price_micro=500_000,
    ),
    Model(
        id="qwen-image-plus",
        title=Text("Qwen-Image Plus", "千问图像 Plus"),
        route=Route.TEXT_TO_IMAGE,
        size=_CLASSIC,
        longest_prompt=800,
        takes=_TAKES,
        defaults=_EXTENDS,
        price_micro=200_000,
    ),
    Model(
        id="qwen-image",
        title=Text("Qwen-Image", "千问图像"),
        route=Route.TEXT_TO_IMAGE,
        size=_CLASSIC,
        longest_prompt=800,
        takes=_TAKES,
        defaults=_EXTENDS,
        price_micro=250_000,
    ),
    Model(
        id="qwen-image-edit-max",
        title=Text("Qwen-Image Edit Max", "千问图像编辑 Max"),
        route=Route.MESSAGES,
        snapshots=("qwen-image-edit-max-2026-01-16",),
        size=_EDITED,
        one_size=True,
        most_images=6,
        pictures=_TO_EDIT,
        longest_prompt=800,
        takes=_TAKES,
        defaults=_EXTENDS,
    ),
    Model(
        id="qwen-image-edit-plus",
        title=Text("Qwen-Image Edit Plus", "千问图像编辑 Plus"),
        route=Route.MESSAGES,
        snapshots=("qwen-image-edit-plus-2025-12-15", "qwen-image-edit-plus-2025-10-30"),
        size=_EDITED,
        one_size=True,
        most_images=6,
        pictures=_TO_EDIT,
        longest_prompt=800,
        takes=_TAKES,
        defaults=_EXTENDS,
    ),
    Model(
        id="qwen-image-edit",
        title=Text("Qwen-Image Edit", "千问图像编辑"),
        route=Route.MESSAGES,
        pictures=_pictures(1, 1, shortest=384, longest=3072),
        longest_prompt=800,
        sends_count=False,
        takes=frozenset({"negative_prompt", "watermark", "seed"}),
        defaults={"watermark": False},
    ),
    Model(
        id="wan2.7-image-pro",
        title=Text("Wan 2.7 Image Pro", "万相 2.7 图像 Pro"),
        route=Route.IMAGE_GENERATION,
        size=_free(768, 4096, 8, "1024*1024", "2048*2048", "2048*1152", "1152*2048", tiers=("1K", "2K", "4K")),
        text_tiers=("4K",),
        most_images=4,
        most_sequential=12,
        pictures=_pictures(9),
        takes=_TAKES - {"prompt_extend"},
        defaults={"watermark": False},
    ),
    Model(
        id="wan2.7-image",
        title=Text("Wan 2.7 Image", "万相 2.7 图像"),
        route=Route.IMAGE_GENERATION,
        size=_free(768, 2048, 8, "1024*1024", "2048*2048", "2048*1152", "1152*2048", tiers=("1K", "2K")),
        most_images=4,
        most_sequential=12,
        pictures=_pictures(9),
        takes=_TAKES - {"prompt_extend"},
        defaults={"watermark": False},
    ),
    Model(
        id="wan2.6-t2i",
        title=Text("Wan 2.6", "万相 2.6 文生图"),
        route=Route.IMAGE_GENERATION,
        size=_WAN,
        most_images=4,
        takes=_TAKES,
        defaults=_EXTENDS,
    ),
    Model(
        id="wan2.5-t2i-preview",
        title=Text("Wan 2.5 (preview)", "万相 2.5 文生图（预览）"),
        route=Route.TEXT_TO_IMAGE,
        size=_WAN,
        most_images=4,
        longest_prompt=2000,
        takes=_TAKES,
        defaults=_EXTENDS,
        price_micro=200_000,
    ),
    Model(
        id="wan2.2-t2i-plus",
        title=Text("Wan 2.2 Plus", "万相 2.2 文生图 Plus"),
        route=Route.TEXT_TO_IMAGE,
        size=_OLD_WAN,
        most_images=4,
        longest_prompt=800,
        takes=_TAKES,
        defaults=_EXTENDS,
        price_micro=200_000,
    ),
    Model(
        id="wan2.2-t2i-flash",
        title=Text("Wan 2.2 Flash", "万相 2.2 文生图 Flash"),
        route=Route.TEXT_TO_IMAGE,
        size=_OLD_WAN,
        most_images=4,
        longest_prompt=800,
        takes=_TAKES,
        defaults=_EXTENDS,
        price_micro=140_000,
    ),
    Model(
        id="wanx2.1-t2i-plus",
        title=Text("Wanx 2.1 Plus", "万相 2.1 文生图 Plus"),
        route=Route.TEXT_TO_IMAGE,
        size=_OLD_WAN,
        most_images=4,
        longest_prompt=800,
        takes=_TAKES,
        defaults=_EXTENDS,
        price_micro=200_000,
    ),
    Model(
        id="wanx2.1-t2i-turbo",
        title=Text("Wanx 2.1 Turbo", "万相 2.1 文生图 Turbo"),
        route=Route.TEXT_TO_IMAGE,
        size=_OLD_WAN,
        most_images=4,
        longest_prompt=800,
        takes=_TAKES,
        defaults=_EXTENDS,
        price_micro=140_000,
    ),
    Model(
        id="wanx-v1",
        title=Text("Wanx v1", "通义万相 v1"),
        route=Route.TEXT_TO_IMAGE,
        size=Size(allowed=("1024*1024", "720*1280", "768*1152", "1280*720"), separator="*"),
        most_images=4,
        longest_prompt=800,
        takes=frozenset({"negative_prompt", "seed", "style"}),
        defaults={"style": "<auto>"},
        price_micro=160_000,
        lane="wanx_v1",
    ),
    Model(
        id="z-image-turbo",
        title=Text("Z-Image Turbo", "Z-Image Turbo"),
        route=Route.MESSAGES,
        size=_QWEN,
        longest_prompt=800,
        sends_count=False,
        takes=frozenset({"prompt_extend", "seed"}),
        defaults={"prompt_extend": False},
    ),
)
