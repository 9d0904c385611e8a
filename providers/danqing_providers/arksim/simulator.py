"""What one running simulator holds, and how it comes and goes."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
from aiohttp import web

from danqing_providers.arksim.config import Config
from danqing_providers.arksim.faults import Faults, Plan
from danqing_providers.arksim.ledger import Ledger
from danqing_providers.arksim.links import Links, load_secret
from danqing_providers.arksim.magic import read_magic_words
from danqing_providers.arksim.painter import paint
from danqing_providers.arksim.rates import ImagesPerMinute
from danqing_providers.arksim.recipes import Recipe, Recipes
from danqing_providers.arksim.refusals import Refusal

__all__ = ["SIMULATOR", "Simulator", "open_simulator"]

Clock = Callable[[], float]


@attrs.define
class Simulator:
    """The parts of one simulator. `clock` returns unix seconds."""

    config: Config
    ledger: Ledger
    recipes: Recipes
    links: Links
    rates: ImagesPerMinute
    painters: ThreadPoolExecutor
    faults: Faults
    clock: Clock

    def plan(self, prompt: str, model: str) -> Plan:
        """Return the faults of a request: its magic words, then the rules."""
        if not self.config.control:
            return Plan()
        return Plan((*read_magic_words(prompt), *self.faults.take_for_request(prompt, model).faults))

    def check_key(self, authorization: str) -> str:
        """Return the bearer's key.

        Raises:
            Refusal: 401, there is none or it is not one of ours.
        """
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            message = "The API key or AK/SK in the request is missing or invalid."
            raise Refusal(401, "AuthenticationError", message)
        if self.config.api_keys and key.strip() not in self.config.api_keys:
            raise Refusal(401, "AuthenticationError", "The API key doesn't exist.")
        return key.strip()

    async def paint(self, recipe: Recipe, index: int) -> bytes:
        """Return the encoded picture; as many are painted at once as there are processors."""
        return await asyncio.get_running_loop().run_in_executor(self.painters, paint, recipe, index)


SIMULATOR = web.AppKey("simulator", Simulator)


@asynccontextmanager
async def open_simulator(config: Config, clock: Clock = time.time) -> AsyncIterator[Simulator]:
    """Make the data folder and everything in it; a temporary folder goes when the simulator does."""
    temporary = None if config.data_dir else tempfile.TemporaryDirectory(prefix="arksim-")
    root = config.data_dir or Path(temporary.name if temporary else "")
    painters = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="painter")
    try:
        secret = await asyncio.to_thread(_prepare, root)
        simulator = Simulator(
            config=config,
            ledger=Ledger(root / "ledger.jsonl"),
            recipes=Recipes(root / "recipes"),
            links=Links(secret=secret, lifetime_s=config.link_lifetime_s, clock=clock),
            rates=ImagesPerMinute(limit=config.images_per_minute, clock=clock),
            painters=painters,
            faults=Faults(),
            clock=clock,
        )
        yield simulator
        await simulator.ledger.close()
    finally:
        painters.shutdown(wait=False, cancel_futures=True)
        if temporary is not None:
            temporary.cleanup()


def _prepare(root: Path) -> bytes:
    root.mkdir(parents=True, exist_ok=True)
    return load_secret(root / "link_secret")
