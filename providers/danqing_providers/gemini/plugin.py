"""The plugin: Gemini as a provider of danqing."""

from __future__ import annotations

import attrs
from aiohttp import ClientSession

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
    Setting,
    Text,
    Unavailable,
)
from danqing_plugins.kit.http import Service
from danqing_plugins.settings import choice, text, url, whole
from danqing_providers.gemini import texts
from danqing_providers.gemini.failures import FAILURES
from danqing_providers.gemini.generation import Generation
from danqing_providers.gemini.models import MODELS, Model, parameters_of, price_of, takers

__all__ = ["SETTINGS", "GeminiProvider"]

TYPES = ("image", "image_generation")
DEFAULT_ENDPOINT = "https://generativelanguage.googleapis.com"
API = "/v1beta"

SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="api_key",
        variable="GEMINI_API_KEY",
        kind=text("a Gemini API key"),
        secret=True,
        help=Text("The key of Google AI Studio.", "Google AI Studio 的 API Key。"),
    ),
    Setting(
        name="endpoint",
        variable="DANQING_GEMINI_ENDPOINT",
        kind=url(),
        default=DEFAULT_ENDPOINT,
        help=Text("Where Gemini is, without /v1beta.", "Gemini 的地址，不含 /v1beta。"),
    ),
    Setting(
        name="default_model",
        variable="DANQING_GEMINI_DEFAULT_MODEL",
        kind=choice(*(model.id for model in MODELS)),
        default=MODELS[0].id,
        help=Text("The model of a task that names none.", "未指定模型的任务所用的模型。"),
    ),
    Setting(
        name="concurrency",
        variable="DANQING_GEMINI_CONCURRENCY",
        kind=whole(1, 1000),
        default=16,
        unit="tasks",
        help=Text("How many tasks one process runs at once.", "一个进程同时执行的任务数。"),
    ),
)


@attrs.frozen
class _Configured:
    """What the provider was configured with. `service` None: the simulator does not run."""

    info: ProviderInfo
    service: Service | None


class GeminiProvider(Provider):
    """Gemini's picture models by generateContent."""

    name = "gemini"
    settings = SETTINGS
    sandbox = Sandbox(provider="gemini", module="danqing_providers.sandbox", path="/gemini")

    def __init__(self) -> None:
        self._configured: _Configured | None = None

    @property
    def info(self) -> ProviderInfo:
        return self._require().info

    def configure(self, context: PluginContext) -> None:
        base = context.sandbox_url if context.sandbox else context.options["endpoint"]
        key = "sandbox" if context.sandbox else context.options["api_key"] or ""
        service = None if base is None else _service(f"{base}{API}", key, context.call_timeout_s)
        self._configured = _Configured(_info(context, None if base is None else base + API), service)

    def prepare(self, request: Request) -> Prepared:
        model = _model(self.find_model(request).id)
        fields = parameters_of(model).read(request, model=model.id, elsewhere=takers())
        fields.finish()
        kept = fields.given
        price = price_of(model, kept.get("image_size"))
        count = kept.get("n", 1)
        return Prepared(model=model.id, input=kept, outputs=count, single_call=count == 1, price=price)

    async def generate(self, job: Job, run: Run) -> Result | None:
        service = self._require().service
        if service is None:
            raise Unavailable(texts.NO_ENDPOINT(), code="no_endpoint")
        await Generation(job=job, run=run, model=_model(job.model), service=service).carry_out()
        return None

    async def prove_account(self, session: ClientSession) -> bool:
        """Ask for the list of models."""
        service = self._require().service
        return service is not None and await service.takes_key(session, "/models", nobodys=False)

    def _require(self) -> _Configured:
        if self._configured is None:
            raise ConfigurationError("the Gemini provider was used before it was configured")
        return self._configured


def _service(base_url: str, key: str, timeout_s: float) -> Service:
    return Service(
        failures=FAILURES,
        base_url=base_url,
        headers={"x-goog-api-key": key},
        secrets=(key,),
        timeout_s=timeout_s,
        call_id_header=None,
    )


def _model(id_: str) -> Model:
    return next(model for model in MODELS if model.id == id_)


def _info(context: PluginContext, endpoint: str | None) -> ProviderInfo:
    models = tuple(
        ModelInfo(
            id=model.id,
            title=model.title,
            types=TYPES,
            parameters=parameters_of(model).schema(),
            price=price_of(model, None),
        )
        for model in MODELS
    )
    return ProviderInfo(
        name=context.name,
        title="Google Gemini",
        models=models,
        default_model=context.options["default_model"],
        reference_fields=("image",),
        parameters=tuple(takers()),
        concurrency=context.options["concurrency"],
        sandbox=context.sandbox,
        endpoint=endpoint,
        homepage="https://ai.google.dev/gemini-api/docs/image-generation",
    )
