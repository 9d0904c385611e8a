"""The plugin: a service that speaks OpenAI's Images API, as a provider of danqing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession

from danqing_plugins import (
    ConfigurationError,
    Job,
    PluginContext,
    Prepared,
    Provider,
    ProviderInfo,
    Request,
    Result,
    Run,
    Sandbox,
    Setting,
)
from danqing_providers.openai_images.settings import DEFAULT_PRESET, SETTINGS, settings_of

if TYPE_CHECKING:
    from danqing_providers.openai_images.service import Configured

__all__ = ["OpenAIImagesProvider"]


class OpenAIImagesProvider(Provider):
    """OpenAI, or what is like it: the `preset` says which. Without a key, its simulator stands in."""

    name = "openai"
    settings = SETTINGS
    sandbox = Sandbox(provider="openai", module="danqing_providers.sandbox", path="/openai")

    def __init__(self) -> None:
        self._configured: Configured | None = None

    @classmethod
    def settings_for(cls, written: Mapping[str, Any]) -> tuple[Setting, ...]:
        """Return the settings of the preset that *written* names."""
        return settings_of(str(written.get("preset", DEFAULT_PRESET)))

    @property
    def info(self) -> ProviderInfo:
        return self._require().info

    def configure(self, context: PluginContext) -> None:
        # Imported by those who use it: most servers have no provider of this plugin.
        from danqing_providers.openai_images.service import configured

        self._configured = configured(context)

    def prepare(self, request: Request) -> Prepared:
        service = self._require()
        return service.desk.prepare(request, service.preset.models[self.find_model(request).id])

    async def generate(self, job: Job, run: Run) -> Result | None:
        return await self._require().generation(job, run).carry_out()

    async def prove_account(self, session: ClientSession) -> bool:
        """Ask for the list of models, which most services that speak so have where OpenAI has it."""
        service = self._require().service
        return service is not None and await service.takes_key(session, "/models", nobodys=False)

    def _require(self) -> Configured:
        if self._configured is None:
            raise ConfigurationError("a provider of openai_images was used before it was configured")
        return self._configured
