"""The settings of videos and texts; `docs/settings.md` lists them with the provider's others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

from danqing_plugins import ConfigurationError, PluginContext, Setting, Text
from danqing_plugins.kit.orders import Pace
from danqing_plugins.settings import duration, table, whole

__all__ = ["TOKEN_SETTINGS", "pace_of", "token_prices_of"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_DEAREST: Final = 100_000
_PACE: Final = Pace(first_s=5.0, growth=1.2, longest_s=10.0)
_SANDBOX_PACE: Final = Pace(first_s=0.2, growth=1.5, longest_s=1.0)

TOKEN_SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        name="token_prices",
        variable="DANQING_VOLCENGINE_TOKEN_PRICES",
        kind=table("a JSON object of model ids to a number, a list of two or null, or the path of a file of one"),
        default=_NOTHING,
        unit="CNY per million tokens (USD at a BytePlus endpoint)",
        help=Text(
            "What tokens cost, over the built-in prices: of a video model without and with a video in the order, "
            "of a text model those read and those written.",
            "token 的价格，优先于内置价格：视频模型为不含、含视频输入的价格，文本模型为输入、输出的价格。",
        ),
    ),
    Setting(
        name="text_models",
        variable="DANQING_VOLCENGINE_TEXT_MODELS",
        kind=table("a JSON object of model ids to a title or null, or the path of a file that holds one"),
        default=_NOTHING,
        help=Text(
            "Further text models (`ep-…` too), before the built-in one; null takes a model off the list.",
            "更多文本模型（包括 `ep-…`），排在内置模型之前；null 去掉一个模型。",
        ),
    ),
    Setting(
        name="video_concurrency",
        variable="DANQING_VOLCENGINE_VIDEO_CONCURRENCY",
        kind=whole(1, 1000),
        default=10,
        unit="tasks",
        help=Text(
            "How many tasks of one video model a process runs at once; Ark makes 10 at a time, 3 for a person.",
            "一个进程中每个视频模型同时执行的任务数；方舟企业账号同时生成 10 个，个人账号 3 个。",
        ),
    ),
    Setting(
        name="video_poll_every",
        variable="DANQING_VOLCENGINE_VIDEO_POLL_EVERY",
        kind=duration(0.05, 120),
        unit="s",
        help=Text(
            "How often an order for a video is asked for; unless set, 5 to 10 s, less in the sandbox.",
            "查询视频任务的间隔；默认 5 到 10 秒，沙箱中更短。",
        ),
    ),
)


def pace_of(context: PluginContext) -> Pace:
    """Return how often an order is asked for."""
    every_s: float | None = context.options["video_poll_every"]
    if every_s is not None:
        return Pace(first_s=every_s, growth=1.0, longest_s=every_s)
    return _SANDBOX_PACE if context.sandbox else _PACE


def token_prices_of(context: PluginContext, known: Collection[str]) -> dict[str, tuple[float, float] | None]:
    """Return the operator's own prices by model id, in millionths for a token.

    Raises:
        ConfigurationError: one names no model of *known*, or is no price.
    """
    place = context.place_of("token_prices")
    found: dict[str, tuple[float, float] | None] = {}
    for name, value in context.options["token_prices"].items():
        if name not in known:
            raise ConfigurationError(f"{place}: unknown model {name[:80]!r}; allowed: {', '.join(known)}")
        found[name] = _price(place, name, value)
    return found


def _price(place: str, name: str, value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    amounts = value if isinstance(value, list) and len(value) == 2 else [value, value]
    if not all(type(amount) in (int, float) and 0 <= amount <= _DEAREST for amount in amounts):
        allowed = f"a number from 0 to {_DEAREST}, two of them in a list, or null"
        raise ConfigurationError(f"{place}: {name}: not a price; allowed: {allowed}")
    return float(amounts[0]), float(amounts[1])
