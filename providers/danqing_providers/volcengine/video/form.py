"""The parameters of each video model: what is checked, and what a form shows.

Source: volcengine.com/docs/82379/1520757, read 2026-11-28. Defaults are Ark's own, except the length: that of 2.5
is told in two ways, so that it is always sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from danqing_plugins import Text
from danqing_plugins.kit.parameters import (
    Choice,
    Flag,
    Json,
    Line,
    Parameter,
    Parameters,
    Prompt,
    References,
    Seed,
    Whole,
    Words,
)
from danqing_providers.volcengine import texts as volcengine_texts
from danqing_providers.volcengine.video.models import VIDEO_MODELS, VideoModel
from danqing_providers.volcengine.video.pricing import RATIOS

__all__ = ["DURATION_S", "MEDIA_FIELDS", "REFERENCE_FIELDS", "form_of", "takers"]

REFERENCE_FIELDS: Final = ("image", "last_frame", "reference_image")
MEDIA_FIELDS: Final = ("reference_video", "reference_audio")
DURATION_S: Final = 5
LONGEST_PROMPT: Final = 8000
LARGEST_SEED: Final = 2**32 - 1
SEARCH: Final = [{"type": "web_search"}]
_FRAMES: Final = range(29, 290, 4)
_MIB: Final = 1024 * 1024


@cache
def form_of(model: VideoModel) -> Parameters:
    """Return what *model* takes, in the order of its form."""
    return Parameters(*_main(model), *_references(model), *(each for each in _MORE if _is_taken(model, each)))


@cache
def takers() -> dict[str, list[str]]:
    """Return the ids of the video models that take each parameter."""
    found: dict[str, list[str]] = {}
    for model in VIDEO_MODELS:
        for name in form_of(model).names:
            found.setdefault(name, []).append(model.id)
    return found


def _is_taken(model: VideoModel, parameter: Parameter) -> bool:
    name = "draft" if parameter.name == "draft_task" else parameter.name
    return name in _OF_ALL or name in model.takes


def _pictures(model: VideoModel, name: str, title: Text, description: Text, most: int = 1) -> References:
    return References(
        name,
        title=title,
        description=description,
        most=most,
        formats=model.formats,
        most_bytes=30 * _MIB,
        most_encoded_bytes=60 * _MIB,
        shortest=300,
        longest=6000,
        widest=2.5,
    )


def _main(model: VideoModel) -> Iterator[Parameter]:
    yield Prompt(
        required=False,
        most=LONGEST_PROMPT,
        description=Text(
            "What happens in the video; needed unless a picture is given", "描述视频内容；没有图片时必填"
        ),
        advice=Text("At most 1000 words", "建议不超过 500 个汉字"),
    )
    yield _pictures(model, "image", Text("First frame", "首帧"), Text("The video begins with it", "视频的第一帧"))
    if model.last_frame:
        described = Text("The video ends with it; needs a first frame", "视频的最后一帧，需同时提供首帧")
        yield _pictures(model, "last_frame", Text("Last frame", "尾帧"), described)
    yield Choice(
        "resolution",
        title=Text("Resolution", "分辨率"),
        description=Text("More pixels cost more", "分辨率越高费用越高"),
        allowed=model.resolutions,
        default=model.resolution,
        group="main",
    )
    yield Choice(
        "ratio",
        title=Text("Shape", "宽高比"),
        description=Text(
            "Width to height; adaptive follows the first picture, or the prompt",
            "视频的宽高比；adaptive 跟随首张图片或提示词",
        ),
        allowed=(*RATIOS, "adaptive"),
        labels={**{ratio: Text(ratio, ratio) for ratio in RATIOS}, "adaptive": Text("Adaptive", "自适应")},
        default=None if model.old else "adaptive",
        group="main",
    )
    least, most = model.durations
    yield Whole(
        "duration",
        title=Text("Length", "时长"),
        description=Text("Seconds; -1: as the model likes", "秒数；-1 表示由模型决定")
        if model.free_length
        else Text("Seconds", "秒数"),
        least=least,
        most=most,
        also=(-1,) if model.free_length else (),
        default=DURATION_S,
        group="main",
        unit=Text("s", "秒"),
    )


def _references(model: VideoModel) -> Iterator[Parameter]:
    if model.pictures:
        described = Text(
            "Pictures of what is to be seen; not together with a first or last frame",
            "供参考的图片；不能与首帧、尾帧同时使用",
        )
        yield _pictures(model, "reference_image", Text("Reference pictures", "参考图"), described, model.pictures)
    if model.videos:
        yield Words(
            "reference_video",
            title=Text("Reference videos", "参考视频"),
            description=Text(
                f"Public URLs of mp4 or mov files, or asset://…; {model.video_s} s in all",
                f"mp4、mov 文件的公网地址或 asset://…，总长不超过 {model.video_s} 秒",
            ),
            least=1,
            most=model.videos,
            longest=2048,
        )
    if model.audios:
        yield Words(
            "reference_audio",
            title=Text("Reference sounds", "参考音频"),
            description=Text(
                "Public URLs of wav or mp3 files, or asset://…", "wav、mp3 文件的公网地址或 asset://…"
            ),
            least=1,
            most=model.audios,
            longest=2048,
        )


def _refuse_tools(value: Any) -> str | None:
    return None if value == SEARCH else volcengine_texts.SEARCH_TOOL()


def _refuse_frames(value: Any) -> str | None:
    return (
        None if type(value) is int and value in _FRAMES else Text("must be 29, 33, … 289", "须为 29、33、……、289")
    )


_OF_ALL: Final = frozenset({"seed", "watermark", "return_last_frame", "execution_expires_after"})
_MORE: Final[tuple[Parameter, ...]] = (
    Flag(
        "generate_audio",
        title=Text("Sound", "声音"),
        description=Text("Make speech, sounds and music that fit", "生成与画面匹配的人声、音效与音乐"),
        default=True,
    ),
    Seed(least=-1, most=LARGEST_SEED, default=-1),
    Flag(
        "watermark",
        title=Text("Watermark", "水印"),
        description=Text("Mark the video as made by AI", "为视频添加 AI 生成水印"),
        default=False,
    ),
    Flag(
        "return_last_frame",
        title=Text("Keep the last frame", "返回尾帧"),
        description=Text("A second output: the last frame as a picture", "另外输出视频的最后一帧图片"),
        default=False,
    ),
    Flag(
        "camera_fixed",
        title=Text("Still camera", "固定镜头"),
        description=Text("The camera does not move", "镜头不移动"),
        default=False,
    ),
    Json(
        "frames",
        title=Text("Frames", "帧数"),
        description=Text("Instead of a length: 29 to 289, 25 + 4n", "代替时长：29 到 289，形如 25 + 4n"),
        like={"enum": list(_FRAMES)},
        refuses=_refuse_frames,
        widget="number",
    ),
    Choice(
        "service_tier",
        title=Text("Service", "服务等级"),
        description=Text("flex costs half and may take many hours", "flex 价格减半，可能需要数小时"),
        allowed=("default", "flex"),
        labels={"default": Text("Online", "在线"), "flex": Text("Offline", "离线")},
        default="default",
    ),
    Whole(
        "execution_expires_after",
        title=Text("Give up after", "过期时间"),
        description=Text("An order that has not ended by then expires", "超过该时间未完成的任务会过期"),
        least=3600,
        most=259_200,
        default=172_800,
        unit=Text("s", "秒"),
    ),
    Whole(
        "priority",
        title=Text("Priority", "优先级"),
        description=Text("Among your own orders of this model; 9 is first", "在同一模型的排队任务中，9 最先"),
        least=0,
        most=9,
        default=0,
    ),
    Json(
        "tools",
        title=Text("Web search", "联网搜索"),
        description=Text(
            'Let the model look things up: [{"type": "web_search"}]; from words alone',
            '允许模型联网搜索：[{"type": "web_search"}]，仅限纯文本输入',
        ),
        like={
            "type": "array",
            "items": {"type": "object", "properties": {"type": {"const": "web_search"}}, "required": ["type"]},
            "maxItems": 1,
        },
        refuses=_refuse_tools,
    ),
    Flag(
        "draft",
        title=Text("Draft", "样片"),
        description=Text(
            "A cheap preview at 480p; make the video of it with draft_task",
            "480p 预览，可用 draft_task 生成正式视频",
        ),
        default=False,
    ),
    Line(
        "draft_task",
        title=Text("Of a draft", "样片任务"),
        description=Text(
            "The draft_task of a draft's output, at most 7 days old", "样片输出中的 draft_task，7 天内有效"
        ),
        least=1,
        most=128,
    ),
    Choice(
        "output_format",
        title=Text("Format", "格式"),
        description=Text("The file's format", "文件格式"),
        allowed=("mp4", "mov"),
        default="mp4",
    ),
    Choice(
        "omni_reference_task_type",
        title=Text("What to do with the references", "参考任务类型"),
        description=Text(
            "edit needs ratio adaptive and duration -1, extend needs ratio adaptive",
            "edit 需要 ratio 为 adaptive 且 duration 为 -1，extend 需要 ratio 为 adaptive",
        ),
        allowed=("auto", "reference", "edit", "extend"),
        labels={
            "auto": Text("Find out", "自动判断"),
            "reference": Text("Refer", "参考"),
            "edit": Text("Edit", "编辑"),
            "extend": Text("Extend", "延长"),
        },
        default="auto",
    ),
)
