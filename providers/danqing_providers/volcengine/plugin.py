"""The plugin: Volcengine as a provider of danqing."""

from __future__ import annotations

from danqing_plugins import (
    ConfigurationError,
    Job,
    ModelInfo,
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
from danqing_providers.volcengine.exchange import Exchange
from danqing_providers.volcengine.generation import Generation
from danqing_providers.volcengine.parameters import PARAMETERS
from danqing_providers.volcengine.prepare import find_model, prepare
from danqing_providers.volcengine.settings import SETTINGS, Settings, read_settings

__all__ = ["VolcengineProvider", "plugin"]

TYPES = ("image", "image_generation")


class VolcengineProvider(Provider):
    """Seedream by way of Ark. Without a key, its simulator stands in for Ark."""

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
        return prepare(
            request,
            settings.catalogue,
            settings.forms,
            default_model=settings.default_model,
            currency=settings.currency,
        )

    async def generate(self, job: Job, run: Run) -> Result | None:
        settings, _ = self._require()
        if settings.endpoint is None:
            raise Unavailable(texts.NO_ENDPOINT(), code="no_endpoint")
        model = find_model(settings.catalogue, job.model, settings.default_model)
        exchange = Exchange(session=run.session, endpoint=settings.endpoint, timeout_s=settings.call_timeout_s)
        return await Generation(job=job, run=run, model=model, exchange=exchange).carry_out()

    def _require(self) -> tuple[Settings, ProviderInfo]:
        if self._configured is None:
            raise ConfigurationError("the Volcengine provider was used before it was configured")
        return self._configured


def _info_of(settings: Settings) -> ProviderInfo:
    return ProviderInfo(
        name=settings.name,
        title="Volcengine Ark (Seedream)",
        models=tuple(
            ModelInfo(
                id=model.id,
                title=model.title,
                types=TYPES,
                aliases=settings.catalogue.aliases_of(model),
                parameters=settings.forms.by_model[model.id].schema(),
                price=model.price(settings.currency, None),
            )
            for model in settings.catalogue.models.values()
        ),
        default_model=find_model(settings.catalogue, None, settings.default_model).id,
        reference_fields=("image",),
        parameters=PARAMETERS,
        concurrency=settings.concurrency,
        images_per_minute=settings.images_per_minute,
        sandbox=settings.sandbox,
        endpoint=settings.endpoint.base_url if settings.endpoint is not None else None,
        homepage="https://www.volcengine.com/docs/82379/1541523",
    )


plugin = VolcengineProvider  # what the entry points of installations that were made before name
