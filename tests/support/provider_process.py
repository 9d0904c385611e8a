"""A worker process with the providers that are installed: `python -m tests.support.provider_process`.

Its settings are variables. `CHAOS_ARMED` names a file that says at which of the product's steps it dies; see
`tests.chaos.hooks.danqing_fault_points`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.hooks.danqing_fault_points import install

__all__ = ["DEAD_AFTER_S", "provider_process"]

DEAD_AFTER_S = 2.0
ROOT = Path(__file__).parents[2]


@contextmanager
def provider_process(
    environment: Mapping[str, str], armed: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run one while the block lasts; *armed* is the file that says where it dies."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    chaos = {} if armed is None else {"CHAOS_ARMED": str(armed)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.provider_process"], cwd=ROOT, env={**environment, **kept, **chaos}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def _work() -> None:
    from danqing_server.settings.server import Settings
    from tests.support.system import running_system

    async with running_system(Settings.read(os.environ), [], dead_after_s=DEAD_AFTER_S):
        await asyncio.Event().wait()


if __name__ == "__main__":
    if armed_path := os.environ.get("CHAOS_ARMED"):
        install(armed_path)  # before the modules that do the steps are imported
    from danqing_server.log import configure_logging

    configure_logging("WARNING", json_lines=True)
    asyncio.run(_work())
