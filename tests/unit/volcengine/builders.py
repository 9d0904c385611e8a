"""Contexts and requests of the Volcengine provider, for its tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from danqing_plugins import ConfigurationError, InvalidRequest, PluginContext, Prepared, Reference, Request
from danqing_plugins.options import read_options
from danqing_providers.volcengine.plugin import VolcengineProvider
from danqing_providers.volcengine.settings import SETTINGS

__all__ = ["EDIT", "FLASH", "LITE", "PRO", "V30", "V40", "V45", "configured", "context", "prepared", "problems"]

V40 = "doubao-seedream-4-0-250828"
V45 = "doubao-seedream-4-5-251128"
LITE = "doubao-seedream-5-0-260128"
PRO = "doubao-seedream-5-0-pro-260628"
FLASH = "doubao-seedream-5-0-flash-260915"
V30 = "doubao-seedream-3-0-t2i-250415"
EDIT = "doubao-seededit-3-0-i2i-250628"
REVIVED = f'{{"{V30}": "{V30}", "{EDIT}": "{EDIT}"}}'


def context(environment: dict[str, str] | None = None, **changes: Any) -> PluginContext:
    """Return the context that the server makes of *environment*: without a key, the sandbox's.

    Raises ConfigurationError as it refuses the start.
    """
    read = read_options(SETTINGS, environment or {})
    if read.problems:
        raise ConfigurationError("\n".join(read.problems))
    values = {"data_dir": Path("data"), "call_timeout_s": 5.0, "sandbox": bool(read.missing), **changes}
    if not values["sandbox"]:
        values["sandbox_url"] = None
    return PluginContext(
        name="volcengine", options=read.options, places=read.places, environment=environment or {}, **values
    )


def configured(environment: dict[str, str] | None = None, **changes: Any) -> VolcengineProvider:
    """Return a provider configured from *environment*."""
    provider = VolcengineProvider()
    provider.configure(context(environment, **changes))
    return provider


def prepared(
    model: str | None = V40, *, references: tuple[Reference, ...] = (), old: bool = False, **input_: Any
) -> Prepared:
    """Prepare a submission; *old* puts the two models that are shut down on offer."""
    provider = configured({"DANQING_VOLCENGINE_MODELS": REVIVED} if old else None)
    return provider.prepare(
        Request(
            provider="volcengine",
            type="image",
            model=model,
            input={"prompt": "a red fox", **input_},
            references=references,
        )
    )


def problems(model: str | None = V40, **rest: Any) -> dict[str, str]:
    """Return what is wrong with a submission, by field; empty when nothing is."""
    try:
        prepared(model, **rest)
    except InvalidRequest as error:
        return {problem.field: problem.message for problem in error.problems}
    return {}
