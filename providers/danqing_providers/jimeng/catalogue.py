"""The models of 即梦, by the service's `req_key`.

Source: volcengine.com/docs/85621 (t2i 3.0, 3.1 and 4.0, i2i 3.0, Seedream 4.6, video 3.0 Pro) as of 2026-06, read
2026-11-28. The price of a picture is not published in one place, and none is assumed; video 3.0 Pro costs 1 CNY a
second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from danqing_plugins import OutputKind, Prepared, Price, Problem, Request, Text
from danqing_plugins.errors import InvalidRequest
from danqing_plugins.kit.offers import Offer
from danqing_plugins.kit.parameters import (
    Choice,
    Flag,
    Number,
    Parameter,
    Parameters,
    Prompt,
    References,
    Seed,
    Size,
    Whole,
)
from danqing_providers.jimeng import texts

__all__ = ["DEFAULT_MODEL", "MODELS", "Model"]

DEFAULT_MODEL: Final = "jimeng_t2i_v40"
MOST_OUTPUTS: Final = 15
MIB: Final = 1024 * 1024
_K: Final = 1024
_MICRO_A_SECOND: Final = 1_000_000


@attrs.frozen(kw_only=True)
class Model:
    """One `req_key`. `group`: the model may make several pictures. `takes_bytes`: of references too, as base64."""

    offer: Offer
    group: bool = False
    takes_bytes: bool = False

    def prepare(self, request: Request) -> Prepared:
        """Check *request*. Raises InvalidRequest."""
        # Always sent: the service's own default is false, and it bills pictures that have no place here.
        prepared = self.offer.prepare(request, force_single=True) if self.group else self.offer.prepare(request)
        if not self.takes_bytes:
            strangers = [each for each in request.references if each.url is None]
            if strangers:
                problems = [Problem(field=each.field, message=texts.URLS_ONLY()) for each in strangers]
                raise InvalidRequest(problems[0].message, problems=problems)
        if self.group and prepared.input.get("force_single") is False:
            # How many come is the model's choice, and each is billed: none of them may be without a place.
            return attrs.evolve(prepared, outputs=MOST_OUTPUTS - len(request.references))
        return prepared


def _prompt() -> Prompt:
    return Prompt(most=800)


def _seed() -> Seed:
    return Seed(least=-1, default=-1)


def _rewrite() -> Flag:
    return Flag(
        "use_pre_llm",
        title=Text("Extend the prompt", "提示词扩写"),
        description=Text("Lets a language model extend a short prompt", "由语言模型扩写较短的提示词"),
        default=True,
    )


def _references(most: int, *, least: int = 0, most_mib: float = 15, shortest: int = 1) -> References:
    return References(
        least=least,
        most=most,
        required=least > 0,
        formats=("jpeg", "png"),
        most_bytes=int(most_mib * MIB),
        shortest=shortest,
        longest=4096,
        widest=3,
    )


def _size(least: int, most: int, default: str | None, widest: float | None = 3) -> Size:
    squares = {f"{side // 1024}K": side for side in (1024, 2048, 4096) if least <= side <= most}
    return Size(free=True, area=(least**2, most**2), widest=widest, default=default, squares=squares)


def _drawing(key: str, title: str) -> Model:
    return Model(
        offer=Offer(
            id=key,
            title=title,
            parameters=Parameters(_prompt(), _size(512, 2 * _K, "1328x1328"), _seed(), _rewrite()),
        )
    )


def _seedream(key: str, title: str, most: int, scale: Parameter) -> Model:
    single = Flag(
        "force_single",
        title=Text("One picture", "只生成一张"),
        description=Text(
            "Off: the model makes as many as the prompt asks for, up to 15 with the references; each is billed",
            "关闭后由模型按提示词决定张数（与参考图合计最多 15 张），每张均计费",
        ),
        default=True,
    )
    parameters = Parameters(_prompt(), _references(most), _size(_K, 4 * _K, None), scale, single)
    return Model(offer=Offer(id=key, title=title, parameters=parameters, pictures=("image",)), group=True)


_SCALE_TITLE: Final = Text("Weight of the prompt", "文本影响程度")
_SCALE_TEXT: Final = Text("Against that of the reference pictures", "相对于参考图")
_SCALE: Final = Number(
    "scale", title=_SCALE_TITLE, description=_SCALE_TEXT, least=0, most=1, step=0.05, default=0.5
)
_WHOLE_SCALE: Final = Whole("scale", title=_SCALE_TITLE, description=_SCALE_TEXT, least=1, most=100, default=50)


def _film_price(given: Mapping[str, Any]) -> Price:
    seconds = (given.get("frames", 121) - 1) // 24
    return Price(amount_micro=seconds * _MICRO_A_SECOND, currency="CNY")


_FILM: Final = Model(
    takes_bytes=True,
    offer=Offer(
        id="jimeng_ti2v_v30_pro",
        title="即梦视频 3.0 Pro",
        kind=OutputKind.VIDEO,
        pictures=("image",),
        price=Price(amount_micro=_MICRO_A_SECOND, currency="CNY", unit="second"),
        price_of=_film_price,
        parameters=Parameters(
            _prompt(),
            _references(1, most_mib=4.7, shortest=320),
            Choice(
                "frames",
                title=Text("Frames", "帧数"),
                description=Text("121 are 5 seconds, 241 are 10", "121 为 5 秒，241 为 10 秒"),
                allowed=(121, 241),
                default=121,
                group="main",
            ),
            Choice(
                "aspect_ratio",
                title=Text("Aspect ratio", "宽高比"),
                description=Text(
                    "Without a first frame; with one, it is the frame's", "仅文生视频；图生视频随首帧"
                ),
                allowed=("16:9", "4:3", "1:1", "3:4", "9:16", "21:9"),
                default="16:9",
                group="main",
            ),
            _seed(),
        ),
    ),
)
_EDIT: Final = Model(
    takes_bytes=True,
    offer=Offer(
        id="jimeng_i2i_v30",
        title="即梦图生图 3.0",
        pictures=("image",),
        parameters=Parameters(
            _prompt(),
            _references(1, least=1, most_mib=4.7),
            Size(free=True, sides=(512, 2016), default="1328x1328"),
            _SCALE,
            _seed(),
        ),
    ),
)
_ALL: Final = (
    _seedream(DEFAULT_MODEL, "即梦图片 4.0", 10, _SCALE),
    _seedream("jimeng_seedream46_cvtob", "即梦图片 4.6", 14, _WHOLE_SCALE),
    _drawing("jimeng_t2i_v31", "即梦文生图 3.1"),
    _drawing("jimeng_t2i_v30", "即梦文生图 3.0"),
    _EDIT,
    _FILM,
)
MODELS: Final[Mapping[str, Model]] = {model.offer.id: model for model in _ALL}
