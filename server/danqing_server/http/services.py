"""What the HTTP layer is given by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from danqing_server.access.administration import Administration
from danqing_server.access.event_tokens import EventTokens
from danqing_server.access.gatekeeper import Gatekeeper
from danqing_server.access.sessions import Sessions
from danqing_server.assets.headroom import Headroom
from danqing_server.assets.storage import Assets
from danqing_server.assets.thumbnailing import Thumbnails
from danqing_server.clock import Clock
from danqing_server.delivery.feeds import Feeds
from danqing_server.delivery.watchers import Watchers
from danqing_server.delivery.webhooks.management import Webhooks
from danqing_server.desk.admission import Submissions
from danqing_server.desk.batches import Batches
from danqing_server.desk.budgets import Budgets
from danqing_server.desk.bulk import Bulk
from danqing_server.desk.condition import Condition
from danqing_server.desk.control import Control
from danqing_server.desk.forecast import Forecast
from danqing_server.desk.inspection import Inspection
from danqing_server.desk.lane_control import LaneControl
from danqing_server.desk.late_books import LateBooks
from danqing_server.desk.pictures import Pictures
from danqing_server.desk.quoting import Quotes
from danqing_server.desk.standing import Standings
from danqing_server.desk.statistics import Statistics
from danqing_server.desk.uploads import Uploads
from danqing_server.desk.visits import Visits
from danqing_server.http.replay import Replays
from danqing_server.plugins.registry import Registry
from danqing_server.queue.gates import Gates
from danqing_server.queue.lanes import Queue
from danqing_server.queue.requests import RequestCounter
from danqing_server.settings.server import Settings
from danqing_server.store.listing import TaskList
from danqing_server.store.paging import FilmPages
from danqing_server.store.tasks import TaskStore
from danqing_server.store.usage import UsageStore
from danqing_server.store.users import UserStore
from danqing_server.worker.pauses import Pauses

__all__ = ["HealthCheck", "Services"]

HealthCheck = Callable[[], Awaitable[None]]
"""Returns when a part works, raises when it does not."""


@attrs.define(kw_only=True, eq=False)
class Services:
    """Everything a route may use. `checks` are what `/health` asks; `draining` is set while the process stops."""

    settings: Settings
    gatekeeper: Gatekeeper
    administration: Administration
    store: TaskStore
    task_list: TaskList
    films: FilmPages
    users: UserStore
    uploads: Uploads
    queue: Queue
    requests: RequestCounter
    gates: Gates
    inspection: Inspection
    sessions: Sessions
    pauses: Pauses
    forecast: Forecast
    standings: Standings
    lane_control: LaneControl
    assets: Assets
    headroom: Headroom
    thumbnails: Thumbnails
    registry: Registry
    submissions: Submissions
    visits: Visits
    control: Control
    pictures: Pictures
    batches: Batches
    bulk: Bulk
    quotes: Quotes
    budgets: Budgets
    usage: UsageStore
    statistics: Statistics
    late_books: LateBooks
    watchers: Watchers
    feeds: Feeds
    event_tokens: EventTokens
    replays: Replays
    webhooks: Webhooks
    condition: Condition
    clock: Clock
    checks: dict[str, HealthCheck]
    draining: bool = False
