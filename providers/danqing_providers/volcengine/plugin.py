"""The plugin: Volcengine as a provider of danqing."""

from __future__ import annotations

from aiohttp import ClientSession

from danqing_plugins import (
    ConfigurationError,
    FoundOrder,
    Job,
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
from danqing_providers.volcengine import texts
from danqing_providers.volcengine.endpoint import Endpoint
from danqing_providers.volcengine.exchange import Exchange
from danqing_providers.volcengine.generation import Generation
from danqing_providers.volcengine.parameters import PARAMETERS
from danqing_providers.volcengine.prepare import find_model, prepare
from danqing_providers.volcengine.service import service_at
from danqing_providers.volcengine.settings import SETTINGS, Settings, read_settings
from danqing_providers.volcengine.text.generation import complete
from danqing_providers.volcengine.text.prepare import TEXT_FORM, TEXT_TYPES, prepare_text
from danqing_providers.volcengine.video.form import REFERENCE_FIELDS, takers
from danqing_providers.volcengine.video.models import VideoModel, find_video_model
from danqing_providers.volcengine.video.orders import VideoOrders
from danqing_providers.volcengine.video.prepare import prepare_video
from danqing_providers.volcengine.video.provider import VIDEO_TYPES, lanes, orders_of, video_infos

__all__ = ["VolcengineProvider", "plugin"]

IMAGE_TYPES = ("image", "image_generation")


class VolcengineProvider(Provider):
    """Seedream, Seedance and the Seed models by way of Ark. Without a key, its simulator stands in for Ark."""

    name = "volcengine"
    settings = SETTINGS
    sandbox = Sandbox(provider="volcengine", module="danqing_providers.sandbox", path="/ark")

    def __init__(self) -> None:
        self._configured: tuple[Settings, ProviderInfo] | None = None

    @property
    def info(self) -> ProviderInfo:
        return self._require()[1]

    def configure(self, context: PluginContext) -> None:
        settings = read_settings(context)
        self._configured = settings, _info_of(settings)

    def prepare(self, request: Request) -> Prepared:
        settings, _ = self._require()
        if request.type in VIDEO_TYPES:
            return prepare_video(request, _video_model(self.find_model(request).id), settings.token_prices)
        if request.type in TEXT_TYPES:
            return prepare_text(request, self.find_model(request).id, settings.text_prices)
        self._check_type(request)
        return prepare(
            request,
            settings.catalogue,
            settings.forms,
            default_model=settings.default_model,
            currency=settings.currency,
        )

    async def generate(self, job: Job, run: Run) -> Result | None:
        if job.type in VIDEO_TYPES:
            return await self._orders(job).carry_out(job, run)
        settings, _ = self._require()
        if job.type in TEXT_TYPES:
            service = service_at(self._endpoint(), settings.call_timeout_s)
            return await complete(job, run, service, settings.text_prices)
        model = find_model(settings.catalogue, job.model, settings.default_model)
        exchange = Exchange(session=run.session, endpoint=self._endpoint(), timeout_s=settings.call_timeout_s)
        pricing = model.prices.get(settings.currency)
        return await Generation(job=job, run=run, model=model, exchange=exchange, pricing=pricing).carry_out()

    async def find_order(self, job: Job, run: Run, lost: LostCall) -> FoundOrder | NeverPlaced | None:
        return await self._orders(job).find_order(job, run, lost) if job.type in VIDEO_TYPES else None

    async def cancel_order(self, job: Job, run: Run) -> bool:
        return await self._orders(job).cancel_order(job, run) if job.type in VIDEO_TYPES else False

    async def prove_account(self, session: ClientSession) -> bool:
        """Ask for the list of models."""
        service = service_at(self._endpoint(), self._require()[0].call_timeout_s)
        return await service.takes_key(session, "/models", nobodys=False)

    def _orders(self, job: Job) -> VideoOrders:
        settings, _ = self._require()
        return orders_of(_video_model(job.model), settings, self._endpoint())

    def _endpoint(self) -> Endpoint:
        endpoint = self._require()[0].endpoint
        if endpoint is None:
            raise Unavailable(texts.NO_ENDPOINT(), code="no_endpoint")
        return endpoint

    def _require(self) -> tuple[Settings, ProviderInfo]:
        if self._configured is None:
            raise ConfigurationError("the Volcengine provider was used before it was configured")
        return self._configured


def _video_model(name: str) -> VideoModel:
    found = find_video_model(name)
    if found is None:
        raise Unavailable(texts.MODEL_GONE(model=name[:80]), code="unknown_model")
    return found


def _info_of(settings: Settings) -> ProviderInfo:
    return ProviderInfo(
        name=settings.name,
        title="Volcengine Ark (Seedream, Seedance, Doubao Seed)",
        models=(*_image_infos(settings), *video_infos(settings), *_text_infos(settings)),
        default_model=find_model(settings.catalogue, None, settings.default_model).id,
        reference_fields=REFERENCE_FIELDS,
        parameters=tuple(dict.fromkeys([*PARAMETERS, *takers(), *TEXT_FORM.names])),
        concurrency=settings.concurrency,
        images_per_minute=settings.images_per_minute,
        sandbox=settings.sandbox,
        endpoint=settings.endpoint.base_url if settings.endpoint is not None else None,
        lanes=lanes(settings),
        homepage="https://www.volcengine.com/docs/82379/1541523",
    )


def _image_infos(settings: Settings) -> list[ModelInfo]:
    return [
        ModelInfo(
            id=model.id,
            title=model.title,
            types=IMAGE_TYPES,
            aliases=settings.catalogue.aliases_of(model),
            parameters=settings.forms.by_model[model.id].schema(),
            price=model.price(settings.currency, None),
        )
        for model in settings.catalogue.models.values()
    ]


def _text_infos(settings: Settings) -> list[ModelInfo]:
    return [
        ModelInfo(id=model.id, title=model.title, types=TEXT_TYPES, parameters=TEXT_FORM.schema())
        for model in settings.text_models
    ]


plugin = VolcengineProvider  # what the entry points of installations that were made before name
