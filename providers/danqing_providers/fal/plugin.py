"""The plugin: fal.ai as a provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs
from aiohttp import ClientSession

from danqing_plugins import (
    ConfigurationError,
    InvalidRequest,
    Job,
    PluginContext,
    Prepared,
    Provider,
    ProviderInfo,
    Request,
    Result,
    Run,
    Sandbox,
    Text,
    Unavailable,
)
from danqing_plugins.kit.offers import Offer, read_offers
from danqing_plugins.settings import Setting, tables, url, whole
from danqing_providers.fal import texts
from danqing_providers.fal.catalogue import DEFAULT_MODEL, OFFERS
from danqing_providers.fal.orders import FalOrders, service_at

__all__ = ["FalProvider"]

ENDPOINT: Final = "https://queue.fal.run"
SANDBOX_KEY: Final = "sandbox:sandbox"
NOBODYS_REQUEST: Final = "/fal-ai/flux/requests/00000000-0000-0000-0000-000000000000/status"


@attrs.frozen(kw_only=True)
class _Configured:
    base_url: str | None
    key: str = attrs.field(repr=False)
    timeout_s: float
    offers: Mapping[str, Offer]
    info: ProviderInfo


class FalProvider(Provider):
    """The models of fal.ai."""

    name = "fal"
    sandbox = Sandbox(provider="fal", module="danqing_providers.sandbox", path="/fal")
    settings = (
        Setting(
            name="api_key",
            variable="FAL_KEY",
            secret=True,
            help=Text("The key of fal.ai, `id:secret`.", "fal.ai 的密钥，形如 `id:secret`。"),
        ),
        Setting(
            name="endpoint",
            variable="FAL_ENDPOINT",
            kind=url(),
            default=ENDPOINT,
            help=Text("The address of fal's queue.", "fal 队列的地址。"),
        ),
        Setting(
            name="models",
            variable="FAL_MODELS",
            kind=tables(),
            default=(),
            help=Text("Further models of fal; see docs/providers/fal.md.", "更多模型，见 docs/providers/fal.md。"),
        ),
        Setting(
            name="concurrency",
            variable="FAL_CONCURRENCY",
            kind=whole(1, 1000),
            default=16,
            help=Text("How many tasks one process runs at once.", "每个进程同时执行的任务数。"),
        ),
    )

    def __init__(self) -> None:
        self._configured: _Configured | None = None

    @property
    def info(self) -> ProviderInfo:
        return self._require().info

    def configure(self, context: PluginContext) -> None:
        options = context.options
        named = read_offers(options["models"], context.place_of("models"), [offer.id for offer in OFFERS])
        offers = {offer.id: offer for offer in (*OFFERS, *named)}
        base_url = context.sandbox_url if context.sandbox else options["endpoint"]
        info = ProviderInfo(
            name=context.name,
            title="fal",
            models=tuple(offer.info for offer in offers.values()),
            default_model=DEFAULT_MODEL,
            reference_fields=tuple({name: None for offer in offers.values() for name in offer.pictures}),
            concurrency=options["concurrency"],
            sandbox=context.sandbox,
            endpoint=base_url,
            homepage="https://fal.ai/models",
        )
        self._configured = _Configured(
            base_url=base_url,
            key=SANDBOX_KEY if context.sandbox else options["api_key"],
            timeout_s=context.call_timeout_s,
            offers=offers,
            info=info,
        )

    def prepare(self, request: Request) -> Prepared:
        return self._require().offers[self.find_model(request).id].prepare(request)

    async def generate(self, job: Job, run: Run) -> Result | None:
        return await self._orders(job).carry_out(job, run)

    async def cancel_order(self, job: Job, run: Run) -> bool:
        return await self._orders(job).cancel_order(job, run)

    async def prove_account(self, session: ClientSession) -> bool:
        """Ask for a request that nobody has: 401 without a good key, else 404."""
        configured = self._require()
        if not configured.base_url:
            return False
        service = service_at(configured.base_url, configured.key, configured.timeout_s)
        return await service.takes_key(session, NOBODYS_REQUEST)

    def _orders(self, job: Job) -> FalOrders:
        configured = self._require()
        offer = configured.offers.get(job.model)
        if offer is None:
            raise InvalidRequest(texts.MODEL_GONE(model=job.model), code="model_gone")
        if not configured.base_url:
            raise Unavailable(texts.NO_ENDPOINT(), code="no_endpoint")
        return FalOrders(service=service_at(configured.base_url, configured.key, configured.timeout_s), offer=offer)

    def _require(self) -> _Configured:
        if self._configured is None:
            raise ConfigurationError("the provider fal was used before it was configured")
        return self._configured
