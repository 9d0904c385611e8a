"""A worker process for a route over two accounts of Ark: `python -m tests.support.two_arks`.

Its settings are variables; `ARK_A` and `ARK_B` are the base URLs of two sandboxes, each with a ledger of its own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from importlib.metadata import entry_points

import attrs

from danqing_plugins.options import Written
from danqing_server.log import configure_logging
from danqing_server.settings.providers import ConfiguredProvider
from danqing_server.settings.routes import Route, Target
from danqing_server.settings.server import Settings
from tests.support.system import running_system

__all__ = ["ACCOUNTS", "DEAD_AFTER_S", "MODEL", "two_arks"]

DEAD_AFTER_S = 2.0
MODEL = "doubao-seedream-4-0-250828"
ACCOUNTS = ("ark_a", "ark_b")


def two_arks(environment: Mapping[str, str]) -> Settings:
    """Return settings of a server with both accounts, and the route `poster` over them."""
    others = [entry.name for entry in entry_points(group="danqing") if entry.name != "volcengine"]
    variables = {
        **environment,
        "ARK_KEY": "a-key",
        "DANQING_DISABLED_PLUGINS": ",".join(others),
        "DANQING_DEFAULT_PROVIDER": "ark_a",
    }
    providers = [_account(name, environment[name.upper()]) for name in ACCOUNTS]
    targets = tuple(Target(provider=name, model=MODEL) for name in ACCOUNTS)
    route = Route(model="poster", targets=targets)
    return attrs.evolve(Settings.read(variables), providers=tuple(providers), routes=(route,))


def _account(name: str, url: str) -> ConfiguredProvider:
    options = {"api_key": "$ARK_KEY", "endpoint": url, "concurrency": 8}
    written = {key: Written(value=value, where="test") for key, value in options.items()}
    return ConfiguredProvider(name=name, plugin="volcengine", where="test", options=written)


async def _work() -> None:
    async with running_system(two_arks(os.environ), [], dead_after_s=DEAD_AFTER_S):
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging("ERROR", json_lines=True)
    asyncio.run(_work())
