"""The provider's settings; `docs/providers/dashscope.md` lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from danqing_plugins import ConfigurationError, PluginContext, Price, Setting, Text, nearest
from danqing_plugins.kit.polling import Pace
from danqing_plugins.settings import choice, duration, table, text, url, whole
from danqing_providers.dashscope.catalogue import Model
from danqing_providers.dashscope.image_models import IMAGE_MODELS
from danqing_providers.dashscope.orders import IMAGE_PACE, VIDEO_PACE
from danqing_providers.dashscope.video_models import VIDEO_MODELS, resolution_of

__all__ = ["MODELS", "SETTINGS", "Settings", "find_model", "read_settings"]

MODELS: Final = tuple(version for model in (*IMAGE_MODELS, *VIDEO_MODELS) for version in model.versions)
DEFAULT_MODEL: Final = "qwen-image-plus"
MICRO: Final = 1_000_000
API: Final = "/api/v1"
HOSTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "beijing": "https://dashscope.aliyuncs.com",
        "singapore": "https://dashscope-intl.aliyuncs.com",
        "virginia": "https://dashscope-us.aliyuncs.com",
    }
)
NOTHING: Mapping[str, Any] = MappingProxyType({})
SANDBOX_PACE: Final = Pace(first_s=0.2, longest_s=1.0)

SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="api_key",
        variable="DASHSCOPE_API_KEY",
        kind=text("a key of Model Studio (sk-…)"),
        secret=True,
        help=Text("The bearer key of Model Studio; each region has its own.", "百炼的 API Key，各地域不通用。"),
    ),
    Setting(
        name="region",
        variable="DANQING_DASHSCOPE_REGION",
        kind=choice(*HOSTS),
        default="beijing",
        help=Text("Where the key is from; models and prices differ.", "API Key 所属地域，模型与价格随地域不同。"),
    ),
    Setting(
        name="endpoint",
        variable="DANQING_DASHSCOPE_ENDPOINT",
        kind=url(),
        help=Text(
            "Another address than the region's, such as https://WORKSPACE.cn-beijing.maas.aliyuncs.com.",
            "替代地域默认地址，例如 https://业务空间ID.cn-beijing.maas.aliyuncs.com。",
        ),
    ),
    Setting(
        name="workspace",
        variable="DANQING_DASHSCOPE_WORKSPACE",
        help=Text("The workspace's id, for keys of sub-accounts.", "业务空间 ID，子账号的 API Key 需要。"),
    ),
    Setting(
        name="default_model",
        variable="DANQING_DASHSCOPE_DEFAULT_MODEL",
        default=DEFAULT_MODEL,
        help=Text("The model of a task that names none.", "未指定模型的任务所用的模型。"),
    ),
    Setting(
        name="prices",
        variable="DANQING_DASHSCOPE_PRICES",
        kind=table(
            "a table of model ids to a price, or [up to 2.25 megapixels, above]; `id@1080P` for a video's second"
        ),
        default=NOTHING,
        help=Text(
            "What a picture or a second of a video costs, over the built-in prices: CNY in Beijing, else USD.",
            "每张图片或每秒视频的价格，优先于内置价格：北京为人民币，其他地域为美元。",
        ),
    ),
    Setting(
        name="concurrency",
        variable="DANQING_DASHSCOPE_CONCURRENCY",
        kind=whole(1, 1000),
        default=32,
        unit="tasks",
        help=Text("How many tasks one process runs at once.", "一个进程同时执行的任务数。"),
    ),
    Setting(
        name="poll_every",
        variable="DANQING_DASHSCOPE_POLL_EVERY",
        kind=duration(0.05, 120),
        unit="s",
        help=Text(
            "How often an order is asked for; unless set, 1 to 5 s for pictures, 5 to 15 s for videos.",
            "查询任务的间隔；默认图片 1 到 5 秒，视频 5 到 15 秒。",
        ),
    ),
)


@attrs.frozen(kw_only=True)
class Settings:
    """What the provider was configured with. `base_url` None: the simulator does not run, nothing can be made."""

    name: str
    base_url: str | None
    key: str = attrs.field(repr=False)
    workspace: str | None
    default_model: str
    prices: Mapping[str, Price]
    concurrency: int
    image_pace: Pace
    video_pace: Pace
    call_timeout_s: float
    sandbox: bool


def read_settings(context: PluginContext) -> Settings:
    """Make them of the options.

    Raises:
        ConfigurationError: one is wrong; the message is one line with its place and what is allowed.
    """
    options = context.options
    image_pace, video_pace = _paces(options["poll_every"], sandbox=context.sandbox)
    return Settings(
        name=context.name,
        base_url=_base_url(context),
        key="sandbox" if context.sandbox else options["api_key"] or "",
        workspace=options["workspace"],
        default_model=_default_model(context),
        prices=_prices(context),
        concurrency=options["concurrency"],
        image_pace=image_pace,
        video_pace=video_pace,
        call_timeout_s=context.call_timeout_s,
        sandbox=context.sandbox,
    )


def _base_url(context: PluginContext) -> str | None:
    if context.sandbox:
        return None if context.sandbox_url is None else context.sandbox_url + API
    base = context.options["endpoint"] or HOSTS[context.options["region"]]
    if urlsplit(base).query:
        raise ConfigurationError(f"{context.place_of('endpoint')}: must not have a query")
    return str(base) if base.endswith(API) else f"{base}{API}"


def _paces(every_s: float | None, *, sandbox: bool) -> tuple[Pace, Pace]:
    if every_s is not None:
        pace = Pace(first_s=every_s, longest_s=every_s)
        return pace, pace
    return (SANDBOX_PACE, SANDBOX_PACE) if sandbox else (IMAGE_PACE, VIDEO_PACE)


def find_model(name: str) -> Model | None:
    """Return the model of that id; None: there is none."""
    return next((model for model in MODELS if name == model.id), None)


def _default_model(context: PluginContext) -> str:
    name: str = context.options["default_model"]
    if find_model(name) is None:
        known = ", ".join(model.id for model in MODELS)
        raise ConfigurationError(
            f"{context.place_of('default_model')}: unknown model {name[:80]!r}; allowed: {known}"
        )
    return name


def _prices(context: PluginContext) -> dict[str, Price]:
    in_yuan = context.options["region"] == "beijing"
    prices = _built_in() if in_yuan else {}
    for id_, value in context.options["prices"].items():
        name, at, resolution = id_.partition("@")
        model = find_model(name)
        if model is None:
            near = nearest(name, [each.id for each in MODELS])
            hint = f"; did you mean {near}?" if near else ""
            raise ConfigurationError(f"{context.place_of('prices')}: unknown model {id_[:80]!r}{hint}")
        known = _resolutions(model)
        if at and resolution not in known:
            allowed = ", ".join(f"{name}@{each}" for each in known) or name
            raise ConfigurationError(
                f"{context.place_of('prices')}: {id_[:80]!r} is not allowed; allowed: {allowed}"
            )
        amounts = value if isinstance(value, list) and len(value) == 2 else [value]
        if not all(type(amount) in (int, float) and 0 <= amount <= 10_000 for amount in amounts):
            raise ConfigurationError(
                f"{context.place_of('prices')}: {id_}: no price; allowed: a number, or two in a list"
            )
        if amounts[-1] < amounts[0]:
            told = f"{id_}: {amounts[-1]:g}, above 2.25 megapixels, is less than {amounts[0]:g}"
            raise ConfigurationError(f"{context.place_of('prices')}: {told}; allowed: the lower one first")
        micro = [round(amount * MICRO) for amount in amounts]
        if "@" not in id_:  # the operator's one price holds at every resolution
            prices = {key: price for key, price in prices.items() if not key.startswith(f"{id_}@")}
        prices[id_] = Price(
            amount_micro=micro[0],
            most_micro=micro[1] if len(micro) == 2 else None,
            currency="CNY" if in_yuan else "USD",
        )
    return prices


def _resolutions(model: Model) -> Sequence[str]:
    """Return the resolutions in which *model* makes videos; none for pictures."""
    if not model.is_video:
        return ()
    of_sizes = [] if model.size is None else [resolution_of(size) for size in model.size.allowed]
    return model.resolutions or tuple(dict.fromkeys(each for each in of_sizes if each is not None))


def _built_in() -> dict[str, Price]:
    prices = {model.id: _listed(model) for model in MODELS if model.price_micro is not None}
    seconds = [(model, *each) for model in MODELS for each in model.second_micro.items()]
    return prices | {f"{model.id}@{at}": Price(amount_micro=micro, currency="CNY") for model, at, micro in seconds}


def _listed(model: Model) -> Price:
    return Price(amount_micro=model.price_micro or 0, most_micro=model.large_micro, currency="CNY")
