"""The provider's settings, read from the environment; `docs/settings.md` lists `VARIABLES`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import orjson

from danqing_plugins import ConfigurationError, PluginContext
from danqing_providers.volcengine.catalogue import ALIASES, DEFAULT_MODEL, MODELS, Catalogue, Model, Pricing
from danqing_providers.volcengine.endpoint import DEFAULT_ENDPOINT, Endpoint, check_endpoint, check_key
from danqing_providers.volcengine.listing import altered_models, read_object
from danqing_providers.volcengine.parameters import Forms

__all__ = ["VARIABLES", "Settings", "Variable", "read_settings"]

REGION = "cn-beijing"
MICRO = 1_000_000


@attrs.frozen(kw_only=True)
class Variable:
    """One setting as the documentation shows it. `unit` is empty for what has none."""

    name: str
    default: str
    unit: str
    allowed: str
    meaning: str


VARIABLES: tuple[Variable, ...] = (
    Variable(
        name="VOLCENGINE_API_KEY",
        default="",
        unit="",
        allowed="an Ark API key, or empty",
        meaning="The bearer key of Ark. Empty: pictures are simulated by the sandbox and cost nothing.",
    ),
    Variable(
        name="VOLCENGINE_ENDPOINT",
        default=DEFAULT_ENDPOINT,
        unit="",
        allowed="an http(s) URL, with or without /api/v3 or /api/plan/v3",
        meaning="Where Ark is. BytePlus: https://ark.ap-southeast.bytepluses.com (its model ids, prices in USD).",
    ),
    Variable(
        name="VOLCENGINE_REGION",
        default=REGION,
        unit="",
        allowed="a region name such as cn-beijing or ap-southeast-1",
        meaning="Kept for old .env files; has no effect, since the endpoint names the region.",
    ),
    Variable(
        name="DANQING_VOLCENGINE_DEFAULT_MODEL",
        default=DEFAULT_MODEL,
        unit="",
        allowed="the id or alias of a model on offer",
        meaning="The model of a task that names none.",
    ),
    Variable(
        name="DANQING_VOLCENGINE_MODELS",
        default="{}",
        unit="",
        allowed="a JSON object, or the path of a file that holds one",
        meaning=(
            "Models to add, alter or take off the list: an id (`ep-…` too) with the id of the model whose limits "
            "hold, or an object of `like` and what differs, or null."
        ),
    ),
    Variable(
        name="DANQING_VOLCENGINE_ALIASES",
        default="{}",
        unit="",
        allowed="a JSON object of names to model ids, or the path of a file that holds one",
        meaning="Further names of models, over the built-in ones; null takes an alias away.",
    ),
    Variable(
        name="DANQING_VOLCENGINE_PRICES",
        default="{}",
        unit="CNY per picture (USD at a BytePlus endpoint)",
        allowed="a JSON object of model ids to a number, [up to 1.5K, above] or null, or the path of a file of one",
        meaning="What a picture costs, over the built-in prices.",
    ),
    Variable(
        name="DANQING_VOLCENGINE_CONCURRENCY",
        default="64",
        unit="tasks",
        allowed="1 to 1000",
        meaning="How many tasks one process runs at once.",
    ),
    Variable(
        name="DANQING_VOLCENGINE_IPM",
        default="500",
        unit="pictures per minute",
        allowed="0 to 1000000",
        meaning="Ark's limit over all processes; 0 is none. The sandbox has none unless this is set.",
    ),
)


@attrs.frozen(kw_only=True)
class Settings:
    """What the provider was configured with. `endpoint` None: no key and no sandbox, nothing can be made.

    `default_model` is an id as it goes upstream. `has_key` is False when the sandbox stands in for Ark.
    `images_per_minute` None is no limit.
    """

    catalogue: Catalogue
    forms: Forms = attrs.field(eq=False)  # follows from the catalogue
    default_model: str
    endpoint: Endpoint | None
    has_key: bool
    currency: str
    concurrency: int
    images_per_minute: int | None
    call_timeout_s: float


def read_settings(context: PluginContext) -> Settings:
    """Read every variable.

    Raises:
        ConfigurationError: one is wrong; the message is one line with its name and what is allowed.
    """
    environment = context.environment
    key = check_key(environment.get("VOLCENGINE_API_KEY", ""))
    base_url = check_endpoint(environment.get("VOLCENGINE_ENDPOINT", ""))
    _check_region(environment)
    real = Endpoint(base_url=base_url, key=key or "")
    simulated = None if context.sandbox_url is None else Endpoint.of_sandbox(context.sandbox_url)
    currency = "USD" if real.overseas else "CNY"
    catalogue = _catalogue(environment, currency)
    return Settings(
        catalogue=catalogue,
        forms=Forms.of(catalogue),
        default_model=_default_model(environment, catalogue),
        endpoint=simulated if key is None else real,
        has_key=key is not None,
        currency=currency,
        concurrency=_whole(environment, "DANQING_VOLCENGINE_CONCURRENCY", 1, 1000, 64) or 64,
        images_per_minute=_whole(environment, "DANQING_VOLCENGINE_IPM", 0, 1_000_000, 500 if key else 0) or None,
        call_timeout_s=context.call_timeout_s,
    )


def _check_region(environment: Mapping[str, str]) -> None:
    region = environment.get("VOLCENGINE_REGION", "").strip() or REGION
    if not all(part.isascii() and part.isalnum() for part in region.split("-")):
        raise ConfigurationError(f"VOLCENGINE_REGION={region[:40]!r} is no region name; use {REGION}")


def _whole(environment: Mapping[str, str], name: str, low: int, high: int, default: int) -> int:
    raw = environment.get(name, "").strip()
    if not raw:
        return default
    number = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 12 else -1
    if not low <= number <= high:
        raise ConfigurationError(f"{name}={raw[:40]!r} is not allowed; allowed: {low} to {high}")
    return number


def _catalogue(environment: Mapping[str, str], currency: str) -> Catalogue:
    models = altered_models(read_object(environment, "DANQING_VOLCENGINE_MODELS"), MODELS)
    prices = read_object(environment, "DANQING_VOLCENGINE_PRICES")
    aliases = _aliases(read_object(environment, "DANQING_VOLCENGINE_ALIASES"), models)
    for name, value in prices.items():
        id_ = aliases.get(name, name)
        if id_ not in models:
            raise _unknown_model("DANQING_VOLCENGINE_PRICES", name, models)
        models[id_] = _priced(models[id_], currency, _pricing(name, value))
    return Catalogue.of(models.values(), aliases)


def _aliases(configured: Mapping[str, Any], models: Mapping[str, Model]) -> dict[str, str]:
    aliases: dict[str, str] = dict(ALIASES)
    for name, id_ in configured.items():
        if id_ is None:
            aliases.pop(name, None)
        elif isinstance(id_, str) and id_ in models:
            aliases[name] = id_
        else:
            raise _unknown_model("DANQING_VOLCENGINE_ALIASES", id_, models)
    return aliases


def _default_model(environment: Mapping[str, str], catalogue: Catalogue) -> str:
    name = environment.get("DANQING_VOLCENGINE_DEFAULT_MODEL", "").strip() or DEFAULT_MODEL
    model = catalogue.find(name)
    if model is None:
        raise _unknown_model("DANQING_VOLCENGINE_DEFAULT_MODEL", name, catalogue.models)
    return name if name in model.other_ids else model.id


def _pricing(name: str, value: Any) -> Pricing | None:
    amounts = value if isinstance(value, list) and len(value) == 2 else [value]
    if value is None:
        return None
    if not all(type(amount) in (int, float) and 0 <= amount <= 1000 for amount in amounts):
        allowed = "a number from 0 to 1000, two of them in a list, or null"
        raise ConfigurationError(f"DANQING_VOLCENGINE_PRICES: {name}: not a price; allowed: {allowed}")
    micro = [round(amount * MICRO) for amount in amounts]
    return Pricing(micro=micro[0], large_micro=micro[1] if len(micro) == 2 else None)


def _priced(model: Model, currency: str, pricing: Pricing | None) -> Model:
    others = {name: price for name, price in model.prices.items() if name != currency}
    return attrs.evolve(model, prices=others if pricing is None else {**others, currency: pricing})


def _unknown_model(variable: str, name: object, models: Mapping[str, Model]) -> ConfigurationError:
    shown = orjson.dumps(name, default=str).decode()[:80]
    return ConfigurationError(f"{variable}: unknown model {shown}; allowed: {', '.join(models)}")
