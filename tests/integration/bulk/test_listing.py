"""Tasks of every user, newest first: filters, pages, search, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import attrs
import pymongo
import pytest

from danqing_plugins import OutputKind, ProviderInfo
from danqing_server.life.billing import billed_of
from danqing_server.records.tasks import BatchPlace, Billed, CallOutcome, Status, Task
from danqing_server.store.listing import TaskFilter, TaskList
from danqing_server.store.paging import FilmQuery
from danqing_server.store.reach import Reach
from danqing_server.store.task_documents import encode
from tests.integration.api.conftest import Client, Open
from tests.support.providers import ScriptedProvider
from tests.support.system import until
from tests.unit.api.tasks import NOW, failed_picture, kept_picture, make_task, paid_call

KEYS = "one:first-secret-of-many,two:second-secret-of-many"
ONE, TWO = ({"Authorization": f"Bearer {name}-secret-of-many"} for name in ("first", "second"))


def _aged(task_id: str, minutes: int, status: Status = Status.PENDING, **changes: Any) -> Task:
    return make_task(task_id, status, created_at=NOW - timedelta(minutes=minutes), **changes)


def _prompt(text: str) -> dict[str, Any]:
    return {"input": {"prompt": text}}


async def _store(api: Client, tasks: Iterable[Task]) -> None:
    for task in tasks:
        await api.services.store.insert(task)


async def _ids(api: Client, query: str = "", **options: Any) -> list[str]:
    reply = await api.ask("GET", f"/api/v1/tasks{query}", **options)
    assert reply.status == 200, reply.body
    return [task["id"] for task in reply.json["data"]["tasks"]]


@pytest.fixture
async def shelf(api: Client) -> Client:
    """Five tasks that differ in everything that can be asked for."""
    await _store(
        api,
        [
            _aged("newest", 1, **_prompt("a cat on the HILL")),
            _aged("failed", 2, Status.FAILED, user_id="u2"),
            _aged("made", 3, Status.COMPLETED, model="two"),
            _aged("other", 4, provider="other", type="text"),
            _aged("oldest", 5, **_prompt("水墨山谷，晨雾")),
        ],
    )
    return api


class TestFilters:
    async def test_everything_is_listed_newest_first(self, shelf: Client) -> None:
        """Whoever made it, and in whichever state it is."""
        assert await _ids(shelf) == ["newest", "failed", "made", "other", "oldest"]

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("?status=failed", ["failed"]),
            ("?status=failed,completed", ["failed", "made"]),
            ("?status=failed&status=completed", ["failed", "made"]),
            ("?user_id=u2", ["failed"]),
            ("?model=two", ["made"]),
            ("?provider=other&type=text", ["other"]),
            ("?kind=video", []),
            ("?kind=image&limit=2", ["newest", "failed"]),
            ("?code=content_rejected", ["failed"]),
            ("?from=2026-11-24T02:57:00Z&to=2026-11-24T02:59:00Z", ["failed", "made"]),
            ("?to=2026-11-24T10:56:30%2B08:00", ["other", "oldest"]),
            ("?from=2026-11-25", []),
            ("?q=%E5%B1%B1%E8%B0%B7", ["oldest"]),
            ("?q=hill", ["newest"]),
            ("?q=%E6%99%A8%E9%9B%BE&status=failed", []),
        ],
    )
    async def test_each_filter_finds_its_own(self, shelf: Client, query: str, found: Sequence[str]) -> None:
        """Together they narrow; 山谷 is found inside 水墨山谷, and `hill` in either case."""
        assert await _ids(shelf, query) == found

    @pytest.mark.parametrize("text", [".*", "$where", "(", "\\", "%", "[a-z]"])
    async def test_a_search_is_text_and_no_pattern(self, shelf: Client, text: str) -> None:
        """What means something to MongoDB finds nothing but itself."""
        await _store(shelf, [_aged("odd", 6, **_prompt(f"see {text} here"))])
        reply = await shelf.ask("GET", "/api/v1/tasks", params={"q": text})
        assert [task["id"] for task in reply.json["data"]["tasks"]] == ["odd"]

    async def test_a_row_is_light(self, shelf: Client) -> None:
        """The prompt is cut, and what only the whole task shows is left out."""
        await _store(shelf, [_aged("long", 0, **_prompt("长" * 5000))])
        reply = await shelf.ask("GET", "/api/v1/tasks?limit=1")
        (row,) = reply.json["data"]["tasks"]
        assert (row["id"], len(row["prompt"])) == ("long", 300)
        assert len(reply.body) < 3000
        assert not {"input", "calls", "output"} & row.keys()

    @pytest.mark.parametrize(
        ("query", "fields"),
        [
            ("?status=done", ["status"]),
            ("?limit=0", ["limit"]),
            ("?limit=x&cursor=nothing", ["cursor", "limit"]),
            ("?from=yesterday&kind=opera", ["from", "kind"]),
            ("?stauts=failed", ["stauts"]),
            ("?count=yes", ["count"]),
            ("?billed=maybe&partial=no&sandbox=1", ["billed", "partial", "sandbox"]),
            ("?fields=id,prompts", ["fields"]),
            ("?fields=", ["fields"]),
        ],
    )
    async def test_every_wrong_parameter_is_named(self, api: Client, query: str, fields: Sequence[str]) -> None:
        """At once; a misspelt one is not ignored, for it would list what was not meant."""
        reply = await api.ask("GET", f"/api/v1/tasks{query}")
        assert (reply.status, sorted(detail["field"] for detail in reply.json["details"])) == (400, fields)

    @pytest.mark.parametrize(
        ("query", "field", "value", "allowed"),
        [
            ("?status=foo", "status", "foo", "pending, scheduled"),
            ("?status=failed,foo&status=done", "status", "foo", "pending, scheduled"),
            ("?status=failed,", "status", "", "pending, scheduled"),
            ("?fields=id,prompts", "fields", "prompts", "id, project"),
        ],
    )
    async def test_the_word_that_is_wrong_is_named(
        self, api: Client, query: str, field: str, value: str, allowed: str
    ) -> None:
        """Not how many stand in the list; beside it is what may."""
        reply = await api.ask("GET", f"/api/v1/tasks{query}", headers={"Accept-Language": "en"})
        told = reply.json["details"][0]
        assert (reply.status, told["field"], told["value"]) == (400, field, value)
        assert allowed in told["message"]


class _Simulated(ScriptedProvider):
    @property
    def info(self) -> ProviderInfo:
        return attrs.evolve(super().info, sandbox=True)


def _called(task_id: str, minutes: int, status: Status, *outcomes: CallOutcome, **changes: Any) -> Task:
    calls = {f"c{number}": paid_call(id=f"c{number}", outcome=each) for number, each in enumerate(outcomes)}
    return _aged(task_id, minutes, status, calls=calls, **changes)


LATE = paid_call(id="c0", outcome=CallOutcome.UNKNOWN).changed(late_outcome=CallOutcome.FAILED_UNBILLED)
BILLS = [
    _called("waits", 1, Status.PENDING),
    _called("runs", 2, Status.PROCESSING, CallOutcome.OPEN),
    _called("lost", 3, Status.FAILED, CallOutcome.UNKNOWN),
    _aged("told late", 4, Status.FAILED, calls={"c0": LATE}),
    _called("refused", 5, Status.FAILED, CallOutcome.REJECTED),
    _called("again", 6, Status.COMPLETED, CallOutcome.UNKNOWN, CallOutcome.DELIVERED),
    _called("found", 7, Status.FAILED, CallOutcome.UNKNOWN, late={"0": kept_picture("found", 0)}),
    _called("made", 8, Status.COMPLETED, CallOutcome.DELIVERED),
]


class TestMoney:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("?billed=yes", ["again", "found", "made"]),
            ("?billed=unknown", ["runs", "lost"]),
            ("?billed=no", ["waits", "told late", "refused"]),
            ("?billed=no&status=failed", ["told late", "refused"]),
            ("?billed=yes&limit=2", ["again", "found"]),
        ],
    )
    async def test_a_bill_is_asked_for_as_rows_tell_it(self, api: Client, query: str, found: Sequence[str]) -> None:
        """Whatever became of the calls, an answer that came late among it."""
        await _store(api, BILLS)
        assert await _ids(api, query) == found
        shown = (await api.ask("GET", f"/api/v1/tasks{query}&count=true")).json["data"]
        assert {row["billed"] for row in shown["tasks"]} == {query.partition("=")[2].partition("&")[0]}
        assert shown["total"] == len(found) + ("limit" in query)

    async def test_what_is_in_doubt_is_named(self, api: Client) -> None:
        """Beside what it cost for certain."""
        await _store(api, BILLS)
        shown = (await api.ask("GET", "/api/v1/tasks?fields=in_doubt")).json["data"]["tasks"]
        doubts = {row["id"]: [each["amount"] for each in row["in_doubt"]] for row in shown if row["in_doubt"]}
        assert doubts == {"runs": ["0.20"], "lost": ["0.20"], "again": ["0.20"]}

    async def test_pages_of_a_bill_have_each_task_once(self, api: Client) -> None:
        """Though most that MongoDB finds are billed otherwise."""
        some = [CallOutcome.REJECTED, CallOutcome.UNKNOWN, CallOutcome.DELIVERED]
        tasks = [_called(f"t{number:03}", number, Status.FAILED, some[number % 3]) for number in range(700)]
        await api.services.store.insert_many([encode(task) for task in tasks])
        seen, cursor = [], ""
        while cursor is not None:
            page = (await api.ask("GET", f"/api/v1/tasks?billed=no&limit=50{cursor}")).json["data"]
            seen += [row["id"] for row in page["tasks"]]
            cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        assert seen == [f"t{number:03}" for number in range(0, 700, 3)]

    async def test_what_lacks_a_picture_is_found(self, api: Client) -> None:
        """And a row says how many; what its provider chose not to make is none."""
        pictures = {"0": kept_picture("partial", 0), "1": failed_picture(1)}
        await _store(api, [*BILLS[-1:], _aged("partial", 1, Status.COMPLETED, images=2, outputs=pictures)])
        assert await _ids(api, "?partial=true") == ["partial"]
        assert await _ids(api, "?partial=false") == ["made"]
        row = (await api.ask("GET", "/api/v1/tasks?limit=1")).json["data"]["tasks"][0]
        assert (row["kept"], row["missing"], row["images"]) == (1, 1, 2)

    async def test_what_is_simulated_is_told_apart(self, open_api: Open) -> None:
        """By who carries it out at present."""
        async with open_api(provider=_Simulated()) as api:
            await _store(api, [_aged("real", 1, provider="other"), _aged("simulated", 2)])
            assert await _ids(api, "?sandbox=true") == ["simulated"]
            assert await _ids(api, "?sandbox=false") == ["real"]
            assert await _ids(api, "?sandbox=false&provider=scripted") == []


class TestParts:
    async def test_a_row_may_be_a_part_of_one(self, shelf: Client) -> None:
        """What is asked for and its id; that is a fraction of the bytes."""
        reply = await shelf.ask("GET", "/api/v1/tasks?fields=status,billed&limit=2")
        assert reply.json["data"]["tasks"] == [
            {"id": "newest", "status": "pending", "billed": "no"},
            {"id": "failed", "status": "failed", "billed": "no"},
        ]
        whole = await shelf.ask("GET", "/api/v1/tasks?limit=2")
        assert len(reply.body) < len(whole.body) / 4


class TestPages:
    @pytest.mark.parametrize("query", ["", "&q=cat", "&user_id=u1", "&status=pending"])
    async def test_each_task_is_on_one_page(self, api: Client, query: str) -> None:
        """Though new ones arrive between two pages, and many were made in one millisecond."""
        await _store(api, [make_task(f"t{number:02}", created_at=NOW) for number in range(10)])
        seen, cursor = [], ""
        for page in range(20):
            reply = await api.ask("GET", f"/api/v1/tasks?limit=3{query}{cursor}")
            seen += [task["id"] for task in reply.json["data"]["tasks"]]
            await _store(api, [_aged(f"new{page}", -1 - page)])
            if reply.json["data"]["next_cursor"] is None:
                break
            cursor = f"&cursor={reply.json['data']['next_cursor']}"
        assert seen == [f"t{number:02}" for number in reversed(range(10))]

    async def test_they_are_counted_when_asked_for(self, shelf: Client) -> None:
        """And not otherwise: counting reads them all."""
        counted = (await shelf.ask("GET", "/api/v1/tasks?count=true&status=pending&limit=1")).json["data"]
        assert (counted["count"], counted["total"]) == (1, 3)
        assert "total" not in (await shelf.ask("GET", "/api/v1/tasks")).json["data"]

    async def test_counting_bills_gives_way_to_others(self, api: Client) -> None:
        """Each task is read for it: ten thousand that came at once held the process up for a second."""
        many = [_aged(f"t{number:03}", number, Status.COMPLETED) for number in range(600)]
        await api.services.store.insert_many([encode(task) for task in many])
        database, wanted = api.services.store.database, TaskFilter(billed=Billed.YES)
        await database.command("profile", 2)
        assert await api.services.task_list.count(wanted, Reach.everybody()) == 600
        await database.command("profile", 0)
        read = {"ns": f"{database.name}.danqing_tasks", "op": {"$in": ["query", "getmore"]}}
        seen = await database["system.profile"].find(read).to_list(None)
        assert max(each["nreturned"] for each in seen) == 200

    async def test_what_takes_too_long_is_not_counted(self, api: Client) -> None:
        """By whatever is asked for; the list is answered all the same."""
        database = api.services.store.database.client.get_database("nobodys")
        hasty = TaskList(database, billed_of)
        for wanted in (TaskFilter(code="x"), TaskFilter(billed=Billed.NO)):
            with pymongo.timeout(0.000_001):
                assert await hasty.count(wanted, Reach.everybody()) is None
        await hasty.drain()

    async def test_a_search_stops_in_time_and_goes_on(self, api: Client) -> None:
        """It says how far it looked; nothing is left out between two answers."""
        many = [_aged(f"t{number:05}", number) for number in range(2500)]
        await api.services.store.insert_many([encode(task) for task in many])
        await _store(api, [_aged("needle", 2600, **_prompt("needle"))])
        hasty = TaskList(api.services.store.database, billed_of, now_s=_Leaping())
        wanted, reach = TaskFilter(text="needle"), Reach.everybody()
        first = await hasty.find(wanted, reach, limit=5, after=None)
        assert (first.tasks, first.is_cut) == ((), True)
        assert first.next is not None
        assert first.next[1] == "t00999"
        found, after = [], first.next
        while after is not None:
            page = await hasty.find(wanted, reach, limit=5, after=after)
            found += [task.id for task in page.tasks]
            after = page.next
        assert found == ["needle"]
        await hasty.drain()


class TestWhose:
    async def test_a_project_sees_its_own(self, open_api: Open) -> None:
        """Not even their number tells of others, however it asks."""
        async with open_api(DANQING_API_KEYS=KEYS) as api:
            await _store(api, [_aged("mine", 2, owner="one"), _aged("theirs", 1, owner="two"), _aged("nobodys", 3)])
            for query in (
                "?count=true",
                "?q=cat&count=true",
                "?user_id=u1&count=true",
                "?status=pending&count=true",
            ):
                reply = await api.ask("GET", f"/api/v1/tasks{query}", headers=ONE)
                data = reply.json["data"]
                assert ([task["id"] for task in data["tasks"]], data["total"]) == (["mine"], 1)
            assert await _ids(api, "?cursor=99999999999999.theirs", headers=TWO) == ["theirs"]
            assert (await api.ask("GET", "/api/v1/tasks")).status == 401

    async def test_an_operator_asks_for_one_projects(self, open_api: Open) -> None:
        """By its name, without what is its user's; who is none finds its own by it alone, and so does a search."""
        async with open_api(DANQING_API_KEYS=KEYS, DANQING_OPERATORS="two") as api:
            line = BatchPlace(id="batch_1", line=2, custom_id="a name of its user's")
            await _store(api, [_aged("first", 2, owner="one", batch=line), _aged("second", 1, owner="two")])
            rows = (await api.ask("GET", "/api/v1/tasks", headers=TWO)).json["data"]["tasks"]
            assert [(row["id"], row["prompt"], row["batch"]) for row in rows][1] == ("first", None, None)
            assert await _ids(api, headers=TWO) == ["second", "first"]
            assert await _ids(api, "?project=one", headers=TWO) == ["first"]
            assert await _ids(api, "?project=one&q=cat", headers=TWO) == []
            assert await _ids(api, "?project=one", headers=ONE) == ["first"]
            reply = await api.ask("GET", "/api/v1/tasks?project=two&count=true", headers=ONE)
            assert (reply.json["data"]["tasks"], reply.json["data"]["total"]) == ([], 0)

    async def test_no_index_is_there_before_the_first_list(self, api: Client) -> None:
        """Who never lists pays nothing for lists; a user's own needs no other index."""
        database = api.services.store.database
        await _ids(api, "?user_id=u1")
        before = await database["danqing_tasks"].index_information()
        await _ids(api)
        after = await database["danqing_tasks"].index_information()
        assert set(after) - set(before) == {"newest"}

    async def test_a_project_reads_nothing_of_others(self, open_api: Open) -> None:
        """Its list costs as much as it has tasks itself."""
        async with open_api(DANQING_API_KEYS=KEYS) as api:
            await _store(api, [_aged(f"t{number}", number, owner="two") for number in range(50)])
            await _store(api, [_aged("mine", 60, owner="one")])
            assert await _ids(api, headers=ONE) == ["mine"]
            scope = TaskFilter().scope(Reach.of("one"), None)
            plan = await api.services.store.database.command(
                "explain",
                {"find": "danqing_tasks", "filter": scope, "sort": {"created_at": -1, "_id": -1}},
                verbosity="executionStats",
            )
            assert plan["executionStats"]["totalDocsExamined"] == 1


