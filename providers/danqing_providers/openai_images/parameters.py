"""The parameters that services of this kind know; a preset's `takes` picks and narrows them.

Meanings by OpenAI's reference and the services' pages named in `presets/`, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from danqing_plugins import Text
from danqing_plugins.kit.fields import Fields
from danqing_plugins.kit.parameters import Choice, Flag, Line, Number, Parameter, Seed, Whole

__all__ = ["PARAMETERS", "narrowed", "new_parameter"]

LARGEST_SEED: Final = 4_294_967_295
_LOSSY: Final = ("jpeg", "webp")
_LEVELS: Final = {
    "auto": Text("Automatic", "自动"),
    "low": Text("Low", "低"),
    "medium": Text("Medium", "中"),
    "high": Text("High", "高"),
    "xhigh": Text("Very high", "很高"),
    "max": Text("Highest", "最高"),
    "standard": Text("Standard", "标准"),
    "hd": Text("HD", "高清"),
}
_GUIDANCE: Final = Text("How closely the picture keeps to the prompt", "图片贴近提示词的程度")

_ALL: Final[tuple[Parameter, ...]] = (
    Choice(
        "quality",
        title=Text("Quality", "质量"),
        description=Text("Higher costs more and takes longer", "质量越高，费用越高，耗时越长"),
        allowed=("auto", "low", "medium", "high"),
        labels=_LEVELS,
        group="main",
    ),
    Choice(
        "resolution",
        title=Text("Resolution", "分辨率"),
        description=Text("About how many pixels an edge has", "边长的大致像素数"),
        allowed=("1k", "2k"),
        labels={"1k": Text("1K", "1K"), "2k": Text("2K", "2K")},
        group="main",
    ),
    Choice(
        "background",
        title=Text("Background", "背景"),
        description=Text("Transparent needs PNG or WebP", "透明背景需要 PNG 或 WebP"),
        allowed=("auto", "opaque", "transparent"),
        labels={
            "auto": Text("Automatic", "自动"),
            "opaque": Text("Opaque", "不透明"),
            "transparent": Text("Transparent", "透明"),
        },
    ),
    Choice(
        "output_format",
        title=Text("File format", "文件格式"),
        description=Text("The format of the picture's file", "图片文件的格式"),
        allowed=("png", "jpeg", "webp"),
        labels={"png": Text("PNG", "PNG"), "jpeg": Text("JPEG", "JPEG"), "webp": Text("WebP", "WebP")},
    ),
    Whole(
        "output_compression",
        title=Text("Compression quality", "压缩质量"),
        description=Text("How good a JPEG or WebP file is kept", "JPEG 或 WebP 文件的压缩质量"),
        least=0,
        most=100,
        unit="%",
        when={"output_format": _LOSSY},
        strict=True,
    ),
    Choice(
        "moderation",
        title=Text("Moderation", "内容审核"),
        description=Text("How strictly the service filters", "服务的过滤严格程度"),
        allowed=("auto", "low"),
        labels={"auto": Text("Standard", "标准"), "low": Text("Less strict", "较宽松")},
    ),
    Whole(
        "partial_images",
        title=Text("Previews", "预览图"),
        description=Text(
            "How many unfinished pictures are shown while it is made; each is billed as 100 tokens",
            "生成过程中展示的预览图数量，每张按 100 个 token 计费",
        ),
        least=0,
        most=3,
        default=0,
    ),
    Choice(
        "input_fidelity",
        title=Text("Fidelity to the references", "参考图保真度"),
        description=Text("How closely faces and details are kept", "对人脸和细节的保留程度"),
        allowed=("low", "high"),
        labels={"low": _LEVELS["low"], "high": _LEVELS["high"]},
    ),
    Choice(
        "complexity",
        title=Text("Complexity", "复杂度"),
        description=Text("How much is in the picture", "画面的复杂程度"),
        allowed=("low", "medium", "high"),
        labels=_LEVELS,
    ),
    Line(
        "negative_prompt",
        title=Text("Not in the picture", "反向提示词"),
        description=Text("What the picture must not show", "画面中不应出现的内容"),
        most=8000,
        widget="prompt",
    ),
    Seed(most=LARGEST_SEED),
    Whole(
        "steps",
        title=Text("Steps", "推理步数"),
        description=Text("More take longer", "步数越多，耗时越长"),
        least=1,
        most=200,
    ),
    Number(
        "guidance_scale",
        title=Text("Guidance", "提示词引导强度"),
        description=_GUIDANCE,
        least=0,
        most=20,
        step=0.1,
    ),
    Number("cfg", title=Text("Guidance", "提示词引导强度"), description=_GUIDANCE, least=0, most=20, step=0.1),
    Number(
        "true_cfg_scale",
        title=Text("True guidance", "真实引导强度"),
        description=Text("Guidance away from the negative prompt", "远离反向提示词的引导强度"),
        least=0,
        most=20,
        step=0.1,
    ),
    Flag(
        "watermark_enabled",
        title=Text("Watermark", "水印"),
        description=Text("Off needs a waiver signed with the service", "关闭水印需与服务商签署免责声明"),
        default=True,
    ),
    Line(
        "safety_identifier",
        title=Text("User's mark", "用户标识"),
        description=Text(
            "A hash that tells the service's abuse detection one end user from another",
            "供服务的滥用检测区分最终用户的哈希值",
        ),
        least=1,
        most=128,
    ),
    Line(
        "user_id",
        title=Text("User's mark", "用户标识"),
        description=Text("Tells the service one end user from another", "供服务区分最终用户"),
        least=6,
        most=128,
    ),
)
PARAMETERS: Final[Mapping[str, Parameter]] = MappingProxyType({each.name: each for each in _ALL})

_KINDS: Final[Mapping[str, type[Parameter]]] = MappingProxyType(
    {"text": Line, "whole": Whole, "number": Number, "flag": Flag, "choice": Choice}
)
_WIDE: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {"whole": {"least": -(2**31), "most": 2**31 - 1}, "number": {"least": -1e9, "most": 1e9}}
)


def narrowed(parameter: Parameter, written: Mapping[str, Any]) -> Parameter:
    """Return *parameter* with `allowed`, `least`, `most` and `default` of its own. Raises: ValueError."""
    allowed = [field.name for field in attrs.fields(type(parameter)) if field.name in _NARROWING]
    _refuse_others(written, allowed)
    changed = attrs.evolve(parameter, **{**written, **_listed(written)})
    _require_sense(changed)
    if isinstance(changed, Choice):
        labels = {
            str(value): changed.labels[str(value)] for value in changed.allowed if str(value) in changed.labels
        }
        return attrs.evolve(changed, labels=labels)
    return changed


def new_parameter(name: str, written: Mapping[str, Any]) -> Parameter:
    """Return a parameter that nobody else has: `kind`, `title` and what `narrowed` takes. Raises: ValueError."""
    kind = _KINDS.get(str(written.get("kind")))
    if kind is None:
        raise ValueError(f"an unknown parameter needs its kind, one of {', '.join(_KINDS)}")
    said = written.get("title", name)
    if not isinstance(said, str) and (not isinstance(said, Mapping) or said.keys() != {"en", "zh"}):
        raise ValueError('title is a text, or { en = "…", zh = "…" }')
    title = Text(said["en"], said["zh"]) if isinstance(said, Mapping) else Text(said, f"参数 {said}")
    description = Text("A parameter of the service's own", "服务自有的参数")
    own = {key: value for key, value in written.items() if key not in ("kind", "title")}
    _refuse_others(own, _NARROWING)
    if kind is Choice and "allowed" not in own:
        raise ValueError("a choice needs what is allowed, a list")
    wide = _WIDE.get(str(written["kind"]), {})
    made = kind(name, title=title, description=description, **{**wide, **own, **_listed(own)})
    _require_sense(made)
    return made


_NARROWING: Final = ("allowed", "least", "most", "default")


def _refuse_others(written: Mapping[str, Any], allowed: list[str] | tuple[str, ...]) -> None:
    for name in written:
        if name not in allowed:
            raise ValueError(f"{name} is unknown here; allowed: {', '.join(allowed)}")


def _require_sense(parameter: Parameter) -> None:
    """Check that something is allowed, and the default is. Raises: ValueError."""
    default = parameter.default
    if isinstance(parameter, Choice):
        if not parameter.allowed or any(type(value) not in (str, int) for value in parameter.allowed):
            raise ValueError("allowed is a list of texts or whole numbers")
    elif isinstance(parameter, Line | Whole | Number):
        kinds = (int, float) if isinstance(parameter, Number) else (int,)
        for key, limit in (("least", parameter.least), ("most", parameter.most)):
            if type(limit) not in kinds:
                raise ValueError(f"{key} is a {'number' if float in kinds else 'whole number'}, not {limit!r}")
        if parameter.least > parameter.most:
            raise ValueError(f"least {parameter.least} is above most {parameter.most}")
    fields = Fields({parameter.name: default})
    parameter.check(fields)
    if fields.problems:
        raise ValueError(f"default {default!r} {fields.problems[0].message}")


def _listed(written: Mapping[str, Any]) -> dict[str, Any]:
    if "allowed" not in written:
        return {}
    if not isinstance(written["allowed"], list | tuple):
        raise ValueError("allowed is a list")
    return {"allowed": tuple(written["allowed"])}
