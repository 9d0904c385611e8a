"""The providers: whether their services are reached, and take their keys. Nothing is bought."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp

from danqing_plugins import AccountProblem, PluginError, ProviderInfo, in_language
from danqing_server.doctor.finding import Finding, fine, skipped, warning, wrong
from danqing_server.plugins.registry import Registry

__all__ = ["look_at_accounts"]

TIMEOUT_S = 8.0  # for one request
LONGEST_S = 12.0


async def look_at_accounts(registry: Registry | None) -> Sequence[Finding]:
    """Return how each provider fares with its service."""
    if registry is None:
        return [skipped("providers", "their settings are wrong")]
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        named = sorted(registry.providers.items())
        return await asyncio.gather(*(_look_within(LONGEST_S, registry, info, session) for _, info in named))


async def _look_within(
    longest_s: float, registry: Registry, info: ProviderInfo, session: aiohttp.ClientSession
) -> Finding:
    """Look at one provider, whatever its plugin does: the others are told of all the same."""
    part = f"provider {info.name}"
    try:
        async with asyncio.timeout(longest_s):
            return await _look(registry, info, session)
    except TimeoutError:
        do = f"see that this machine reaches {info.endpoint or 'the service'}"
        return wrong(part, f"the service does not answer within {longest_s:.0f} s", do)
    except Exception as error:  # noqa: BLE001 — a plugin is someone else's code
        return wrong(part, f"its plugin failed: {type(error).__name__}", "ask who made the plugin")


async def _look(registry: Registry, info: ProviderInfo, session: aiohttp.ClientSession) -> Finding:
    part = f"provider {info.name}"
    if info.sandbox:
        return fine(part, "simulated: what it makes costs nothing, and is not its service's")
    try:
        proven = await registry.prove_account(info.name, session)
    except AccountProblem as error:
        return wrong(part, f"the service refuses the key: {_said(error)}", "see its key, and its account's console")
    except PluginError as error:
        return warning(part, f"the service could not be asked: {_said(error)}", "see the network, then ask again")
    except (aiohttp.ClientError, TimeoutError) as error:
        do = f"see that this machine reaches {info.endpoint or 'the service'}"
        return wrong(part, f"the service is not reached ({type(error).__name__})", do)
    if proven:
        return fine(part, f"the service takes the key; {len(info.models)} models")
    return await _reach(part, info, session)


async def _reach(part: str, info: ProviderInfo, session: aiohttp.ClientSession) -> Finding:
    """Knock at a service whose key cannot be tried: whatever it answers, it is there."""
    if info.endpoint is None:
        return skipped(part, "it tells neither where its service is, nor how to try its key")
    try:
        async with session.get(info.endpoint, allow_redirects=False):
            return fine(part, f"{info.endpoint} answers; its key is not tried")
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        do = "see the network between, and the address"
        return wrong(part, f"{info.endpoint} is not reached ({type(error).__name__})", do)


def _said(error: PluginError) -> str:
    return in_language(error.message, "en")
