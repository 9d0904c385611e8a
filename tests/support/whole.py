"""The whole server with one provider, simulated, and what the service says that it was paid."""

from __future__ import annotations

from collections import Counter
from typing import Any

import aiohttp

from tests.support.installed import all_but
from tests.support.servers import RunningServer

__all__ = ["bills_of", "bought", "only"]


def only(provider: str, sandbox: RunningServer) -> dict[str, str]:
    """Return the settings of a server whose only provider is *provider*, at *sandbox*."""
    return {
        "DANQING_DISABLED_PLUGINS": all_but(provider),
        "DANQING_DEFAULT_PROVIDER": provider,
        "DANQING_SANDBOX_URL": sandbox.url,
    }


async def bills_of(sandbox: RunningServer, prompt: str) -> list[dict[str, Any]]:
    """Return the entries of the service's ledger for *prompt*."""
    async with aiohttp.ClientSession() as session, session.get(f"{sandbox.url}/sandbox/ledger") as answer:
        entries: list[dict[str, Any]] = (await answer.json())["entries"]
    return [entry for entry in entries if entry["prompt"] == prompt]


async def bought(sandbox: RunningServer, prompt: str) -> Counter[int]:
    """Return how often each output of *prompt* was billed."""
    return Counter(entry["image_index"] for entry in await bills_of(sandbox, prompt))
