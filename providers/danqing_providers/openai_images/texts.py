"""What users read of the provider itself."""

from __future__ import annotations

from typing import Final

from danqing_plugins import Message

__all__ = [
    "ALPHA_FORMAT",
    "MASK_ALONE",
    "MASK_SIZE",
    "MODEL_GONE",
    "NO_ENDPOINT",
    "NO_PICTURE",
    "PICTURE_TAKEN_BACK",
    "SHAPE_CHOSEN",
    "STREAM_WITHOUT_PICTURE",
]

SHAPE_CHOSEN: Final = Message(
    key="shape_chosen",
    en="{size} was sent as the aspect ratio {ratio}: the service takes no pixels",
    zh="{size} 已按宽高比 {ratio} 发送：该服务不接受像素尺寸",
)
ALPHA_FORMAT: Final = Message(
    key="alpha_needs_format",
    en="a transparent background needs output_format png or webp",
    zh="透明背景需要 output_format 为 png 或 webp",
)
MASK_ALONE: Final = Message(
    key="mask_alone", en="needs a picture to edit in `image`", zh="需要在 image 中提供要编辑的图片"
)
MASK_SIZE: Final = Message(
    key="mask_size",
    en="has {mask} pixels, the picture {image}: both must be the same",
    zh="蒙版尺寸为 {mask}，图片为 {image}，两者必须相同",
)
MODEL_GONE: Final = Message(key="model_gone", en="{model} is no longer offered here", zh="{model} 已不再提供")
NO_ENDPOINT: Final = Message(key="service_not_here", en="{service} has no address here", zh="未配置{service}的地址")
NO_PICTURE: Final = Message(
    key="answer_without_picture", en="{service}'s answer holds no picture", zh="{service}的响应中没有图片"
)
PICTURE_TAKEN_BACK: Final = Message(
    key="picture_taken_back",
    en="{service}'s moderation took the picture back",
    zh="{service}的内容审核撤回了图片",
)
STREAM_WITHOUT_PICTURE: Final = Message(
    key="stream_without_picture",
    en="{service}'s stream ended before the picture came",
    zh="{service}的事件流在图片返回之前结束",
)
