"""A repeat finds the task of the request it repeats, and nothing else does: by what the service was paid for."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

import attrs
import pytest

from danqing_plugins import Unavailable
from danqing_server.errors import StoreUnavailable
from danqing_server.records.tasks import Status
from danqing_server.store.visits import Asked, VisitRecord, VisitState, VisitStore
from tests.integration.api.conftest import Client, Reply
from tests.integration.api.test_keys import administer, bearer, make_key, roster_of
from tests.integration.doors.openai.conftest import OpenDoor, Studio, library
from tests.support.system import until

PATH = "/v1/images/generations"
WISH = {"prompt": "a fox", "model": "gpt-image-1"}
ADMIN_KEY = "9" * 20
MARKED = {"x-stainless-retry-count": "1"}


class SlowNotes(VisitStore):
    """A database that is slow to write down who left."""

    async def note(self, visit_id: str, state: VisitState, until: datetime) -> None:
        """Take half a second for it."""
        if state is VisitState.LOST:
            await asyncio.sleep(0.5)
        await super().note(visit_id, state, until)


@attrs.define(eq=False)
class SlowLooks(VisitStore):
    """A database that does not say who came before until it may."""

    gate: asyncio.Event = attrs.field(factory=asyncio.Event)
    begun: int = 0

    async def find(self, digest: str) -> Asked:
        """Wait."""
        self.begun += 1
        await self.gate.wait()
        return await super().find(digest)


@attrs.define(eq=False)
class SlowEntries(VisitStore):
    """A database that is slow to write down who came."""

    begun: int = 0

    async def enter(self, digest: str, visit: VisitRecord) -> None:
        """Take half a second for it."""
        self.begun += 1
        await asyncio.sleep(0.5)
        await super().enter(digest, visit)


class NoWayBack(VisitStore):
    """A database that is away when a redirected client comes back, and not for long."""

    async def come_back(self, visit_id: str, holder: str | None, until: datetime) -> tuple[str, VisitRecord] | None:
        """Fail."""
        raise StoreUnavailable("away")


def ask(door: Client, headers: dict[str, str] | None = None, **more: Any) -> asyncio.Task[Reply]:
    """Send the request, and go on."""
    return asyncio.create_task(door.ask("POST", PATH, json={**WISH, **more}, headers=headers))


def led_to(reply: Reply, path: str = PATH) -> str:
    """Return where a redirect from *path* leads."""
    return urljoin(path, reply.headers["Location"])


async def bought(studio: Studio, count: int) -> None:
    """Wait until that many pictures are being painted."""
    await until(lambda: studio.bought >= count, what=f"{count} purchases")


async def states(door: Client) -> list[str]:
    """Return how the visits stand, the oldest first."""
    database = door.services.store.database
    found = await database["danqing_visits"].find().to_list(None)
    return [visit["state"] for each in found for visit in each["visits"]]


async def stands(door: Client, *expected: str) -> None:
    """Wait until the visits stand so."""

    async def look() -> bool:
        return await states(door) == list(expected)

    await until(look, what=f"visits {expected}")


async def cut(request: asyncio.Task[Reply]) -> None:
    """Break the connection of a request."""
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request


@pytest.fixture
async def lost(door: Client, studio: Studio) -> None:
    """A request whose client left while its picture is painted."""
    studio.gate.clear()
    request = ask(door)
    await bought(studio, 1)
    await cut(request)
    await stands(door, "lost")


@pytest.mark.usefixtures("lost")
class TestClientThatLeft:
    async def test_same_request_joins(self, door: Client, studio: Studio) -> None:
        """Without any mark: the Vercel AI SDK and Ark's send none."""
        repeat = ask(door)
        studio.gate.set()
        assert (await repeat).status == 200
        assert studio.bought == 1

    @pytest.mark.parametrize("is_chunked", [False, True])
    async def test_one_that_sent_much_is_known_to_have_left(
        self, door: Client, studio: Studio, *, is_chunked: bool
    ) -> None:
        """The last piece of its body was large, so that nobody looked at its connection any more."""
        body = json.dumps({**WISH, "prompt": "another fox"}).encode() + b" " * 100_000
        framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(body)}"
        head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
        sent = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if is_chunked else body
        with socket.create_connection(("127.0.0.1", door.port)) as client:
            client.sendall(head.encode() + sent)  # before the server comes to read any of it
            await bought(studio, 2)
        await stands(door, "lost", "lost")

    async def test_picture_that_is_there_comes_at_once(self, door: Client, studio: Studio) -> None:
        """The task went on when its client left."""
        studio.gate.set()
        await until(lambda: len(studio.bodies) == 1)
        reply = await ask(door)
        assert reply.status == 200
        assert studio.bought == 1

    async def test_only_one_takes_its_place(self, door: Client, studio: Studio) -> None:
        """The second who asks the same wants a second picture."""
        repeats = [ask(door), ask(door)]
        await bought(studio, 2)
        studio.gate.set()
        one, other = await asyncio.gather(*repeats)
        assert one.headers["X-Danqing-Task"] != other.headers["X-Danqing-Task"]
        assert studio.bought == 2

    async def test_repeat_that_leaves_is_repeated(self, door: Client, studio: Studio) -> None:
        """The third try of a library finds what its first began."""
        await stands(door, "lost")
        second = ask(door)
        await stands(door, "open")
        await cut(second)
        await stands(door, "lost")
        third = ask(door)
        studio.gate.set()
        assert (await third).status == 200
        assert studio.bought == 1

    @pytest.mark.parametrize("other", [{"prompt": "a cat"}, {"size": "512x512"}, {"made_up": 1}, {"model": "one"}])
    async def test_another_request_does_not(self, door: Client, studio: Studio, other: dict[str, Any]) -> None:
        """Whatever in its body differs."""
        request = ask(door, **other)
        await bought(studio, 2)
        studio.gate.set()
        assert (await request).status == 200

    async def test_null_is_absence(self, door: Client, studio: Studio) -> None:
        """A client that spells it out asks for the same."""
        request = ask(door, n=None)
        studio.gate.set()
        assert (await request).status == 200
        assert studio.bought == 1

    async def test_its_failure_is_told_and_bought_again_when_asked_again(
        self, door: Client, studio: Studio
    ) -> None:
        """The repeat learns what became of the first; who asks then wants a new one."""
        (task_id,) = await _task_ids(door)
        await door.ask("POST", f"/api/v1/tasks/{task_id}/cancel")
        studio.gate.set()
        told = await ask(door)
        assert (told.status, told.json["error"]["code"]) == (400, "cancelled")
        assert (await ask(door)).status == 200

    async def test_deleted_task_makes_place_for_another(self, door: Client, studio: Studio) -> None:
        """Who deleted it did not mean to forbid the next."""
        (task_id,) = await _task_ids(door)
        await door.ask("DELETE", f"/api/v1/tasks/{task_id}")
        studio.gate.set()
        assert (await ask(door)).status == 200


