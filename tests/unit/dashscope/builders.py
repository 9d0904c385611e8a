"""Contexts and requests of the DashScope provider, for its tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from danqing_plugins import ConfigurationError, InvalidRequest, PluginContext, Prepared, Reference, Request
from danqing_plugins.options import read_options
from danqing_providers.dashscope.plugin import DashScopeProvider
from danqing_providers.dashscope.settings import SETTINGS

__all__ = ["KEY", "configured", "prepared", "problems"]

KEY = "sk-0123456789abcdef0123456789abcdef"


def configured(
    environment: dict[str, str] | None = None, *, sandbox_url: str | None = None, call_timeout_s: float = 20.0
) -> DashScopeProvider:
    """Return a provider configured from *environment*: without a key, for the simulator at *sandbox_url*."""
    read = read_options(SETTINGS, environment or {})
    if read.problems:
        raise ConfigurationError("\n".join(read.problems))
    context = PluginContext(
        name="dashscope",
        options=read.options,
        places=read.places,
        environment=environment or {},
        data_dir=Path("data"),
        call_timeout_s=call_timeout_s,
        sandbox=bool(read.missing),
        sandbox_url=sandbox_url if read.missing else None,
    )
    provider = DashScopeProvider()
    provider.configure(context)
    return provider


def prepared(
    model: str | None, *, references: tuple[Reference, ...] = (), type_: str | None = None, **input_: Any
) -> Prepared:
    """Prepare a submission for *model*."""
    provider = configured({"DASHSCOPE_API_KEY": KEY})
    kinds = {info.id: info.types[0] for info in provider.info.models}
    request = Request(
        provider="dashscope",
        type=type_ or kinds.get(model or "", "image"),
        model=model,
        input={"prompt": "a red fox", **input_},
        references=references,
    )
    return provider.prepare(request)


def problems(model: str | None, **rest: Any) -> dict[str, str]:
    """Return what is wrong with a submission, by field; empty when nothing is."""
    try:
        prepared(model, **rest)
    except InvalidRequest as error:
        return {problem.field: problem.message for problem in error.problems}
    return {}
