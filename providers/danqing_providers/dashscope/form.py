"""The parameters of each model: checks and form in one, from the model's table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from danqing_plugins import Text
from danqing_plugins.kit.parameters import (
    Choice,
    Flag,
    Line,
    Parameter,
    Parameters,
    Prompt,
    References,
    Seed,
    Whole,
)
from danqing_providers.dashscope.catalogue import Model

__all__ = ["LAST_FRAME", "REFERENCE_FIELDS", "parameters_of", "takers_of"]

LAST_FRAME: Final = "last_frame"
REFERENCE_FIELDS: Final = ("image", LAST_FRAME)
RATIOS: Final = ("16:9", "9:16", "1:1", "4:3", "3:4")
STYLES: Final[Mapping[str, Text]] = {
    "<auto>": Text("Any", "自动"),
    "<photography>": Text("Photography", "摄影"),
    "<portrait>": Text("Portrait", "人像写真"),
    "<3d cartoon>": Text("3D cartoon", "3D 卡通"),
    "<anime>": Text("Anime", "动画"),
    "<oil painting>": Text("Oil painting", "油画"),
    "<watercolor>": Text("Watercolour", "水彩"),
    "<sketch>": Text("Sketch", "素描"),
    "<chinese painting>": Text("Chinese painting", "中国画"),
    "<flat illustration>": Text("Flat illustration", "扁平插画"),
}
LONGEST_NEGATIVE: Final = 500
UNBOUNDED: Final = 20_000
"""For prompts whose limit the service counts in tokens."""

_OPTIONAL: Final[tuple[Parameter, ...]] = (
    Choice(
        "ratio",
        title=Text("Shape", "宽高比"),
        description=Text("Width to height of the video", "视频的宽高比"),
        allowed=RATIOS,
        default="16:9",
        group="main",
    ),
    Choice(
        "style",
        title=Text("Style", "风格"),
        description=Text("How the picture is to look", "图片的风格"),
        allowed=tuple(STYLES),
        labels=STYLES,
    ),
    Line(
        "negative_prompt",
        title=Text("Negative prompt", "反向提示词"),
        description=Text("What the result should not show", "不希望出现的内容"),
        most=LONGEST_NEGATIVE,
    ),
    Flag(
        "prompt_extend",
        title=Text("Rewrite the prompt", "智能改写"),
        description=Text(
            "Let a language model work out a short prompt; takes longer", "由大模型扩写较短的提示词，耗时更长"
        ),
    ),
    Choice(
        "prompt_extend_mode",
        title=Text("How to rewrite", "改写方式"),
        description=Text(
            "agent looks things up first, and is for requests without pictures", "agent 会先检索信息，仅用于文生图"
        ),
        allowed=("direct", "agent"),
        labels={"direct": Text("At once", "直接改写"), "agent": Text("With research", "智能体")},
        when={"prompt_extend": (True, None)},
    ),
    Flag(
        "enable_thinking",
        title=Text("Think first", "思考模式"),
        description=Text("Plan the picture before painting it", "先思考再作画"),
    ),
    Choice(
        "shot_type",
        title=Text("Shots", "镜头"),
        description=Text("One take, or several shots", "单镜头或多镜头叙事"),
        allowed=("single", "multi"),
        labels={"single": Text("One take", "单镜头"), "multi": Text("Several shots", "多镜头")},
        default="single",
        when={"prompt_extend": (True, None)},
    ),
    Flag("audio", title=Text("Sound", "声音"), description=Text("Make a video with sound", "生成有声视频")),
    Line(
        "audio_url",
        title=Text("Sound track", "音频"),
        description=Text(
            "Public URL of a wav or mp3 file of 2 to 30 seconds and at most 15 MB",
            "wav 或 mp3 文件的公网地址，2 到 30 秒，不超过 15 MB",
        ),
        least=1,
        most=2048,
    ),
    Flag(
        "watermark",
        title=Text("Watermark", "水印"),
        description=Text("Mark the result as made by AI, bottom right", "在右下角添加“AI生成”标识"),
    ),
    Seed(),
)


def parameters_of(model: Model) -> Parameters:
    """Return what *model* takes, in the order of its form."""
    return Parameters(*_main(model), *_taken(model))


def _main(model: Model) -> Iterable[Parameter]:
    yield Prompt(most=model.longest_prompt or UNBOUNDED, required=model.needs_prompt, least=int(model.needs_prompt))
    if model.pictures is not None:
        yield model.pictures
    if LAST_FRAME in model.takes:
        yield References(
            LAST_FRAME,
            title=Text("Last frame", "尾帧"),
            description=Text("The picture that the video ends with", "视频的最后一帧"),
            formats=model.pictures.formats if model.pictures else (),
            most_bytes=model.pictures.most_bytes if model.pictures else None,
            shortest=240,
            longest=8000,
            widest=8,
        )
    if model.size is not None:
        yield model.size
    if model.resolutions:
        yield Choice(
            "resolution",
            title=Text("Resolution", "分辨率"),
            description=Text("More pixels cost more", "分辨率越高费用越高"),
            allowed=model.resolutions,
            default="1080P",
            group="main",
        )
    if model.duration is not None:
        yield model.duration
    if not model.is_video:
        yield from _counts(model)


def _counts(model: Model) -> Iterable[Parameter]:
    yield Whole(
        "n",
        title=Text("Pictures", "张数"),
        description=Text("How many pictures to make; each is charged", "生成的图片数量，按张计费"),
        least=1,
        most=max(model.most_images, model.most_sequential),
        default=1,
        group="main",
    )
    if model.most_sequential:
        yield Flag(
            "enable_sequential",
            title=Text("A set", "组图"),
            description=Text(
                "Pictures that belong together; there may be fewer than asked for",
                "生成内容连贯的一组图片，可能少于所求",
            ),
            default=False,
        )


def _taken(model: Model) -> Iterable[Parameter]:
    for parameter in _OPTIONAL:
        if parameter.name in model.takes:
            yield _with_default(parameter, model.defaults.get(parameter.name))


def _with_default(parameter: Parameter, default: Any) -> Parameter:
    return parameter if default is None else attrs.evolve(parameter, default=default)


def takers_of(models: Iterable[Model]) -> dict[str, list[str]]:
    """Return the ids of the models that take each parameter."""
    takers: dict[str, list[str]] = {}
    for model in models:
        for name in parameters_of(model).names:
            takers.setdefault(name, []).append(model.id)
    return takers
