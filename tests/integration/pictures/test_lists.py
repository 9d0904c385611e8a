"""Lists of pictures: what they hold, in which order, whose, and how they are searched."""

from __future__ import annotations

import gzip
import random
from typing import Any

import orjson
import pytest

from danqing_plugins import OutputKind
from danqing_server.records.outputs import OutputState
from danqing_server.records.tasks import Status
from tests.integration.api.conftest import Client, Open
from tests.support.shelf import Shelf
from tests.unit.api.tasks import failed_picture, kept_asset, kept_picture, stored_asset

ROUTE = "/api/v1/pictures"
KEYS = "one:first-secret-of-many,two:second-secret-of-many"
ONE, TWO = ({"Authorization": f"Bearer {name}-secret-of-many"} for name in ("first", "second"))
ADMIN = {"Authorization": "Bearer the-administrator-s-own-key"}
HASH = "ab" * 32
MANY = 20_000
LARGEST_INDEX_BYTES = 500_000  # of 100,000: 2.5 MB

FILTERED = [
    ("?size=1k", ["small", "film"]),
    ("?size=2k", ["middle"]),
    ("?size=4k", ["large"]),
    ("?model=two", ["middle"]),
    ("?user_id=u2", ["middle"]),
    ("?provider=other", ["film"]),
    ("?kind=video", ["film"]),
    ("?q=%E5%B1%B1%E8%B0%B7", ["large"]),
    ("?q=A%20CAT", ["small", "middle", "film"]),
    ("?q=.*", []),
    ("?from=2026-11-24T02:58:30Z", ["small"]),
    ("?to=2026-11-24T02:58:00Z", ["large", "film"]),
    (f"?sha256={HASH}", ["small"]),
    (f"?sha256={HASH.upper()}", ["small"]),
    (f"?sha256={'cd' * 32}", []),
    ("?q=cat&size=2k&model=two", ["middle"]),
]
SENSELESS = [
    "?ids=",
    "?ids=a",
    "?ids=a/0,",
    "?ids=a/-1",
    "?ids=a/00",
    "?ids=../0",
    "?ids=a/b/0",
    "?ids=%24where/0",
    "?ids=a%00/0",
    "?ids=" + ",".join(["a/0"] * 201),
    "?ids=a/0&q=x",
    "?sha256=xyz",
    "?sha256=",
    "?size=8k",
    "?starred=yes",
    "?limit=0",
    "?limit=201",
    "?cursor=x",
    "?status=failed",
    "?zzz=1",
]


def sized(task_id: str, width: int, height: int, **changes: Any) -> dict[str, Any]:
    """Return the outputs of a task with one picture of a size."""
    asset = stored_asset(OutputKind.IMAGE, key=f"{task_id}/0-ab.png", width=width, height=height, **changes)
    return {"0": kept_picture(task_id, 0, asset=asset)}


async def ids_of(api: Client, query: str = "", **options: Any) -> list[str]:
    """Return the ids that the index and the list have, which are the same."""
    index = await api.ask("GET", f"{ROUTE}/index{query}", **options)
    listed = await api.ask("GET", f"{ROUTE}{query}", **options)
    assert (index.status, listed.status) == (200, 200), (index.body, listed.body)
    ids: list[str] = index.json["data"]["ids"]
    assert [each["id"] for each in listed.json["data"]["pictures"]] == ids
    return ids


async def shown(api: Client, *ids: str, **options: Any) -> list[str]:
    """Return which of *ids* are shown."""
    reply = await api.ask("GET", f"{ROUTE}?ids={','.join(ids)}", **options)
    assert reply.status == 200, reply.body
    return [each["id"] for each in reply.json["data"]["pictures"]]


