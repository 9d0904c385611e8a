"""What users of this provider read. What Ark says itself is quoted as it is."""

from __future__ import annotations

from typing import Final

from danqing_plugins import Message

__all__ = [
    "EFFECT_WITH_AUTO",
    "ENLARGED",
    "EVENT_NO_JSON",
    "HD_IDLE",
    "MISSPELT_MODEL",
    "MODEL_GONE",
    "MODEL_RENAMED",
    "MODEL_SHUT_DOWN",
    "NEITHER_PICTURE_NOR_ERROR",
    "NOTHING_AT_ALL",
    "NO_ENDPOINT",
    "NO_PICTURE_LEFT",
    "NO_SIZE",
    "OR",
    "PIXELS",
    "PIXELS_AND_RATIO",
    "SEARCH_TOOL",
    "SIZE_ABOVE",
    "SIZE_BELOW",
    "SIZE_NARROW",
    "TOO_MANY_TOGETHER",
    "TWO_COUNTS",
    "UNKNOWN_MODEL",
]


UNKNOWN_MODEL: Final = Message(
    key="unknown_model",
    en="unknown model; known: {known}",
    zh="未知的模型；可用：{known}",
)
MISSPELT_MODEL: Final = Message(
    key="misspelt_model",
    en="unknown model; did you mean {near}? known: {known}",
    zh="未知的模型；是否想写 {near}？可用：{known}",
)
MODEL_SHUT_DOWN: Final = Message(
    key="model_shut_down",
    en="this model was shut down by Ark; live models: {models}",
    zh="该模型已被火山方舟下线；可用模型：{models}",
)
MODEL_GONE: Final = Message(
    key="ark_model_gone", en="this server no longer offers the model {model}", zh="本服务器已不再提供模型 {model}"
)
MODEL_RENAMED: Final = Message(
    key="model_renamed",
    en="model {name} no longer exists: {model} is used",
    zh="模型 {name} 已不存在，改用 {model}",
)


NO_SIZE: Final = Message(
    key="no_size",
    en="is no size of {model}; allowed: {sizes}",
    zh="{model} 不支持此尺寸；可用：{sizes}",
)
SIZE_BELOW: Final = Message(
    key="size_below",
    en="has {area} pixels, below the minimum of {limit} for {model}; allowed: {sizes}",
    zh="共 {area} 像素，低于 {model} 的下限 {limit}；可用：{sizes}",
)
SIZE_ABOVE: Final = Message(
    key="size_above",
    en="has {area} pixels, above the maximum of {limit} for {model}; allowed: {sizes}",
    zh="共 {area} 像素，高于 {model} 的上限 {limit}；可用：{sizes}",
)
SIZE_NARROW: Final = Message(
    key="size_narrow",
    en="is too long and narrow for {model}; allowed: {sizes}",
    zh="宽高比超出 {model} 的范围；可用：{sizes}",
)
PIXELS: Final = Message(
    key="pixels",
    en="WIDTHxHEIGHT (2048x2048, say) with {low} to {high} pixels in all",
    zh="宽x高（如 2048x2048），总像素 {low} 到 {high}",
)
PIXELS_AND_RATIO: Final = Message(
    key="pixels_and_ratio",
    en="WIDTHxHEIGHT (2048x2048, say) with {low} to {high} pixels in all and a ratio from 1:{widest} to {widest}:1",
    zh="宽x高（如 2048x2048），总像素 {low} 到 {high}，宽高比 1:{widest} 到 {widest}:1",
)
OR: Final = Message(key="tiers_or", en="{tiers} or {pixels}", zh="{tiers} 或 {pixels}")
ENLARGED: Final = Message(
    key="size_enlarged",
    en="size {size} is below the minimum of {model}: {enlarged} is made",
    zh="尺寸 {size} 低于 {model} 的下限，将生成 {enlarged}",
)
HD_IDLE: Final = Message(
    key="hd_idle", en="quality hd changes nothing: the size was given", zh="已指定 size，quality: hd 不起作用"
)

SEARCH_TOOL: Final = Message(
    key="search_tool", en='must be [{{"type": "web_search"}}]', zh='只能是 [{{"type": "web_search"}}]'
)
EFFECT_WITH_AUTO: Final = Message(
    key="effect_with_auto",
    en="has an effect only with sequential_image_generation: auto",
    zh="仅在 sequential_image_generation 为 auto 时有效",
)
TWO_COUNTS: Final = Message(
    key="two_counts",
    en="two counts: with sequential_image_generation auto, max_images says how many",
    zh="数量重复：sequential_image_generation 为 auto 时由 max_images 决定数量",
)
TOO_MANY_TOGETHER: Final = Message(
    key="too_many_together",
    en="references and pictures are at most {most} together: at most {room}",
    zh="参考图与生成图合计最多 {most} 张，此处最多 {room}",
)


NO_ENDPOINT: Final = Message(
    key="no_endpoint",
    en="there is neither a VOLCENGINE_API_KEY nor a sandbox",
    zh="既没有配置 VOLCENGINE_API_KEY，也没有可用的沙箱",
)
EVENT_NO_JSON: Final = Message(
    key="ark_event_no_json",
    en="an event of Ark's answer is no JSON object",
    zh="方舟响应中的一个事件不是 JSON 对象",
)
NOTHING_AT_ALL: Final = Message(
    key="ark_nothing",
    en="Ark answered without pictures and without an error",
    zh="方舟的响应既没有图片，也没有错误信息",
)
NEITHER_PICTURE_NOR_ERROR: Final = Message(
    key="ark_neither",
    en="Ark answered with neither a picture nor an error",
    zh="方舟对此图片既没有返回图片，也没有返回错误",
)
NO_PICTURE_LEFT: Final = Message(
    key="ark_no_picture",
    en="Ark answered without a picture",
    zh="方舟的响应中没有图片",
)