class TestClientThatAsksAgainAtOnce:
    """Within moments of its hanging up: the note that says so is not written yet."""

    async def test_joins_while_the_note_is_written(self, door: Client, studio: Studio) -> None:
        """However slow the database is: the process that lost it knows."""
        studio.gate.clear()
        visits = door.services.visits
        visits.store = SlowNotes(visits.store.database)
        first = ask(door)
        await bought(studio, 1)
        await cut(first)
        repeat = ask(door)
        await stands(door, "open")
        studio.gate.set()
        assert (await repeat).status == 200
        await visits.drain()
        await stands(door)
        assert studio.bought == 1

    async def test_joins_one_that_is_still_being_written_down(self, door: Client, studio: Studio) -> None:
        """It left before anybody but the process had heard of it."""
        visits = door.services.visits
        visits.store = slow = SlowEntries(visits.store.database)
        first = ask(door)
        await until(lambda: slow.begun == 1, what="the first being written down")
        await cut(first)
        assert (await ask(door)).status == 200
        await visits.drain()
        await stands(door)
        assert studio.bought == 1

    @pytest.mark.parametrize("count", [1, 2])
    async def test_who_left_at_once_is_in_nobodys_way(self, door: Client, studio: Studio, count: int) -> None:
        """Before it was even looked who came before: its repeat is answered, and the process can stop."""
        visits = door.services.visits
        visits.store = slow = SlowLooks(visits.store.database)
        first = [ask(door) for _ in range(count)]
        await until(lambda: slow.begun == count, what="all being looked for")
        for each in first:
            await cut(each)
        await until(lambda: not door.server.connections, what="the server to have noticed")
        slow.gate.set()
        assert (await asyncio.wait_for(ask(door), 10)).status == 200
        await asyncio.wait_for(visits.drain(), 10)
        assert studio.bought == 1

    async def test_one_repeat_takes_its_place(self, door: Client, studio: Studio) -> None:
        """Of two that come at once, the other wants a picture of its own."""
        studio.gate.clear()
        visits = door.services.visits
        visits.store = SlowNotes(visits.store.database)
        first = ask(door)
        await bought(studio, 1)
        await cut(first)
        repeats = [ask(door), ask(door)]
        await bought(studio, 2)
        studio.gate.set()
        one, other = await asyncio.gather(*repeats)
        assert one.headers["X-Danqing-Task"] != other.headers["X-Danqing-Task"]
        assert studio.bought == 2


