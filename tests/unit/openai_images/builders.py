"""Contexts and requests of providers of `openai_images`, for their tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from danqing_plugins import ConfigurationError, InvalidRequest, PluginContext, Prepared, Reference, Request
from danqing_plugins.options import Written, read_options
from danqing_providers.openai_images.plugin import OpenAIImagesProvider

__all__ = ["KEY", "configured", "prepared", "problems"]

KEY = "sk-test-0123456789abcdef"


def configured(
    written: Mapping[str, Any] | None = None,
    *,
    name: str = "openai",
    sandbox_url: str | None = None,
    **changes: Any,
) -> OpenAIImagesProvider:
    """Return a provider with the options *written*; with *sandbox_url*, one that works in the sandbox.

    Raises ConfigurationError as it refuses the start.
    """
    written = written or {}
    placed = {key: Written(value=value, where="danqing.toml:3") for key, value in written.items()}
    settings = OpenAIImagesProvider.settings_for(written)
    environment = {"KEY": KEY, **{one.variable: KEY for one in settings if one.secret and one.variable}}
    read = read_options(settings, environment, placed)
    if read.problems:
        raise ConfigurationError("\n".join(read.problems))
    provider = OpenAIImagesProvider()
    provider.configure(
        PluginContext(
            name=name,
            options=read.options,
            places=read.places,
            data_dir=Path("data"),
            sandbox=sandbox_url is not None,
            sandbox_url=sandbox_url,
            **{"call_timeout_s": 10.0, **changes},
        )
    )
    return provider


def prepared(
    provider: OpenAIImagesProvider,
    model: str | None = None,
    *,
    references: tuple[Reference, ...] = (),
    **input_: Any,
) -> Prepared:
    """Prepare a submission."""
    request = Request(
        provider=provider.info.name,
        type="image",
        model=model,
        input={"prompt": "a red fox", **input_},
        references=references,
    )
    return provider.prepare(request)


def problems(provider: OpenAIImagesProvider, model: str | None = None, **rest: Any) -> dict[str, str]:
    """Return what is wrong with a submission, by field; empty when nothing is."""
    try:
        prepared(provider, model, **rest)
    except InvalidRequest as error:
        return {problem.field: problem.message for problem in error.problems}
    return {}
