"""The provider as it is without a key."""

from __future__ import annotations

from pathlib import Path

from danqing_plugins import PluginContext
from danqing_plugins.options import read_options
from danqing_providers.gemini.plugin import SETTINGS, GeminiProvider

__all__ = ["configured"]


def configured(url: str) -> GeminiProvider:
    """Return a provider whose service is simulated at *url*."""
    made = GeminiProvider()
    made.configure(
        PluginContext(
            name="gemini",
            options=read_options(SETTINGS, {}).options,
            data_dir=Path("data"),
            call_timeout_s=20.0,
            sandbox=True,
            sandbox_url=url,
        )
    )
    return made