class TestClientThatWaits:
    async def test_identical_requests_at_once_are_as_many(self, door: Client, studio: Studio) -> None:
        """So the Vercel AI SDK asks for n pictures."""
        replies = await asyncio.gather(*(ask(door) for _ in range(4)))
        assert [reply.status for reply in replies] == [200] * 4
        assert len({reply.headers["X-Danqing-Task"] for reply in replies}) == 4
        assert studio.bought == 4
        await stands(door)

    async def test_asking_twice_buys_two(self, door: Client, studio: Studio) -> None:
        """An answered request is never joined, marked or not."""
        assert (await ask(door)).status == 200
        assert (await ask(door)).status == 200
        assert (await ask(door, MARKED)).status == 200
        assert studio.bought == 3

    async def test_marked_repeat_joins_though_the_first_seems_to_wait(self, door: Client, studio: Studio) -> None:
        """A proxy that went away does not always say so."""
        studio.gate.clear()
        first = ask(door)
        await bought(studio, 1)
        repeat = ask(door, MARKED)
        await stands(door, "open")
        studio.gate.set()
        assert (await repeat).status == 200
        await first
        assert studio.bought == 1

    async def test_repeat_of_a_refused_one_is_new(self, open_door: OpenDoor, studio: Studio) -> None:
        """It says that it repeats, but not what: a neighbour that still waits keeps its picture for itself."""
        studio.gate.clear()
        async with open_door(DANQING_MAX_BODY_BYTES_IN_FLIGHT="100000") as door:
            first = ask(door)
            await bought(studio, 1)
            digest = (await door.services.store.database["danqing_visits"].find_one())["_id"]
            refused = await door.services.visits.enter(digest, marked=False, within_s=1)
            await door.services.visits.refuse(refused, 1.0)
            repeat = ask(door, MARKED)
            await bought(studio, 2)
            studio.gate.set()
            assert (await first).headers["X-Danqing-Task"] != (await repeat).headers["X-Danqing-Task"]

    async def test_repeat_of_one_that_was_refused_unread_is_new(self, open_door: OpenDoor, studio: Studio) -> None:
        """As of one that was read: two want a picture each, and one of them had to wait for its turn to ask."""
        studio.gate.clear()
        async with open_door(DANQING_ADMIN_KEY=ADMIN_KEY) as door:
            limits = {"limits": {"requests_per_minute": 1}}
            key, secret = await make_key(door, **limits)
            first = ask(door, bearer(secret))
            await bought(studio, 1)
            refused = await ask(door, {**bearer(secret), "x-stainless-retry-count": "0"})
            assert (refused.status, refused.headers["x-should-retry"]) == (429, "true")
            await administer(door, "PUT", f"/keys/{key}", limits={})
            await roster_of(door).refresh()
            repeat = ask(door, {**bearer(secret), **MARKED})
            await bought(studio, 2)
            late = ask(door, {**bearer(secret), **MARKED})
            studio.gate.set()
            tasks = [(await each).headers["X-Danqing-Task"] for each in (first, repeat, late)]
            assert (len({*tasks}), studio.bought) == (2, 2)

    async def test_other_keys_requests_are_others(self, open_door: OpenDoor, studio: Studio) -> None:
        """What one project left waits for that project alone."""
        studio.gate.clear()
        async with open_door(DANQING_API_KEYS="a:aaaaaaaaaaaaaaaa,b:bbbbbbbbbbbbbbbb") as door:
            first = ask(door, {"Authorization": "Bearer aaaaaaaaaaaaaaaa"})
            await bought(studio, 1)
            await cut(first)
            await stands(door, "lost")
            other = ask(door, {"Authorization": "Bearer bbbbbbbbbbbbbbbb", **MARKED})
            await bought(studio, 2)
            studio.gate.set()
            assert (await other).status == 200


