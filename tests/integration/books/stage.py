"""Where stories are told: an event loop, a link server and a database, for one story after another."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

import attrs
from pymongo.errors import PyMongoError

from danqing_server.errors import ServiceUnavailable
from danqing_server.settings.server import Settings
from tests.integration.books.judge import judge
from tests.integration.books.links import Links, serving_links
from tests.integration.books.process import Mortal, follow_tasks
from tests.integration.books.provider import PRICE_MICRO, PROVIDER, ShopProvider
from tests.integration.books.shop import Shop
from tests.integration.books.story import Story
from tests.integration.books.teller import Teller
from tests.support.system import settings_for

__all__ = ["Stage", "Tell", "open_stage"]

Tell = Callable[[Story], None]

TIMES_CUT = 2


@attrs.define(eq=False)
class Stage:
    """What the stories of one test share."""

    runner: asyncio.Runner
    links: Links
    urls: tuple[str, str]
    folder: Path

    def tell(self, story: Story) -> None:
        """Tell a story and judge the books; AssertionError, with all that happened, when they are wrong.

        One that Redis or MongoDB cut short, as on a very busy machine, is told from its beginning.
        """
        for _ in range(TIMES_CUT):
            with suppress(ServiceUnavailable, PyMongoError):
                self.runner.run(self._tell(story))
                return
        self.runner.run(self._tell(story))

    async def _tell(self, story: Story) -> None:
        teller = Teller(story, Shop(self.links), self._settings(story))
        teller.process = await Mortal.start(teller.settings, ShopProvider(teller.shop))
        try:
            await self._clear(teller)
            await teller.tell()
            wrong = await judge(teller)
            assert not wrong, "\n".join(wrong)
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), "in this story:", *teller.log])) from None
        finally:
            await teller.process.stop()

    async def _clear(self, teller: Teller) -> None:
        database = teller.store.database
        for name in ("danqing_tasks", "danqing_spending", "danqing_ledger", "danqing_deleted", "danqing_budgets"):
            await database[name].delete_many({})

    def _settings(self, story: Story) -> Settings:
        mongo_url, redis_url = self.urls
        amount = (story.limit or 0) * PRICE_MICRO / 1_000_000
        limits = {"DANQING_DAILY_SPEND_LIMITS": f"{PROVIDER}:{amount:.2f}"} if story.limit is not None else {}
        return settings_for(
            mongo_url,
            "books",
            redis_url,
            f"books-{uuid.uuid4().hex[:12]}",
            self.folder,
            DANQING_DEFAULT_PROVIDER=PROVIDER,
            DANQING_TASK_TIMEOUT="30",
            DANQING_LEDGER="all",
            **limits,
        )


@contextmanager
def open_stage(mongo_url: str, redis_url: str, folder: Path) -> Iterator[Stage]:
    """Yield a stage on the given servers."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        follow_tasks(runner.get_loop())
        links = runner.run(stack.enter_async_context(serving_links()))
        yield Stage(runner, links, (mongo_url, redis_url), folder)
        runner.run(stack.aclose())
