"""The provider's settings; `docs/settings.md` lists them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs
import orjson

from danqing_plugins import ConfigurationError, PluginContext, Setting, Text
from danqing_plugins.kit.orders import Pace
from danqing_plugins.settings import Kind, table, text, whole
from danqing_providers.volcengine.catalogue import ALIASES, DEFAULT_MODEL, MODELS, Catalogue, Model, Pricing
from danqing_providers.volcengine.endpoint import DEFAULT_ENDPOINT, Endpoint, check_endpoint
from danqing_providers.volcengine.listing import altered_models
from danqing_providers.volcengine.parameters import Forms
from danqing_providers.volcengine.text.models import TextModel, TextPrices, text_models
from danqing_providers.volcengine.video.models import VIDEO_MODELS
from danqing_providers.volcengine.video.pricing import TokenPrices
from danqing_providers.volcengine.video.settings import TOKEN_SETTINGS, pace_of, token_prices_of

__all__ = ["SETTINGS", "Settings", "read_settings"]

REGION = "cn-beijing"
MICRO = 1_000_000
IMAGES_PER_MINUTE = 500
NOTHING: Mapping[str, Any] = MappingProxyType({})


def _check_region(raw: object) -> str:
    if not isinstance(raw, str) or not all(part.isascii() and part.isalnum() for part in raw.split("-")):
        raise ValueError
    return raw


SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="api_key",
        variable="VOLCENGINE_API_KEY",
        kind=text("an Ark API key, or empty"),
        secret=True,
        help=Text(
            "The bearer key of Ark. Empty: pictures are simulated by the sandbox and cost nothing.",
            "方舟的 API Key。留空则由沙箱模拟图片，不产生费用。",
        ),
    ),
    Setting(
        name="endpoint",
        variable="VOLCENGINE_ENDPOINT",
        kind=Kind(
            allowed=f"an http(s) URL, with or without /api/v3 or /api/plan/v3, as {DEFAULT_ENDPOINT}",
            parse=check_endpoint,
        ),
        default=DEFAULT_ENDPOINT,
        help=Text(
            "Where Ark is. BytePlus: https://ark.ap-southeast.bytepluses.com (its model ids, prices in USD).",
            "方舟的地址。BytePlus：https://ark.ap-southeast.bytepluses.com（使用其模型 ID，价格为美元）。",
        ),
    ),
    Setting(
        name="region",
        variable="VOLCENGINE_REGION",
        kind=Kind(allowed="a region name such as cn-beijing or ap-southeast-1", parse=_check_region),
        default=REGION,
        help=Text(
            "Kept for old .env files; has no effect, since the endpoint names the region.",
            "为兼容旧的 .env 保留；没有作用，地域由地址决定。",
        ),
    ),
    Setting(
        name="default_model",
        variable="DANQING_VOLCENGINE_DEFAULT_MODEL",
        kind=text("the id or alias of a model on offer"),
        default=DEFAULT_MODEL,
        help=Text("The model of a task that names none.", "未指定模型的任务所用的模型。"),
    ),
    Setting(
        name="models",
        variable="DANQING_VOLCENGINE_MODELS",
        kind=table("a JSON object, or the path of a file that holds one"),
        default=NOTHING,
        help=Text(
            "Models to add, alter or take off the list: an id (`ep-…` too) with the id of the model whose limits "
            "hold, or an object of `like` and what differs, or null.",
            "要增加、修改或去掉的模型：以模型 ID（包括 `ep-…`）为键，"
            "值为沿用其限制的模型 ID，或含 `like` 与不同之处的对象，或 null。",
        ),
    ),
    Setting(
        name="aliases",
        variable="DANQING_VOLCENGINE_ALIASES",
        kind=table("a JSON object of names to model ids, or the path of a file that holds one"),
        default=NOTHING,
        help=Text(
            "Further names of models, over the built-in ones; null takes an alias away.",
            "模型的其他名称，优先于内置的；null 去掉一个别名。",
        ),
    ),
    Setting(
        name="prices",
        variable="DANQING_VOLCENGINE_PRICES",
        kind=table(
            "a JSON object of model ids to a number, [up to 1.5K, above] or null, or the path of a file of one"
        ),
        default=NOTHING,
        unit="CNY per picture (USD at a BytePlus endpoint)",
        help=Text("What a picture costs, over the built-in prices.", "每张图片的价格，优先于内置价格。"),
    ),
    Setting(
        name="concurrency",
        variable="DANQING_VOLCENGINE_CONCURRENCY",
        kind=whole(1, 1000),
        default=64,
        unit="tasks",
        help=Text("How many tasks one process runs at once.", "一个进程同时执行的任务数。"),
    ),
    Setting(
        name="images_per_minute",
        variable="DANQING_VOLCENGINE_IPM",
        kind=whole(0, 1_000_000),
        default=None,
        unit="pictures per minute",
        help=Text(
            "Ark's limit over all processes, 500 unless set; 0 is none. The sandbox has none unless this is set.",
            "所有进程合计的方舟限额，默认 500；0 表示不限。沙箱默认不限。",
        ),
    ),
    *TOKEN_SETTINGS,
)


@attrs.frozen(kw_only=True)
class Settings:
    """What the provider was configured with. `endpoint` None: the sandbox that stands in for Ark does not run.

    `default_model` is an id as it goes upstream. `images_per_minute` None is no limit.
    """

    name: str
    catalogue: Catalogue
    forms: Forms = attrs.field(eq=False)  # follows from the catalogue
    default_model: str
    endpoint: Endpoint | None
    sandbox: bool
    currency: str
    concurrency: int
    images_per_minute: int | None
    call_timeout_s: float
    token_prices: TokenPrices
    text_models: tuple[TextModel, ...]
    text_prices: TextPrices
    video_concurrency: int
    video_pace: Pace


def read_settings(context: PluginContext) -> Settings:
    """Make them of the options.

    Raises:
        ConfigurationError: one is wrong; the message is one line with its place and what is allowed.
    """
    options = context.options
    real = Endpoint(base_url=check_endpoint(options["endpoint"]), key=options["api_key"] or "")
    simulated = None if context.sandbox_url is None else Endpoint.of_sandbox(context.sandbox_url)
    currency = "USD" if real.overseas else "CNY"
    catalogue = _catalogue(context, currency)
    per_minute = options["images_per_minute"]
    if per_minute is None:
        per_minute = 0 if context.sandbox else IMAGES_PER_MINUTE
    texts = _text_models(context)
    known = [*(video.id for video in VIDEO_MODELS), *(text_model.id for text_model in texts)]
    own_prices = token_prices_of(context, known)
    return Settings(
        name=context.name,
        catalogue=catalogue,
        forms=Forms.of(catalogue),
        default_model=_default_model(context, catalogue),
        endpoint=simulated if context.sandbox else real,
        sandbox=context.sandbox,
        currency=currency,
        concurrency=options["concurrency"],
        images_per_minute=per_minute or None,
        call_timeout_s=context.call_timeout_s,
        token_prices=TokenPrices(currency=currency, own=own_prices),
        text_models=texts,
        text_prices=TextPrices(currency=currency, own=own_prices),
        video_concurrency=options["video_concurrency"],
        video_pace=pace_of(context),
    )


def _catalogue(context: PluginContext, currency: str) -> Catalogue:
    options = context.options
    models = altered_models(options["models"], MODELS, context.place_of("models"))
    aliases = _aliases(options["aliases"], models, context.place_of("aliases"))
    place = context.place_of("prices")
    for name, value in options["prices"].items():
        id_ = aliases.get(name, name)
        if id_ not in models:
            raise _unknown_model(place, name, models)
        models[id_] = _priced(models[id_], currency, _pricing(place, name, value))
    return Catalogue.of(models.values(), aliases)


def _text_models(context: PluginContext) -> tuple[TextModel, ...]:
    try:
        return text_models(context.options["text_models"])
    except ValueError as error:
        raise ConfigurationError(f"{context.place_of('text_models')}: {error}") from None


def _aliases(configured: Mapping[str, Any], models: Mapping[str, Model], place: str) -> dict[str, str]:
    aliases: dict[str, str] = dict(ALIASES)
    for name, id_ in configured.items():
        if id_ is None:
            aliases.pop(name, None)
        elif isinstance(id_, str) and id_ in models:
            aliases[name] = id_
        else:
            raise _unknown_model(place, id_, models)
    return aliases


def _default_model(context: PluginContext, catalogue: Catalogue) -> str:
    name: str = context.options["default_model"]
    model = catalogue.find(name)
    if model is None:
        raise _unknown_model(context.place_of("default_model"), name, catalogue.models)
    return name if name in model.other_ids else model.id


def _pricing(place: str, name: str, value: Any) -> Pricing | None:
    amounts = value if isinstance(value, list) and len(value) == 2 else [value]
    if value is None:
        return None
    if not all(type(amount) in (int, float) and 0 <= amount <= 1000 for amount in amounts):
        allowed = "a number from 0 to 1000, two of them in a list, or null"
        raise ConfigurationError(f"{place}: {name}: not a price; allowed: {allowed}")
    micro = [round(amount * MICRO) for amount in amounts]
    return Pricing(micro=micro[0], large_micro=micro[1] if len(micro) == 2 else None)


def _priced(model: Model, currency: str, pricing: Pricing | None) -> Model:
    others = {name: price for name, price in model.prices.items() if name != currency}
    return attrs.evolve(model, prices=others if pricing is None else {**others, currency: pricing})


def _unknown_model(place: str, name: object, models: Mapping[str, Model]) -> ConfigurationError:
    shown = orjson.dumps(name, default=str).decode()[:80]
    return ConfigurationError(f"{place}: unknown model {shown}; allowed: {', '.join(models)}")
