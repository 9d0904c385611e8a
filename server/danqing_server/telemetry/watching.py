"""Joins the meters to a process: who counts moves and webhooks, what is looked at each second and for a scrape."""

from __future__ import annotations

from functools import partial

import attrs

from danqing_server.delivery.webhooks.sending import Sender
from danqing_server.life.outlet import Outlet
from danqing_server.records.deliveries import DeliveryState
from danqing_server.store.deliveries import Outcome
from danqing_server.telemetry.labels import Models
from danqing_server.telemetry.looking import Lookout
from danqing_server.telemetry.meters import Meters
from danqing_server.telemetry.moves import MoveCounter
from danqing_server.telemetry.pulse import Pulse, Vitals
from danqing_server.telemetry.scrape import Scrape

__all__ = ["Watched", "watch"]

_POSTS = {
    DeliveryState.DELIVERED: "delivered",
    DeliveryState.PENDING: "to_be_tried_again",
    DeliveryState.FAILED: "given_up",
}


@attrs.frozen(kw_only=True, eq=False)
class Watched:
    """What shows how a process is: `pulse` is to be run with it, `scrape` answers who asks."""

    scrape: Scrape
    pulse: Pulse


def watch(meters: Meters, lookout: Lookout, vitals: Vitals, outlet: Outlet, sender: Sender) -> Watched:
    """Have *meters* count what happens from now on."""
    outlet.witness = MoveCounter(meters, Models(lookout.registry.providers))
    sender.noted = partial(_count_post, meters)
    return Watched(scrape=Scrape(meters, lookout), pulse=Pulse(meters, vitals))


def _count_post(meters: Meters, outcome: Outcome) -> None:
    meters.count("webhook_posts", _POSTS[outcome.state])
