"""The plugin: Replicate as a provider."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

import attrs
from aiohttp import ClientSession

from danqing_plugins import (
    ConfigurationError,
    FoundOrder,
    InvalidRequest,
    Job,
    LostCall,
    NeverPlaced,
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
from danqing_providers.replicate import texts
from danqing_providers.replicate.catalogue import DEFAULT_MODEL, LARGEST_SEED, OFFERS
from danqing_providers.replicate.orders import ReplicateOrders, service_at

__all__ = ["ReplicateProvider"]

ENDPOINT: Final = "https://api.replicate.com/v1"
SANDBOX_TOKEN: Final = "r8_sandbox"
MOST_PLACED: Final = 4096


@attrs.frozen(kw_only=True)
class _Configured:
    base_url: str | None
    token: str = attrs.field(repr=False)
    timeout_s: float
    offers: Mapping[str, Offer]
    info: ProviderInfo


class ReplicateProvider(Provider):
    """The models of Replicate."""

    name = "replicate"
    sandbox = Sandbox(provider="replicate", module="danqing_providers.sandbox", path="/replicate")
    settings = (
        Setting(
            name="api_token",
            variable="REPLICATE_API_TOKEN",
            secret=True,
            help=Text("The token of Replicate, `r8_…`.", "Replicate 的令牌，形如 `r8_…`。"),
        ),
        Setting(
            name="endpoint",
            variable="REPLICATE_ENDPOINT",
            kind=url(),
            default=ENDPOINT,
            help=Text("The address of Replicate's API.", "Replicate API 的地址。"),
        ),
        Setting(
            name="models",
            variable="REPLICATE_MODELS",
            kind=tables(),
            default=(),
            help=Text(
                "Further models; see docs/providers/replicate.md.", "更多模型，见 docs/providers/replicate.md。"
            ),
        ),
        Setting(
            name="concurrency",
            variable="REPLICATE_CONCURRENCY",
            kind=whole(1, 1000),
            default=16,
            help=Text("How many tasks one process runs at once.", "每个进程同时执行的任务数。"),
        ),
    )

    def __init__(self) -> None:
        self._configured: _Configured | None = None
        self._placed: dict[str, tuple[str, str]] = {}

    @property
    def info(self) -> ProviderInfo:
        return self._require().info

    def configure(self, context: PluginContext) -> None:
        options = context.options
        named = read_offers(options["models"], context.place_of("models"), [offer.id for offer in OFFERS])
        offers = {offer.id: offer for offer in (*OFFERS, *named)}
        base_url = _simulated(context.sandbox_url) if context.sandbox else options["endpoint"]
        info = ProviderInfo(
            name=context.name,
            title="Replicate",
            models=tuple(offer.info for offer in offers.values()),
            default_model=DEFAULT_MODEL,
            reference_fields=tuple({name: None for offer in offers.values() for name in offer.pictures}),
            concurrency=options["concurrency"],
            sandbox=context.sandbox,
            endpoint=base_url,
            homepage="https://replicate.com/explore",
        )
        self._configured = _Configured(
            base_url=base_url,
            token=SANDBOX_TOKEN if context.sandbox else options["api_token"],
            timeout_s=context.call_timeout_s,
            offers=offers,
            info=info,
        )

    def prepare(self, request: Request) -> Prepared:
        offer = self._require().offers[self.find_model(request).id]
        if not offer.finds_orders or request.input.get("seed") is not None:
            return offer.prepare(request)
        seed = secrets.randbelow(LARGEST_SEED + 1)
        return offer.prepare(request, seed=seed, own_seed=True)

    async def generate(self, job: Job, run: Run) -> Result | None:
        return await self._orders(job).carry_out(job, run)

    async def find_order(self, job: Job, run: Run, lost: LostCall) -> FoundOrder | NeverPlaced | None:
        return await self._orders(job).find_order(job, run, lost)

    async def cancel_order(self, job: Job, run: Run) -> bool:
        return await self._orders(job).cancel_order(job, run)

    async def prove_account(self, session: ClientSession) -> bool:
        """Ask for the list of predictions."""
        configured = self._require()
        if not configured.base_url:
            return False
        service = service_at(configured.base_url, configured.token, configured.timeout_s)
        return await service.takes_key(session, "/predictions", nobodys=False)

    def _orders(self, job: Job) -> ReplicateOrders:
        configured = self._require()
        offer = configured.offers.get(job.model)
        if offer is None:
            raise InvalidRequest(texts.MODEL_GONE(model=job.model), code="model_gone")
        if not configured.base_url:
            raise Unavailable(texts.NO_ENDPOINT(), code="no_endpoint")
        while len(self._placed) > MOST_PLACED:
            del self._placed[next(iter(self._placed))]
        service = service_at(configured.base_url, configured.token, configured.timeout_s)
        return ReplicateOrders(service=service, offer=offer, placed=self._placed)

    def _require(self) -> _Configured:
        if self._configured is None:
            raise ConfigurationError("the provider replicate was used before it was configured")
        return self._configured


def _simulated(url: str | None) -> str | None:
    return None if url is None else f"{url}/v1"
