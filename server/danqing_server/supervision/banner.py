"""What `danqing serve` prints once it serves: what runs where, and one command to try."""

from __future__ import annotations

import attrs

from danqing_server.settings.server import Settings

__all__ = ["Running", "banner"]


@attrs.frozen(kw_only=True)
class Running:
    """What the supervisor has started. `sandbox_urls` is empty when no provider is simulated."""

    base_url: str
    settings: Settings
    embedded_mongodb: bool
    embedded_redis: bool
    simulated: tuple[str, ...] = ()
    sandbox_urls: tuple[str, ...] = ()


def banner(running: Running) -> str:
    """Return the text; no credentials are in it."""
    settings = running.settings
    processes = "1 process" if settings.processes == 1 else f"{settings.processes} processes"
    lines = [
        f"danqing is ready at {running.base_url}",
        f"  studio    {running.base_url}/studio/" if settings.serves_api and settings.studio else None,
        f"  API       {running.base_url}  ({processes}, role {settings.role})",
        f"  docs      {running.base_url}/docs" if settings.serves_api else None,
        f"  MongoDB   {_where(running.embedded_mongodb, 'MONGO_URL', 'mongodb', settings)}",
        f"  Redis     {_where(running.embedded_redis, 'REDIS_URL', 'redis', settings)}",
        f"  data      {settings.data_dir.absolute()}",
        *_provider_lines(running),
        *_try_it(running),
    ]
    return "\n".join(line for line in lines if line is not None) + "\n"


def _where(embedded: bool, variable: str, folder: str, settings: Settings) -> str:
    if embedded:
        return f"embedded, kept in {settings.data_dir.absolute() / folder}"
    return f"external ({variable})"


def _provider_lines(running: Running) -> list[str]:
    if not running.simulated:
        return []
    names = ", ".join(running.simulated)
    where = ", ".join(running.sandbox_urls)
    return [f"  sandbox   results of {names} are SIMULATED and cost nothing ({where})"]


def _try_it(running: Running) -> list[str]:
    if not running.settings.serves_api:
        return []
    headers = ["-H 'Content-Type: application/json'"]
    if running.settings.asks_for_keys:
        headers.append("-H 'Authorization: Bearer YOUR_KEY'")
    return [
        "",
        "Try it:",
        f"  curl -X POST {running.base_url}/api/v1/ai/image/task {' '.join(headers)} \\",
        """    -d '{"prompt": "一只在竹林里的熊猫，水墨画", "user_id": "user_123"}'""",
        f"  curl {running.base_url}/api/v1/ai/image/result/TASK_ID",
        "",
    ]
