"""The plugin: DashScope as a provider of danqing."""

from __future__ import annotations

from collections import deque
from functools import cache

import attrs
from aiohttp import ClientSession

from danqing_plugins import (
    ConfigurationError,
    FoundOrder,
    Job,
    Limits,
    LostCall,
    ModelInfo,
    NeverPlaced,
    PluginContext,
    Prepared,
    Provider,
    ProviderInfo,
    Request,
    Result,
    Run,
    Sandbox,
    Unavailable,
)
from danqing_plugins.kit.http import Service
from danqing_providers.dashscope import texts
from danqing_providers.dashscope.catalogue import Model
from danqing_providers.dashscope.failures import FAILURES
from danqing_providers.dashscope.form import REFERENCE_FIELDS, parameters_of, takers_of
from danqing_providers.dashscope.generation import Generation
from danqing_providers.dashscope.orders import DashScopeOrders
from danqing_providers.dashscope.prepare import Prices, prepare
from danqing_providers.dashscope.settings import MODELS, SETTINGS, Settings, find_model, read_settings

__all__ = ["DashScopeProvider"]

NOBODYS_TASK = "00000000-0000-0000-0000-000000000000"
IMAGE_TYPES = ("image", "image_generation")
VIDEO_TYPES = ("video", "video_generation")
LANES = {"wanx_v1": Limits(concurrency=1, calls_per_minute=120)}
"""wanx-v1 runs one order at a time, and takes two a second. Source: help.aliyun.com (wanx-v1), read 2026-11-28."""

KNOWN_ORDERS = 4096


class DashScopeProvider(Provider):
    """Qwen-Image and Wan by way of DashScope."""

    name = "dashscope"
    settings = SETTINGS
    sandbox = Sandbox(provider="dashscope", module="danqing_providers.sandbox", path="/dashscope")

    def __init__(self) -> None:
        self._configured: tuple[Settings, ProviderInfo] | None = None
        self._placed: deque[str] = deque(maxlen=KNOWN_ORDERS)

    @property
    def info(self) -> ProviderInfo:
        return self._require()[1]

    def configure(self, context: PluginContext) -> None:
        settings = read_settings(context)
        self._configured = settings, _info_of(settings)

    def prepare(self, request: Request) -> Prepared:
        settings, _ = self._require()
        return prepare(request, _model(self.find_model(request).id), _takers(), settings.prices)

    async def generate(self, job: Job, run: Run) -> Result | None:
        model = _model(job.model)
        if model.route.orders:
            return await self._orders(job).carry_out(job, run)
        price = self._require()[0].prices.get(model.id)
        await Generation(job=job, run=run, model=model, price=price, service=self._service()).carry_out()
        return None

    async def find_order(self, job: Job, run: Run, lost: LostCall) -> FoundOrder | NeverPlaced | None:
        return await self._orders(job).find_order(job, run, lost)

    async def cancel_order(self, job: Job, run: Run) -> bool:
        return await self._orders(job).cancel_order(job, run)

    async def prove_account(self, session: ClientSession) -> bool:
        """Ask for a task that nobody has."""
        return await self._service().takes_key(session, f"/tasks/{NOBODYS_TASK}")

    def _orders(self, job: Job) -> DashScopeOrders:
        settings, _ = self._require()
        model = _model(job.model)
        pace = settings.video_pace if model.is_video else settings.image_pace
        price = settings.prices.get(model.id)
        return DashScopeOrders(model=model, price=price, service=self._service(), pace=pace, placed=self._placed)

    def _service(self) -> Service:
        settings, _ = self._require()
        if settings.base_url is None:
            raise Unavailable(texts.NO_ENDPOINT(), code="no_endpoint")
        workspace = {} if settings.workspace is None else {"X-DashScope-WorkSpace": settings.workspace}
        return Service(
            failures=FAILURES,
            base_url=settings.base_url,
            headers={"Authorization": f"Bearer {settings.key}", **workspace},
            secrets=(settings.key,),
            timeout_s=settings.call_timeout_s,
            call_id_header=None,
        )

    def _require(self) -> tuple[Settings, ProviderInfo]:
        if self._configured is None:
            raise ConfigurationError("the DashScope provider was used before it was configured")
        return self._configured


def _model(name: str) -> Model:
    found = find_model(name)
    if found is None:
        raise Unavailable(texts.MODEL_GONE(model=name[:80]), code="unknown_model")
    return found


@cache
def _takers() -> dict[str, list[str]]:
    return takers_of(MODELS)


def _info_of(settings: Settings) -> ProviderInfo:
    return ProviderInfo(
        name=settings.name,
        title="DashScope (Qwen-Image, Wan)",
        models=tuple(_listed(model, settings.prices) for model in MODELS),
        default_model=settings.default_model,
        reference_fields=REFERENCE_FIELDS,
        parameters=tuple(_takers()),
        concurrency=settings.concurrency,
        sandbox=settings.sandbox,
        endpoint=settings.base_url,
        homepage="https://help.aliyun.com/zh/model-studio/",
        lanes=LANES,
    )


def _listed(model: Model, prices: Prices) -> ModelInfo:
    price = next((prices[key] for key in prices if key.partition("@")[0] == model.id), None)
    if price is not None and model.is_video:
        price = attrs.evolve(price, unit="second")
    return ModelInfo(
        id=model.id,
        title=model.title,
        types=VIDEO_TYPES if model.is_video else IMAGE_TYPES,
        parameters=parameters_of(model).schema(),
        price=price,
        kind=model.kind,
        lane=model.lane,
        finds_orders=model.finds_orders,
    )