class TestOrder:
    async def test_newest_first_and_in_a_task_by_its_place(self, api: Client, shelf: Shelf) -> None:
        """What is not kept is not there: neither what failed, nor what is on its way, nor a task without any."""
        await shelf.note("old", minutes=9, pictures=12)
        mixed = {"0": failed_picture(0), "1": kept_picture("new", 1), "2": kept_picture("new", 2)}
        mixed["2"] = kept_picture("new", 2, state=OutputState.SOURCED, asset=None)
        await shelf.note("new", minutes=1, outputs=mixed, images=3)
        await shelf.note("bare", outputs={}, status=Status.FAILED)
        assert await ids_of(api) == ["new/1", *(f"old/{index}" for index in range(12))]

    async def test_a_page_ends_between_tasks(self, api: Client, shelf: Shelf) -> None:
        """And the cursor goes on behind it, to the end."""
        for number in range(5):
            await shelf.note(f"t{number}", minutes=number, pictures=2)
        for route in (ROUTE, f"{ROUTE}/index"):
            member = "pictures" if route == ROUTE else "ids"
            found, cursor = [], ""
            while cursor is not None:
                reply = await api.ask("GET", f"{route}?limit=3{cursor and f'&cursor={cursor}'}")
                page = reply.json["data"]
                assert page["count"] == len(page[member]) <= 4
                found += [each if isinstance(each, str) else each["id"] for each in page[member]]
                cursor = page["next_cursor"]
            assert found == [f"t{number}/{index}" for number in range(5) for index in range(2)]

    async def test_ids_are_answered_in_their_order(self, api: Client, shelf: Shelf) -> None:
        """Without those that are not there; one that is asked for twice is there twice."""
        await shelf.note("a", pictures=2)
        await shelf.note("b")
        assert await shown(api, "b/0", "a/1", "gone/0", "a/7", "a/1") == ["b/0", "a/1", "a/1"]

    async def test_nothing_is_an_empty_list(self, api: Client) -> None:
        """Not a mistake."""
        assert await ids_of(api) == []


class TestFilters:
    @pytest.fixture(autouse=True)
    async def _filled(self, shelf: Shelf) -> None:
        await shelf.note("small", minutes=1, outputs=sized("small", 1024, 1024, sha256=HASH))
        await shelf.note("middle", minutes=2, outputs=sized("middle", 2048, 2048), model="two", user_id="u2")
        await shelf.note("large", minutes=3, outputs=sized("large", 4096, 4096), input={"prompt": "水墨山谷，晨雾"})
        film = {
            "0": kept_asset(OutputKind.VIDEO, key="film/0-ab.mp4", poster="film/0-ab-poster.jpeg", duration_s=4.0)
        }
        await shelf.note("film", minutes=4, outputs=film, kind=OutputKind.VIDEO, provider="other")

    async def test_each_holds(self, api: Client) -> None:
        """Alone and with others."""
        found = {query: await ids_of(api, query) for query, _ in FILTERED}
        assert found == {query: [f"{task_id}/0" for task_id in wanted] for query, wanted in FILTERED}

    async def test_a_film_says_what_it_is(self, api: Client) -> None:
        """With its still, and how long it lasts; a thumbnail is its poster's."""
        (film,) = (await api.ask("GET", f"{ROUTE}?ids=film/0")).json["data"]["pictures"]
        assert (film["kind"], film["duration_s"], film["has_thumbnail"]) == ("video", 4.0, True)
        assert film["path"] == "/api/v1/assets/film/0-ab.mp4"
        assert film["url"].endswith(film["path"])

    async def test_what_makes_no_sense_is_said(self, api: Client) -> None:
        """With the field's name; it is never a picture that is missed."""
        for query in SENSELESS:
            reply = await api.ask("GET", f"{ROUTE}{query}")
            assert reply.status == 400, query
            assert reply.json["details"][0]["field"] in query


class TestStars:
    async def test_given_and_taken(self, api: Client, shelf: Shelf) -> None:
        """Of each picture its own, as often as one likes."""
        await shelf.note("t", pictures=3)
        for _ in range(2):
            reply = await api.ask("PUT", f"{ROUTE}/t/1/star")
            assert (reply.status, reply.json["data"]) == (200, {"id": "t/1", "starred": True})
        pictures = (await api.ask("GET", f"{ROUTE}?ids=t/0,t/1,t/2")).json["data"]["pictures"]
        assert [each["starred"] for each in pictures] == [False, True, False]
        assert await ids_of(api, "?starred=true") == ["t/1"]
        assert await ids_of(api, "?starred=true&size=4k") == []
        for _ in range(2):
            assert (await api.ask("DELETE", f"{ROUTE}/t/1/star")).json["data"]["starred"] is False
        assert await ids_of(api, "?starred=true") == []

    async def test_of_what_is_not_there(self, api: Client, shelf: Shelf) -> None:
        """404, and nothing is written anywhere."""
        await shelf.note("t")
        for id_ in ("t/3", "t/x", "t/-1", "t/99999", "gone/0", "%24/0", "t/0.state"):
            for method in ("PUT", "DELETE"):
                reply = await api.ask(method, f"{ROUTE}/{id_}/star")
                assert (reply.status, reply.json["code"]) == (404, "picture_not_found"), id_
        assert await ids_of(api) == ["t/0"]