class TestIdempotencyKey:
    async def test_decides_by_itself(self, door: Client, studio: Studio) -> None:
        """For as long as keys are remembered, whatever became of the first answer."""
        replies = [await ask(door, {"Idempotency-Key": "k1"}) for _ in range(2)]
        assert [reply.status for reply in replies] == [200, 200]
        assert replies[0].body == replies[1].body
        assert studio.bought == 1

    async def test_a_failure_is_not_asked_for_again(self, open_door: OpenDoor, studio: Studio) -> None:
        """Whoever repeats it with its key is told the same: a library would wait in vain for another outcome."""
        studio.failing = Unavailable("not now")
        async with open_door(DANQING_MAX_ATTEMPTS="1") as door:
            failed = [await ask(door, {"Idempotency-Key": "k1"}) for _ in range(2)]
            assert {(each.status, each.headers["x-should-retry"]) for each in failed} == {(502, "false")}
            assert (await ask(door)).headers["x-should-retry"] == "true"

    async def test_reuse_for_another_request_is_no_conflict(self, door: Client) -> None:
        """409 would be repeated by their libraries."""
        await ask(door, {"Idempotency-Key": "k1"})
        reply = await ask(door, {"Idempotency-Key": "k1"}, prompt="a cat")
        assert (reply.status, reply.json["error"]["code"]) == (422, "idempotency_key_reused")


