"""The server itself, if it runs here: what `/health` says, and whether it is the release that is installed."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from danqing_server.doctor.finding import Finding, fine, skipped, warning, wrong
from danqing_server.settings.server import Settings
from danqing_server.supervision.listening import ask

__all__ = ["SERVER", "look_at_server"]

SERVER = "server"
"""The part that is looked at here; skipped when nobody answers."""

EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


async def look_at_server(settings: Settings) -> Sequence[Finding]:
    """Return how the server is that listens where the settings say."""
    host = EVERY_ADDRESS.get(settings.host, settings.host)
    place = f"{host}:{settings.port}"
    reply = await ask(host, settings.port, "/health")
    if reply is None:
        return [skipped(SERVER, f"nobody answers at {place}", "start `danqing serve`, or set PORT as it has it")]
    said: dict[str, Any] = {}
    with suppress(ValueError):
        said = json.loads(reply.body)
    if "checks" not in said:
        return [wrong(SERVER, f"what answers at {place} is not danqing", "choose another PORT, or stop it")]
    return [_health(place, reply.status, said), *_version(said)]


def _health(place: str, status: int, said: dict[str, Any]) -> Finding:
    failing = [name for name, state in said["checks"].items() if state != "ok"]
    if failing:
        return wrong(
            SERVER, f"{place}: {', '.join(failing)} failing", "the lines about it here, and its log, say why"
        )
    if status != 200:
        return warning(SERVER, f"{place} is stopping", "wait until it is back")
    return fine(SERVER, f"{place} answers, version {said.get('version')}")


def _version(said: dict[str, Any]) -> Sequence[Finding]:
    installed = importlib.metadata.version("danqing")
    if said.get("version") in (None, installed):
        return ()
    says = f"{said['version']} runs, {installed} is installed"
    return [
        warning("version", says, "SIGHUP to `danqing serve` replaces its processes; a new release wants a restart")
    ]