class TestWhose:
    async def test_others_have_none(self, open_api: Open) -> None:
        """Neither by list, search, file, id nor star; an administrator has none either."""
        async with open_api(DANQING_API_KEYS=KEYS, DANQING_ADMIN_KEY="the-administrator-s-own-key") as api:
            shelf = Shelf(api.services.store, api.services.assets)
            await shelf.note("mine", owner="one", outputs=sized("mine", 8, 8, sha256=HASH), stars=(0,))
            await shelf.note(
                "theirs", owner="two", outputs=sized("theirs", 8, 8, sha256=HASH), stars=(0,), minutes=1
            )
            await shelf.note("nobodys", minutes=2)
            for headers, own in ((ONE, ["mine/0"]), (TWO, ["theirs/0"]), (ADMIN, [])):
                for query in ("", "?q=cat", f"?sha256={HASH}", "?starred=true", "?user_id=u1", "?from=2026-11-01"):
                    assert await ids_of(api, query, headers=headers) == own
                assert await shown(api, "mine/0", "theirs/0", "nobodys/0", headers=headers) == own
            for method, path in (("PUT", "/star"), ("DELETE", "/star"), ("DELETE", "")):
                theirs = await api.ask(method, f"{ROUTE}/theirs/0{path}", headers=ONE)
                nobodys = await api.ask(method, f"{ROUTE}/absent/0{path}", headers=ONE)
                assert (theirs.status, theirs.json["code"]) == (nobodys.status, nobodys.json["code"])
                assert theirs.status == 404
            zipped = await api.ask("POST", f"{ROUTE}/zip", json={"ids": ["theirs/0"]}, headers=ONE)
            assert zipped.status == 404
            assert await ids_of(api, "?starred=true", headers=TWO) == ["theirs/0"]

    async def test_without_a_key(self, open_api: Open) -> None:
        """401, for each of them."""
        async with open_api(DANQING_API_KEYS=KEYS) as api:
            for method, path in (
                ("GET", ""),
                ("GET", "/index"),
                ("PUT", "/t/0/star"),
                ("DELETE", "/t/0"),
                ("POST", "/zip"),
            ):
                assert (await api.ask(method, f"{ROUTE}{path}")).status == 401


class TestMany:
    async def test_an_index_of_thousands(self, api: Client, shelf: Shelf) -> None:
        """Few bytes, in pieces of a second; the next hundred come at once, from anywhere."""
        begin, chance = "volcengine_img_019ab3f2", random.Random(1)
        await shelf.fill(MANY, lambda number: f"{begin}{chance.getrandbits(48):012x}{number:08x}")
        ids: list[str] = []
        packed_bytes, cursor = 0, ""
        while cursor is not None:
            url = f"{api.base}{ROUTE}/index{cursor and f'?cursor={cursor}'}"
            async with api.session.get(url, headers={"Accept-Encoding": "gzip"}) as answer:
                assert (answer.status, answer.headers["Content-Encoding"]) == (200, "gzip")
                body = await answer.read()
            page = orjson.loads(body)["data"]
            packed_bytes += len(gzip.compress(body, 5))
            ids += page["ids"]
            cursor = page["next_cursor"]
        assert len(set(ids)) == len(ids) == MANY
        assert [id_.rpartition("/")[0][-8:] for id_ in ids[::4_000]] == [f"{n:08x}" for n in range(0, MANY, 4_000)]
        assert packed_bytes <= LARGEST_INDEX_BYTES
        assert await shown(api, *ids[14_600:14_700]) == ids[14_600:14_700]
        found = (await api.ask("GET", f"{ROUTE}?q=picture+424")).json["data"]
        assert found["pictures"][0]["prompt"] == "picture 424"
