"""A worker process that orders: `python -m tests.support.ordering_process`.

Its settings are variables; `SERVICE_URL` is the service (see `asked_service`). With `SINGLE_CALL` not empty the
start of a task announces its call.
"""

from __future__ import annotations

import asyncio
import os

from danqing_server.log import configure_logging
from danqing_server.settings.server import Settings
from tests.support.asked_service import OrderingProvider
from tests.support.system import running_system

__all__ = ["DEAD_AFTER_S"]

DEAD_AFTER_S = 2.0


async def _work() -> None:
    settings = Settings.read(os.environ)
    provider = OrderingProvider(url=os.environ["SERVICE_URL"], single_call=bool(os.environ["SINGLE_CALL"]))
    async with running_system(settings, [provider], dead_after_s=DEAD_AFTER_S):
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging("WARNING", json_lines=True)
    asyncio.run(_work())
