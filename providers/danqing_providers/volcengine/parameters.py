"""The parameters of each model: what is checked, and what a form shows.

Source: Volcengine's image API page 82379/1541523, read 2026-11-23. Defaults are Ark's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from danqing_plugins import Text
from danqing_plugins.kit.fields import Fields
from danqing_plugins.kit.parameters import (
    Choice,
    Flag,
    Json,
    Number,
    Options,
    Parameter,
    Parameters,
    Prompt,
    Seed,
    Size,
    Whole,
)
from danqing_providers.volcengine import texts
from danqing_providers.volcengine.catalogue import Catalogue, Model
from danqing_providers.volcengine.references import references_of
from danqing_providers.volcengine.style import STYLES

__all__ = ["LONGEST_PROMPT", "MOST_IMAGES", "PARAMETERS", "Forms", "parameters_of"]

LONGEST_PROMPT: Final = 8000
ADVISED_CHINESE: Final = 300
ADVISED_WORDS: Final = 600
MOST_IMAGES: Final = 15
LARGEST_SEED: Final = 2_147_483_647
QUALITIES: Final = ("standard", "hd")
SEARCH: Final = [{"type": "web_search"}]

_GROUPED: Final = {"sequential_image_generation": ("auto",)}
_UNGROUPED: Final = {"sequential_image_generation": (None, "disabled")}
_STYLE_NAMES: Final = {
    "natural": Text("Natural", "自然"),
    "anime": Text("Anime", "动漫"),
    "cyberpunk": Text("Cyberpunk", "赛博朋克"),
    "realistic": Text("Photographic", "写实"),
}


class _ArkSize(Size):
    """The sizes of a model; `choose_size` checks them, since it also enlarges the small ones of old clients."""

    def check(self, fields: Fields) -> None:
        """Do nothing."""


@attrs.frozen
class Forms:
    """The parameters of each model on offer, by its id, and which models take each that not all take."""

    by_model: Mapping[str, Parameters]
    takers: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, catalogue: Catalogue) -> Forms:
        """Return those of *catalogue*."""
        models = catalogue.models.values()
        takers = {name: tuple(model.id for model in models if name in model.takes) for name in PER_MODEL}
        return cls({model.id: parameters_of(model) for model in models}, takers)


def parameters_of(model: Model) -> Parameters:
    """Return what *model* takes, in the order of its form."""
    optional = {parameter.name: parameter for parameter in _optional(model)}
    taken = [optional[name] for name in PER_MODEL if name in model.takes]
    references = [references_of(model)] if model.most_references else []
    return Parameters(_PROMPT, *references, _size(model), *_COMMON, *taken)


_PROMPT: Final = Prompt(
    most=LONGEST_PROMPT,
    advice=Text(
        f"At most {ADVISED_WORDS} words: details get lost in longer prompts",
        f"建议不超过 {ADVISED_CHINESE} 个汉字，过长时细节容易丢失",
    ),
)
_COMMON: Final[tuple[Parameter, ...]] = (
    Whole(
        "n",
        title=Text("Pictures", "张数"),
        description=Text("Independent pictures, each paid for by itself", "相互独立的图片，每张单独计费"),
        least=1,
        most=MOST_IMAGES,
        default=1,
        group="main",
        unit=Text("pictures", "张"),
        when=_UNGROUPED,
    ),
    Choice(
        "quality",
        title=Text("Quality", "画质"),
        description=Text(
            "hd asks for the model's largest size when none is given", "未指定尺寸时，hd 使用模型支持的最大尺寸"
        ),
        allowed=QUALITIES,
        default="standard",
        labels={"standard": Text("Standard", "标准"), "hd": Text("High", "高清")},
    ),
    Choice(
        "style",
        title=Text("Style", "风格"),
        description=Text("Adds a phrase to the prompt", "在提示词后附加一句风格描述"),
        allowed=tuple(STYLES),
        labels=_STYLE_NAMES,
    ),
    Flag(
        "watermark",
        title=Text("Watermark", "水印"),
        description=Text("Marks the picture as made by AI, in its corner", "在图片右下角添加“AI 生成”水印"),
        default=True,
    ),
    Choice(
        "response_format",
        title=Text("Transfer", "返回方式"),
        description=Text(
            "How the service hands the picture over; the result is the same", "服务返回图片的方式，不影响结果"
        ),
        allowed=("url", "b64_json"),
        default="url",
        labels={"url": Text("Link", "链接"), "b64_json": Text("Base64", "Base64")},
    ),
)


def _size(model: Model) -> Size:
    return _ArkSize(
        description=Text(f"Allowed: {model.sizes}", f"可用：{_chinese(model.sizes)}"),
        default=model.default_size,
        tiers=model.tiers,
        free=model.pixels is not None,
        area=model.pixels,
        widest=model.widest,
        when={"layer_decomposition": (None, False)} if "layer_decomposition" in model.takes else {},
    )


def _chinese(text: str) -> str:
    return text.zh if isinstance(text, Text) else text


def _optional(model: Model) -> tuple[Parameter, ...]:
    return (
        Seed(least=-1, most=LARGEST_SEED, default=-1),
        Number(
            "guidance_scale",
            title=Text("Guidance", "提示词引导强度"),
            description=Text("How closely the prompt is followed", "数值越大越贴近提示词"),
            least=1,
            most=10,
            step=0.1,
        ),
        Choice(
            "sequential_image_generation",
            title=Text("Group of pictures", "组图"),
            description=Text(
                "auto: one call makes several pictures that belong together", "auto：一次生成多张相互关联的图片"
            ),
            allowed=("disabled", "auto"),
            default="disabled",
            labels={"disabled": Text("Off", "关闭"), "auto": Text("Automatic", "自动")},
        ),
        Options(
            "sequential_image_generation_options",
            title=Text("Options of the group", "组图选项"),
            description=Text("How many pictures a group may have", "组图的图片数量上限"),
            when=_GROUPED,
            parameters=(
                Whole(
                    "max_images",
                    title=Text("At most", "最多张数"),
                    description=Text(
                        "References and pictures are at most 15 together", "参考图与生成图合计不超过 15 张"
                    ),
                    least=1,
                    most=MOST_IMAGES,
                    unit=Text("pictures", "张"),
                ),
            ),
        ),
        Flag(
            "stream",
            title=Text("One by one", "流式返回"),
            description=Text("Each picture of a group comes as soon as it is made", "组图中的图片逐张返回"),
            when=_GROUPED,
        ),
        Options(
            "optimize_prompt_options",
            title=Text("Prompt optimisation", "提示词优化"),
            description=Text("How the service rewrites the prompt", "服务改写提示词的方式"),
            parameters=(
                Choice(
                    "mode",
                    title=Text("Mode", "模式"),
                    description=Text("fast is quicker, standard better", "fast 更快，standard 质量更高"),
                    allowed=model.optimize_modes,
                    labels={
                        mode: label
                        for mode, label in (("standard", Text("Standard", "标准")), ("fast", Text("Fast", "快速")))
                        if mode in model.optimize_modes
                    },
                ),
            ),
        ),
        Choice(
            "output_format",
            title=Text("Format", "图片格式"),
            description=Text("png for layers and transparent backgrounds", "图层与透明背景须使用 png"),
            allowed=("jpeg", "png"),
            default="jpeg",
        ),
        Json(
            "tools",
            title=Text("Web search", "联网搜索"),
            description=Text(
                'Lets the model search the web: [{"type": "web_search"}]',
                '允许模型联网搜索：[{"type": "web_search"}]',
            ),
            like={"const": SEARCH},
            refuses=lambda value: None if value == SEARCH else texts.SEARCH_TOOL(),
        ),
        Flag(
            "layer_decomposition",
            title=Text("Take apart into layers", "图层分解"),
            description=Text(
                "Makes up to 16 layers and a base of one picture", "将一张图片分解为底图与最多 16 个图层"
            ),
            default=False,
        ),
        Choice(
            "background",
            title=Text("Background", "背景"),
            description=Text(
                "transparent needs one picture with an alpha channel", "transparent 需要一张带透明通道的参考图"
            ),
            allowed=("transparent", "opaque"),
            labels={"transparent": Text("Transparent", "透明"), "opaque": Text("Opaque", "不透明")},
        ),
    )


PER_MODEL: Final = (
    "seed",
    "guidance_scale",
    "sequential_image_generation",
    "sequential_image_generation_options",
    "stream",
    "optimize_prompt_options",
    "output_format",
    "tools",
    "layer_decomposition",
    "background",
)
"""What some models take and others do not."""

PARAMETERS: Final = ("prompt", "image", "size", *(parameter.name for parameter in _COMMON), *PER_MODEL)
