"""One configured service: its preset, its form, and how it is reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from danqing_plugins import InvalidRequest, Job, Limits, ModelInfo, PluginContext, ProviderInfo, Run, Unavailable
from danqing_plugins.kit.http import Service
from danqing_providers.openai_images import texts
from danqing_providers.openai_images.failures import failures_of, service_of
from danqing_providers.openai_images.generation import Generation
from danqing_providers.openai_images.prepare import REFERENCE_FIELDS, Desk
from danqing_providers.openai_images.prices import list_price
from danqing_providers.openai_images.tables import preset_of
from danqing_providers.openai_images.values import Knobs, Model, Preset

__all__ = ["Configured", "configured"]

TYPES: Final = ("image", "image_generation")
SANDBOX_KEY: Final = "sandbox"
_WRITTEN: Final = (
    *("default_model", "concurrency", "images_per_minute", "currency"),
    *("knobs", "takes", "models", "without"),
)
LARGEST_EVENT_BYTES: Final = 96 * 1024 * 1024


@attrs.frozen(kw_only=True)
class Configured:
    """What a provider was configured with. `service` None: no address is known, nothing can be made."""

    preset: Preset
    info: ProviderInfo
    desk: Desk
    service: Service | None

    def generation(self, job: Job, run: Run) -> Generation:
        """Return what carries *job* out. Raises: Unavailable, InvalidRequest."""
        if self.service is None:
            raise Unavailable(texts.NO_ENDPOINT(service=service_of(self.preset)), code="no_endpoint")
        model = self.preset.models.get(job.model)
        if model is None:  # taken off the list since it was submitted
            raise InvalidRequest(texts.MODEL_GONE(model=job.model), code="model_gone")
        return Generation(job=job, run=run, preset=self.preset, model=model, service=self.service)


def configured(context: PluginContext) -> Configured:
    """Return what *context* says.

    Raises:
        ConfigurationError: one line that names the place.
    """
    options = context.options
    written = {name: options[name] for name in _WRITTEN if options[name] not in (None, (), {})}
    preset = preset_of(options["preset"], written, context.place_of)
    base_url = _base_url(context, preset)
    desk = Desk.of(preset)
    service = None if base_url is None else _service(context, preset, base_url)
    return Configured(preset=preset, info=_info(context, preset, desk, base_url), desk=desk, service=service)


def _base_url(context: PluginContext, preset: Preset) -> str | None:
    """Return where requests go: in the sandbox, to the simulator of this preset, whose paths are the service's."""
    if not context.sandbox:
        url: str | None = context.options["base_url"]
        return url
    if context.sandbox_url is None:
        return None
    folder = "" if preset.name == "openai" else f"/{preset.name}"
    usual = "/v1" if preset.knobs.generations_path.startswith("/images") else ""
    return f"{context.sandbox_url}{folder}{urlsplit(preset.base_url or usual).path}"


def _service(context: PluginContext, preset: Preset, base_url: str) -> Service:
    key: str = (SANDBOX_KEY if context.sandbox else context.options["api_key"]) or ""
    return Service(
        failures=failures_of(preset, context.place_of("base_url")),
        base_url=base_url,
        headers=_headers(preset.knobs, key),
        params=preset.knobs.query,
        secrets=() if context.sandbox or not key else (key,),
        timeout_s=context.call_timeout_s,
        event_bytes=LARGEST_EVENT_BYTES,
        request_ids=preset.knobs.request_ids,
    )


def _headers(knobs: Knobs, key: str) -> Mapping[str, str]:
    if not key or not knobs.auth_header:
        return {}
    return {knobs.auth_header: f"{knobs.auth_scheme} {key}".strip()}


def _info(context: PluginContext, preset: Preset, desk: Desk, base_url: str | None) -> ProviderInfo:
    unset = context.options["images_per_minute"] is None
    per_minute = None if context.sandbox and unset else preset.images_per_minute
    return ProviderInfo(
        name=context.name,
        title=_title(preset.title),
        models=tuple(_model_info(preset, model, desk) for model in preset.models.values()),
        default_model=preset.default_model,
        reference_fields=REFERENCE_FIELDS,
        parameters=tuple(desk.takers),
        concurrency=preset.concurrency,
        images_per_minute=per_minute,
        sandbox=context.sandbox,
        endpoint=base_url,
        homepage=preset.homepage,
        lanes=_lanes(preset, per_minute),
    )


def _lanes(preset: Preset, per_minute: int | None) -> Mapping[str, Limits]:
    """Return the lanes that models name: each has the limits of the whole, by itself."""
    words = dict.fromkeys(model.lane for model in preset.models.values() if model.lane is not None)
    limits = Limits(concurrency=preset.concurrency, outputs_per_minute=per_minute)
    return dict.fromkeys(words, limits)


def _model_info(preset: Preset, model: Model, desk: Desk) -> ModelInfo:
    return ModelInfo(
        id=model.id,
        title=_title(model.title),
        types=TYPES,
        aliases=model.aliases,
        parameters=desk.forms[model.id].schema(),
        price=list_price(preset, model),
        lane=model.lane,
    )


def _title(title: Any) -> str:
    return str(title["en"] if isinstance(title, Mapping) else title)