class TestRedirects:
    async def test_library_follows_them_to_the_picture(self, open_door: OpenDoor, studio: Studio) -> None:
        """A long picture over several hops, with the key on each; one purchase, nobody noted as left."""
        studio.gate.clear()
        keys = {"DANQING_API_KEYS": "a:aaaaaaaaaaaaaaaa"}
        async with open_door(DANQING_SYNC_WAIT="0.2", **keys) as door:
            async with library(door, api_key="aaaaaaaaaaaaaaaa") as client:
                call = asyncio.create_task(client.images.generate(model="gpt-image-1", prompt="a fox"))
                await bought(studio, 1)
                await asyncio.sleep(0.7)
                studio.gate.set()
                made = await call
            assert made.data is not None
            assert studio.bought == 1
            await stands(door)

    async def test_last_says_to_ask_again_and_the_repeat_joins(self, open_door: OpenDoor, studio: Studio) -> None:
        """Nine hops are followed by every client; then the joining rule goes on."""
        studio.gate.clear()
        async with open_door(DANQING_SYNC_WAIT="0.01") as door:
            reply = await ask(door)
            assert (reply.status, reply.headers["x-should-retry"]) == (504, "true")
            assert reply.json["error"]["code"] == "still_running"
            studio.gate.set()
            await until(lambda: len(studio.bodies) == 1)
            assert (await ask(door)).status == 200
            assert studio.bought == 1

    async def test_repeat_finds_it_however_slow_the_database_is(self, open_door: OpenDoor, studio: Studio) -> None:
        """Who is told to ask again does so at once: that it may is written down before it is told."""
        studio.gate.clear()
        async with open_door(DANQING_SYNC_WAIT="0.01") as door:
            visits = door.services.visits
            visits.store = SlowNotes(visits.store.database)
            assert (await ask(door)).status == 504
            studio.gate.set()
            assert (await ask(door)).status == 200
            assert studio.bought == 1

    async def test_client_that_follows_none_is_sold_no_second_one(
        self, open_door: OpenDoor, studio: Studio
    ) -> None:
        """n8n takes a redirect for a failure, and asks again after a second (`retry on fail`)."""
        studio.gate.clear()
        async with open_door(DANQING_SYNC_WAIT="0.05") as door:
            door.services.visits.away_for_s = 0.5
            replies = [await door.ask("POST", PATH, json=WISH, allow_redirects=False) for _ in range(3)]
            assert [reply.status for reply in replies] == [303, 303, 303]
            assert "Follow the redirect" in replies[0].body.decode()  # else a library says "Error code: 303" alone
            studio.gate.set()
            assert (await ask(door)).status == 200
            assert len({reply.headers["X-Danqing-Task"] for reply in replies}) == 1
            assert studio.bought == 1

    async def test_hop_that_fails_is_repeated_from_the_beginning(self, open_door: OpenDoor, studio: Studio) -> None:
        """A library that sends no mark knows of one request alone, which it sends again within the second."""
        studio.gate.clear()
        async with open_door(DANQING_SYNC_WAIT="0.05") as door:
            visits = door.services.visits
            reply = await door.ask("POST", PATH, json=WISH, allow_redirects=False)
            kept, visits.store = visits.store, NoWayBack(visits.store.database)
            assert (await door.ask("GET", led_to(reply))).status == 503
            visits.store = kept
            repeat = ask(door)
            studio.gate.set()
            assert (await repeat).status == 200
            assert studio.bought == 1

    async def test_chain(self, open_door: OpenDoor, studio: Studio) -> None:
        """Where it leads, by hand: the address counts, keeps the form, takes POST, and tells the true status."""
        studio.gate.clear()
        async with open_door(DANQING_SYNC_WAIT="0.05") as door:
            plain = {"allow_redirects": False}
            wish = {**WISH, "response_format": "url"}
            reply = await door.ask("POST", PATH, json=wish, **plain)
            assert (reply.status, reply.headers["Cache-Control"]) == (303, "no-store")
            task_id = reply.headers["X-Danqing-Task"]
            assert led_to(reply).startswith(f"/v1/images/wait/{task_id}?i=1&")
            await stands(door, "away")
            second = await door.ask("POST", led_to(reply), **plain)
            assert led_to(second, led_to(reply)).startswith(f"/v1/images/wait/{task_id}?i=2&")
            studio.gate.set()
            last = await door.ask(
                "GET", led_to(second, led_to(reply)), headers={"Content-Type": "application/json"}
            )
            assert (last.status, set(last.json["data"][0])) == (200, {"url"})
            await stands(door)

    async def test_hop_that_announces_a_body_is_no_error(
        self, open_door: OpenDoor, studio: Studio, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """LiteLLM's transport says of its second GET that it has one, and sends an empty one."""

        async def nothing() -> AsyncIterator[bytes]:
            for _ in range(0):
                yield b""

        studio.gate.clear()
        monkeypatch.setattr(logging.getLogger("sanic.error"), "propagate", True)
        async with open_door(DANQING_SYNC_WAIT="0.05") as door:
            reply = await door.ask("POST", PATH, json=WISH, allow_redirects=False)
            studio.gate.set()
            assert (await door.ask("GET", led_to(reply), data=nothing())).status == 200
        assert "not consumed" not in caplog.text

    async def test_client_that_leaves_on_the_way_is_found(self, open_door: OpenDoor, studio: Studio) -> None:
        """A connection cut at a later hop is a client that left."""
        studio.gate.clear()
        async with open_door(DANQING_SYNC_WAIT="1") as door:
            reply = await door.ask("POST", PATH, json=WISH, allow_redirects=False)
            hop = asyncio.create_task(door.ask("GET", led_to(reply)))
            await stands(door, "open")
            await cut(hop)
            await stands(door, "lost")
            repeat = ask(door)
            studio.gate.set()
            assert (await repeat).status == 200
            assert studio.bought == 1

    @pytest.mark.parametrize("query", ["i=0", "i=10", "i=x", "i=-1", f"i={'9' * 5000}"])
    async def test_no_count_of_ours(self, door: Client, query: str) -> None:
        """Nobody waits for ever by counting for himself."""
        reply = await door.ask("GET", f"/v1/images/wait/scripted_img_x?{query}")
        assert reply.status == 400

    async def test_hops_are_no_requests_of_their_own(self, open_door: OpenDoor, studio: Studio) -> None:
        """Who may ask once a minute may wait for what was asked, over as many redirects as it takes."""
        admin = {"Authorization": f"Bearer {ADMIN_KEY}"}
        studio.gate.clear()
        async with open_door(DANQING_SYNC_WAIT="1", DANQING_ADMIN_KEY=ADMIN_KEY) as door:
            await door.ask("POST", "/api/v1/projects", json={"name": "shop"}, headers=admin)
            wanted = {"project": "shop", "name": "k", "limits": {"requests_per_minute": 1}}
            made = await door.ask("POST", "/api/v1/keys", json=wanted, headers=admin)
            key = {"Authorization": f"Bearer {made.json['data']['secret']}"}
            reply = await door.ask("POST", PATH, json=WISH, headers=key, allow_redirects=False)
            hop = led_to(reply)
            reply = await door.ask("GET", hop, headers=key, allow_redirects=False)
            assert reply.status == 303
            assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
            studio.gate.set()
            assert (await door.ask("POST", led_to(reply, hop), headers=key)).status == 200
            assert (await ask(door, key)).status == 429

    async def test_others_tasks_are_not_there(self, open_door: OpenDoor) -> None:
        """404, as for one that never was."""
        async with open_door(DANQING_API_KEYS="a:aaaaaaaaaaaaaaaa,b:bbbbbbbbbbbbbbbb") as door:
            made = await ask(door, {"Authorization": "Bearer aaaaaaaaaaaaaaaa"})
            path = f"/v1/images/wait/{made.headers['X-Danqing-Task']}?i=1"
            reply = await door.ask("GET", path, headers={"Authorization": "Bearer bbbbbbbbbbbbbbbb"})
            assert (reply.status, reply.json["error"]["code"]) == (404, "task_not_found")


async def _task_ids(door: Client) -> list[str]:
    tasks = await door.services.store.database["danqing_tasks"].find().to_list(None)
    assert all(task["status"] == Status.PROCESSING for task in tasks)
    return [task["_id"] for task in tasks]