class TestVideos:
    @pytest.mark.parametrize("reach", [Reach.everybody(), Reach.of("one")])
    async def test_a_page_reads_its_own_videos_alone(self, api: Client, reach: Reach) -> None:
        """Not all there are, to sort them; of a project nothing of others."""
        store, films = api.services.store, api.services.films
        for number in range(40):
            owner = "one" if number < 4 else "two"
            await store.insert(_aged(f"t{number:02}", 100 - number, kind=OutputKind.VIDEO, owner=owner))
            await store.insert(_aged(f"p{number:02}", number, owner=owner))
        query, database = FilmQuery(reach=reach), store.database
        tasks = database["danqing_tasks"]

        async def has_index() -> bool:
            await films.page(query, skip=0, limit=2)
            used = tasks.aggregate([{"$indexStats": {}}])
            return any([each["name"].startswith("films") and "building" not in each async for each in used])

        await until(has_index, what="the index")
        await database.command("profile", 2)
        found, total = await films.page(query, skip=0, limit=2)
        newest = await films.behind(query, found[0], ascending=False, limit=1)
        await database.command("profile", 0)
        assert [task.id for task in (*found, *newest)] == (
            ["t39", "t38", "t38"] if reach.is_everybody else ["t03", "t02", "t02"]
        )
        assert total == (40 if reach.is_everybody else 4)
        asked = {"ns": f"{database.name}.danqing_tasks", "command.find": {"$exists": True}}
        seen = await database["system.profile"].find(asked).to_list(None)
        assert 0 < max(each["docsExamined"] for each in seen) <= 3

    async def test_pictures_have_no_key_more(self, api: Client) -> None:
        """Whoever asks for videos: they are few, and pictures many."""
        await _store(api, [_aged("picture", 1), _aged("film", 2, kind=OutputKind.VIDEO)])
        await api.services.films.page(FilmQuery(reach=Reach.everybody()), skip=0, limit=2)
        plan = await api.services.store.database.command("validate", "danqing_tasks")
        assert plan["keysPerIndex"]["films"] == 1


class _Leaping:
    """A clock on which a second passes each time it is looked at."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def __call__(self) -> float:
        self._now_s += 1
        return self._now_s
