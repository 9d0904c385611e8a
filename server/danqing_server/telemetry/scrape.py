"""What a scrape is answered with: the counts of all processes, and what was looked up for it."""

from __future__ import annotations

import asyncio

import attrs

from danqing_server.telemetry.looking import Lookout
from danqing_server.telemetry.meters import Exposed, Meters

__all__ = ["Scrape"]


@attrs.frozen(eq=False)
class Scrape:
    """Made once per process."""

    meters: Meters
    lookout: Lookout

    async def expose(self, accept: str) -> Exposed:
        """Return everything, in the form that *accept* asks for; what does not answer in time is left out."""
        looked = await self.lookout.look()
        self.meters.flush()
        return await asyncio.to_thread(self.meters.expose, looked, accept)
