"""Projects and keys that are stored: made, limited, rotated, expired, revoked, while everything runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from multidict import CIMultiDict

from danqing_server.access.key_format import CLIENT, new_secret
from danqing_server.access.roster import Roster
from danqing_server.clock import Clock
from danqing_server.records.tenancy import Limits
from danqing_server.store.api_keys import COLLECTION, ApiKeyStore
from danqing_server.store.projects import ProjectStore
from tests.integration.api.conftest import Client, Reply

Open = Callable[..., Any]

ADMIN_KEY = "9" * 20
ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}
SETTINGS = {"DANQING_ADMIN_KEY": ADMIN_KEY}
ENGLISH = {"Accept-Language": "en"}
BODY = {"prompt": "a", "user_id": "u"}
NAMED = {**SETTINGS, "DANQING_API_KEYS": f"old:{'1' * 16}"}
PATH = "/api/v1/ai/image/task"


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def administer(api: Client, method: str, path: str, **body: Any) -> Any:
    """Return `data` of an answer to an administrator, which has to be a success."""
    reply = await api.ask(method, f"/api/v1{path}", json=body if method != "GET" else None, headers=ADMIN)
    assert reply.status in (200, 201), reply.body
    return reply.json["data"]


async def make_key(api: Client, project: str = "shop", **fields: Any) -> tuple[str, str]:
    """Make a project, if there is none yet, and a key of it; return the key's id and secret."""
    await api.ask("POST", "/api/v1/projects", json={"name": project}, headers=ADMIN)
    made = await administer(api, "POST", "/keys", project=project, name="k", **fields)
    return made["key"]["id"], made["secret"]


async def submit(api: Client, secret: str, **headers: str) -> Reply:
    return await api.ask("POST", PATH, json=BODY, headers={**bearer(secret), **headers})


def roster_of(api: Client) -> Roster:
    roster = api.services.gatekeeper.roster
    assert roster is not None
    return roster


class TestLife:
    async def test_key_works_from_its_making_to_its_revocation(self, open_api: Open) -> None:
        """With codes of their own for what is not a slip of the finger."""
        async with open_api(**SETTINGS) as api:
            key, secret = await make_key(api)
            task = (await submit(api, secret)).json["data"]["task_id"]
            assert (await api.ask("GET", f"/api/v1/tasks/{task}", headers=bearer(secret))).status == 200
            await administer(api, "POST", f"/keys/{key}/revoke")
            refused = await submit(api, secret)
            assert (refused.status, refused.json["code"]) == (401, "api_key_revoked")
            assert (await submit(api, new_secret(CLIENT))).json["code"] == "invalid_api_key"
            assert (await submit(api, f"{secret}x")).json["code"] == "invalid_api_key"
            assert (await administer(api, "POST", f"/keys/{key}/revoke"))["state"] == "revoked"
            again = await api.ask("POST", f"/api/v1/keys/{key}/rotate", headers=ADMIN)
            assert (again.status, again.json["code"]) == (409, "key_revoked")

    async def test_rotated_key_stays_itself(self, open_api: Open) -> None:
        """Both secrets are good until the time of the old one is over; tasks and id are the same."""
        async with open_api(**SETTINGS) as api:
            key, old = await make_key(api)
            task = (await submit(api, old)).json["data"]["task_id"]
            made = await administer(api, "POST", f"/keys/{key}/rotate")
            new = made["secret"]
            assert made["key"]["id"] == key
            assert [each["good_until"] is None for each in made["key"]["secrets"]] == [True, False]
            for secret in (old, new):
                assert (await api.ask("GET", f"/api/v1/tasks/{task}", headers=bearer(secret))).status == 200
            ended = await administer(api, "POST", f"/keys/{key}/rotate?grace_s=0")
            assert [(await submit(api, secret)).status for secret in (old, new, ended["secret"])] == [401, 401, 201]
            assert (await submit(api, new)).json["code"] == "api_key_expired"
            wrong = await api.ask("POST", f"/api/v1/keys/{key}/rotate?grace_s=-1", headers=ADMIN)
            assert (wrong.status, wrong.json["details"][0]["field"]) == (400, "grace_s")

    async def test_key_and_project_end_when_they_are_told_to(self, open_api: Open) -> None:
        """By the limits of either."""
        async with open_api(**SETTINGS) as api:
            key, secret = await make_key(api, limits={"expires_at": "2999-01-01T08:00:00+08:00"})
            assert (await administer(api, "GET", f"/keys/{key}"))["limits"]["expires_at"] == "2999-01-01T00:00:00Z"
            assert (await submit(api, secret)).status == 201
            await administer(api, "PUT", "/projects/shop", limits={"expires_at": "2020-01-01T00:00:00Z"})
            assert (await submit(api, secret)).json["code"] == "api_key_expired"
            await administer(api, "PUT", "/projects/shop", limits={})
            assert (await submit(api, secret)).status == 201
            await administer(api, "PUT", f"/keys/{key}", limits={"expires_at": "2020-01-01T00:00:00Z"})
            assert (await submit(api, secret)).json["code"] == "api_key_expired"
            assert (await administer(api, "GET", f"/keys/{key}"))["state"] == "expired"

    async def test_archived_project_refuses_and_keeps(self, open_api: Open) -> None:
        """Until it is opened again."""
        async with open_api(**SETTINGS) as api:
            _, secret = await make_key(api)
            task = (await submit(api, secret)).json["data"]["task_id"]
            await administer(api, "POST", "/projects/shop/archive")
            refused = await submit(api, secret)
            assert (refused.status, refused.json["code"]) == (403, "project_archived")
            await administer(api, "POST", "/projects/shop/restore")
            assert (await api.ask("GET", f"/api/v1/tasks/{task}", headers=bearer(secret))).status == 200

    async def test_scopes_are_held_to(self, open_api: Open) -> None:
        """And change while the key is in use; the two that exclude each other do."""
        async with open_api(**SETTINGS) as api:
            key, secret = await make_key(api, scopes=["read"])
            assert (await submit(api, secret)).json["code"] == "scope_missing"
            assert (await api.ask("GET", "/api/v1/tasks/user/u", headers=bearer(secret))).status == 200
            assert (await api.ask("GET", "/api/v1/keys", headers=bearer(secret))).status == 403
            await administer(api, "PUT", f"/keys/{key}", scopes=["generate"])
            assert (await submit(api, secret)).status == 201
            assert (await api.ask("GET", "/api/v1/tasks/user/u", headers=bearer(secret))).status == 403
            both = {"name": "k", "project": "shop", "scopes": ["admin", "generate"]}
            refused = await api.ask("POST", "/api/v1/keys", json=both, headers=ADMIN)
            assert (refused.status, refused.json["details"][0]["code"]) == (400, "admin_apart")

    async def test_stored_administrator_can_do_what_the_first_one_can(self, open_api: Open) -> None:
        """Made without a project, it manages, and makes nothing."""
        async with open_api(**SETTINGS) as api:
            made = await administer(api, "POST", "/keys", name="ops")
            assert made["secret"].startswith("dq_admin_")
            assert (await api.ask("GET", "/api/v1/projects", headers=bearer(made["secret"]))).status == 200
            assert (await submit(api, made["secret"])).status == 403

    async def test_first_key_ends_the_open_house(self, open_api: Open) -> None:
        """And no revocation opens it again."""
        async with open_api() as api:
            assert (await api.ask("POST", PATH, json=BODY)).status == 201
            made = await api.ask("POST", "/api/v1/keys", json={"name": "ops"})
            admin = bearer(made.json["data"]["secret"])
            assert (await api.ask("POST", PATH, json=BODY)).status == 401
            key = made.json["data"]["key"]["id"]
            assert (await api.ask("POST", f"/api/v1/keys/{key}/revoke", headers=admin)).status == 200
            await roster_of(api).refresh()
            assert (await api.ask("POST", PATH, json=BODY)).status == 401


class TestProjectOfSettings:
    async def test_record_of_that_id_limits_it_and_its_new_keys_see_its_tasks(self, open_api: Open) -> None:
        """So one moves from settings to stored keys without losing anything."""
        async with open_api(**NAMED) as api:
            task = (await submit(api, "1" * 16)).json["data"]["task_id"]
            await administer(api, "POST", "/projects", name="The old shop", id="old")
            _, secret = await make_key(api, project="old")
            assert (await api.ask("GET", f"/api/v1/tasks/{task}", headers=bearer(secret))).status == 200
            await administer(api, "PUT", "/projects/old", limits={"requests_per_minute": 0})
            assert (await submit(api, "1" * 16)).json["code"] == "too_many_requests"
            await administer(api, "POST", "/projects/old/archive")
            assert (await submit(api, "1" * 16)).json["code"] == "project_archived"

    async def test_made_id_is_no_name_of_settings(self, open_api: Open) -> None:
        """Nor is an id taken that looks like one that is made."""
        async with open_api(**NAMED) as api:
            made = await administer(api, "POST", "/projects", name="shop")
            for id_ in (made["id"], "a b", "(local)", "x" * 65):
                body = {"name": "other", "id": id_}
                assert (await api.ask("POST", "/api/v1/projects", json=body, headers=ADMIN)).status == 400
            taken = await api.ask("POST", "/api/v1/projects", json={"name": "shop"}, headers=ADMIN)
            assert (taken.status, taken.json["code"]) == (409, "project_taken")


class TestLimits:
    async def test_requests_per_minute_of_key_and_project(self, open_api: Open) -> None:
        """Of what asks for something to be made; who waits may ask on. 64 at once pass no more than allowed."""
        async with open_api(**SETTINGS) as api:
            _, secret = await make_key(api, limits={"requests_per_minute": 5})
            replies = await asyncio.gather(*(submit(api, secret) for _ in range(64)))
            assert sorted(reply.status for reply in replies) == [201] * 5 + [429] * 59
            refused = next(reply for reply in replies if reply.status == 429)
            assert (refused.json["code"], refused.json["retryable"]) == ("too_many_requests", True)
            assert 1 <= int(refused.headers["Retry-After"]) <= 120
            assert "`key`" in refused.json["message"]
            assert (await api.ask("GET", "/api/v1/tasks/user/u", headers=bearer(secret))).status == 200
            await administer(api, "PUT", "/projects/shop", limits={"requests_per_minute": 3})
            _, other = await make_key(api)
            replies = [await submit(api, other) for _ in range(5)]
            assert [reply.status for reply in replies] == [201] * 3 + [429] * 2
            assert "`project`" in replies[-1].json["message"]

    async def test_what_one_limit_refuses_uses_up_nothing_of_the_other(self, open_api: Open) -> None:
        """A key that hammers on takes its own share of its project's minute, and keeps it while others have all."""
        async with open_api(**SETTINGS) as api:
            _, greedy = await make_key(api, limits={"requests_per_minute": 2})
            _, other = await make_key(api)
            await administer(api, "PUT", "/projects/shop", limits={"requests_per_minute": 6})
            hammered = await asyncio.gather(*(submit(api, greedy) for _ in range(20)))
            assert sorted(reply.status for reply in hammered) == [201] * 2 + [429] * 18
            assert [(await submit(api, other)).status for _ in range(5)] == [201] * 4 + [429]
            _, patient = await make_key(api, limits={"requests_per_minute": 2})
            assert {(await submit(api, patient)).status for _ in range(4)} == {429}
            await administer(api, "PUT", "/projects/shop", limits={})
            assert [(await submit(api, patient)).status for _ in range(3)] == [201] * 2 + [429]

    async def test_a_crowd_is_counted_over_few_connections(self, open_api: Open) -> None:
        """One each, and the last of a crowd waited for one, and was answered 503 on a busy machine."""
        async with open_api(**SETTINGS) as api:
            requests, redis = api.services.requests, api.services.queue.connection.hot
            before = len(await redis.client_list())
            waits_s = await asyncio.gather(
                *(requests.count("key", "crowd", 5) for _ in range(64)),
                *(requests.count("key", "other", 64) for _ in range(64)),
            )
            assert len(await redis.client_list()) <= before + 2
        assert waits_s[:5] == [0.0] * 5
        assert all(0 < wait_s <= 120 for wait_s in waits_s[5:64])
        assert waits_s[64:] == [0.0] * 64

    async def test_addresses(self, open_api: Open) -> None:
        """What a near proxy says is believed, of the last hop alone."""
        async with open_api(**SETTINGS) as api:
            _, secret = await make_key(api, limits={"addresses": ["192.0.2.0/24", "2001:db8::1"]})
            assert (await submit(api, secret)).json["code"] == "address_not_allowed"
            seen = [
                (await submit(api, secret, **{"X-Forwarded-For": forwarded})).status
                for forwarded in ("192.0.2.7", "2001:db8::1", "2001:db8::2", "192.0.2.7, 198.51.100.1", "nonsense")
            ]
            assert seen == [201, 201, 403, 403, 403]
            seen = [
                (await submit(api, secret, **{"X-Forwarded-For": forwarded})).status
                for forwarded in ("198.51.100.1, 192.0.2.7:4711", "[2001:db8::1]:4711", "198.51.100.1:4711")
            ]
            assert seen == [201, 201, 403]  # as proxies say it that tell the port, too

    async def test_address_of_a_client_that_forwards_itself(self, open_api: Open) -> None:
        """A proxy may add a header of its own behind the client's: what the proxy says counts, for guesses too."""
        async with open_api(**SETTINGS) as api:
            _, secret = await make_key(api, limits={"addresses": ["192.0.2.0/24"]})
            ways = [("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-For", "198.51.100.1")]
            asked = [
                await api.ask("GET", "/api/v1/tasks", headers=CIMultiDict([*bearer(secret).items(), *each]))
                for each in (ways, ways[::-1])
            ]
            assert [reply.status for reply in asked] == [403, 200]

    async def test_limits_are_read_strictly_and_shown_as_they_were_said(self, open_api: Open) -> None:
        """Every mistake at once, each with its path."""
        said = {
            "models": ["doubao-*"],
            "spend_per_day": {"CNY": "100.00", "USD": "5.50"},
            "spend_per_month": None,
            "requests_per_minute": 60,
            "pictures_in_flight": 0,
            "waiting_tasks": None,
            "addresses": ["10.0.0.0/8"],
            "expires_at": None,
        }
        wrong = {
            "models": "doubao",
            "spend_per_day": {"yuan": "1"},
            "spend_per_month": {"CNY": 5},
            "requests_per_minute": -1,
            "pictures_in_flight": True,
            "addresses": ["10.0.0.0/33"],
            "expires_at": "2027-01-01T00:00:00",
            "rpm": 5,
        }
        async with open_api(**SETTINGS) as api:
            made = await administer(api, "POST", "/projects", name="shop", limits=said)
            assert made["limits"] == said
            body = {"name": "other", "limits": wrong}
            refused = await api.ask("POST", "/api/v1/projects", json=body, headers=ADMIN)
            named = {name for name in wrong if name != "spend_per_month"} | {"spend_per_month.CNY"}
            assert {each["field"] for each in refused.json["details"]} == {f"limits.{name}" for name in named}

    async def test_what_is_wrong_in_a_list_is_named(self, open_api: Open) -> None:
        """Of scopes, models, addresses and currencies."""
        limits = {"models": ["*", 5], "addresses": ["::1", "nowhere"], "spend_per_day": {"XYZ": "5"}}
        body = {"name": "other", "scopes": ["read", "write"], "limits": limits}
        async with open_api(**SETTINGS) as api:
            await administer(api, "POST", "/projects", name="shop")
            refused = await api.ask("POST", "/api/v1/keys", json={**body, "project": "shop"}, headers=ADMIN)
            told = {each["field"]: each["value"] for each in refused.json["details"]}
            assert told == {
                "scopes": "write",
                "limits.models": 5,
                "limits.addresses": "nowhere",
                "limits.spend_per_day": "XYZ",
            }

    async def test_keys_of_no_project_are_not_all_keys(self, open_api: Open) -> None:
        """A script whose variable is empty is told so."""
        async with open_api(**SETTINGS) as api:
            await make_key(api)
            refused = await api.ask("GET", "/api/v1/keys?project=", headers=ADMIN)
            assert (refused.status, [each["field"] for each in refused.json["details"]]) == (400, ["project"])
            assert len((await administer(api, "GET", "/keys?project=shop"))["keys"]) == 1

    async def test_what_is_no_currency_limits_nothing_and_is_refused(self, open_api: Open) -> None:
        """With the code that was meant: no price stands in `RMB`."""
        wrong = {"spend_per_day": {"RMB": "100"}, "spend_per_month": {"usd": "5", "XYZ": "5"}}
        async with open_api(**SETTINGS) as api:
            body = {"name": "shop", "limits": wrong}
            refused = await api.ask("POST", "/api/v1/projects", json=body, headers={**ADMIN, **ENGLISH})
            assert refused.status == 400
            told = sorted((each["field"], each["message"].rpartition("; ")[2]) for each in refused.json["details"])
            assert told == [
                ("limits.spend_per_day", "write `CNY`"),
                ("limits.spend_per_month", "write `USD`"),
                ("limits.spend_per_month", "write one of ISO 4217, such as CNY, USD, EUR"),
            ]


class TestRoster:
    async def test_another_process_hears_within_ten_seconds(self, open_api: Open) -> None:
        """Its next round does; until then it knows what it knew, and after nine seconds it asks."""
        async with open_api(**SETTINGS) as api:
            key, secret = await make_key(api)
            now = [0.0]
            database = api.services.store.database
            other = Roster(ApiKeyStore(database), ProjectStore(database), Clock(monotonic_s=lambda: now[0]))
            api.services.gatekeeper.roster, own = other, roster_of(api)
            assert (await submit(api, secret)).status == 201
            await api.services.administration.revoke_key("test", key)
            assert (await submit(api, secret)).status == 201
            await other.refresh()
            assert (await submit(api, secret)).status == 401
            api.services.gatekeeper.roster = own
            _, second = await make_key(api)
            api.services.gatekeeper.roster = other
            assert (await submit(api, second)).status == 201
            found = await api.services.administration.keys.list(None, limit=9)
            await api.services.administration.revoke_key("test", found[-1].id)
            now[0] = 9.5
            assert (await submit(api, second)).status == 401

    async def test_key_in_use_costs_mongodb_nothing(self, open_api: Open) -> None:
        """Nor do guesses without end: they have no right sum, or no try left."""
        async with open_api(**SETTINGS) as api:
            _, secret = await make_key(api)
            looks = _count_looks(roster_of(api))
            path = "/api/v1/tasks/user/u"
            for _ in range(20):
                assert (await api.ask("GET", path, headers=bearer(secret))).status == 200
            assert len(looks) == 1
            for _ in range(60):
                await api.ask("GET", path, headers=bearer("dq_key_" + "0" * 38))
            assert len(looks) == 1
            for _ in range(60):
                await api.ask("GET", path, headers=bearer(new_secret(CLIENT)))
            assert len(looks) == 1

    async def test_many_who_come_at_once_are_looked_up_once(self, open_api: Open) -> None:
        """By one look for all."""
        async with open_api(**SETTINGS) as api:
            _, secret = await make_key(api)
            looks = _count_looks(roster_of(api))
            path = "/api/v1/tasks/user/u"
            replies = await asyncio.gather(*(api.ask("GET", path, headers=bearer(secret)) for _ in range(30)))
            assert {reply.status for reply in replies} == {200}
            assert len(looks) == 1

    async def test_last_use_is_written_off_the_way(self, open_api: Open) -> None:
        """Once a minute at most."""
        async with open_api(**SETTINGS) as api:
            key, secret = await make_key(api)
            assert (await administer(api, "GET", f"/keys/{key}"))["last_used_at"] is None
            await submit(api, secret)
            await roster_of(api).refresh()
            first = (await administer(api, "GET", f"/keys/{key}"))["last_used_at"]
            assert first is not None
            store = api.services.administration.keys
            await store.note_use([key], api.services.clock.now() + timedelta(seconds=30))
            assert (await administer(api, "GET", f"/keys/{key}"))["last_used_at"] == first
            await store.note_use([key], api.services.clock.now() + timedelta(seconds=90))
            assert (await administer(api, "GET", f"/keys/{key}"))["last_used_at"] > first

    async def test_mongodb_that_is_away_lets_nobody_in_unseen(self, open_api: Open, own_mongod: Any) -> None:
        """503 for a key that was not seen yet; 401 is for those that are wrong."""
        async with open_api(**SETTINGS, MONGO_URL=own_mongod.url, DANQING_ROLE="api") as api:
            _, seen = await make_key(api)
            _, unseen = await make_key(api)
            assert (await submit(api, seen)).status == 201
            own_mongod.pause()
            try:
                path = "/api/v1/providers"
                assert (await api.ask("GET", path, headers=bearer(seen))).status == 200
                assert (await api.ask("GET", path, headers=bearer(unseen))).status == 503
                assert (await api.ask("GET", path, headers=ADMIN)).status == 200
            finally:
                own_mongod.resume()

    async def test_key_of_a_newer_release_is_read_for_what_is_known_of_it(self, open_api: Open) -> None:
        """A scope nobody here knows is none."""
        async with open_api(**SETTINGS) as api:
            key, secret = await make_key(api)
            keys = api.services.store.database[COLLECTION]
            await keys.update_one({"_id": key}, {"$set": {"scopes": ["read", "dream"], "mood": "new"}})
            assert (await api.ask("GET", "/api/v1/tasks/user/u", headers=bearer(secret))).status == 200
            assert (await submit(api, secret)).status == 403

    async def test_caller_carries_what_others_enforce(self, open_api: Open) -> None:
        """The limits of both, each for itself."""
        async with open_api(**SETTINGS) as api:
            key, secret = await make_key(api, limits={"waiting_tasks": 3})
            await administer(api, "PUT", "/projects/shop", limits={"spend_per_day": {"CNY": "1.5"}})
            caller = await api.services.gatekeeper.caller_of(secret, "here")
            assert (caller.key, dict(caller.limits)) == (
                key,
                {"project": Limits(spend_per_day_micro={"CNY": 1_500_000}), "key": Limits(waiting_tasks=3)},
            )


class TestSecrecy:
    async def test_secret_is_shown_once_and_stored_never(self, open_api: Open) -> None:
        """Neither in a record nor in the audit log; the digest is in none of the two either, where it is shown."""
        async with open_api(**SETTINGS) as api:
            key, secret = await make_key(api)
            await administer(api, "POST", f"/keys/{key}/rotate")
            database = api.services.store.database
            stored = [
                str(document)
                for name in (COLLECTION, "danqing_audit", "danqing_projects")
                for document in await database[name].find({}).to_list(None)
            ]
            assert not any(secret in text for text in stored)
            for path in (f"/keys/{key}", "/keys", "/audit"):
                reply = await api.ask("GET", f"/api/v1{path}", headers=ADMIN)
                assert secret.encode() not in reply.body
                assert b"digest" not in reply.body

    async def test_what_administrators_do_is_written_down(self, open_api: Open) -> None:
        """Who, when, what; newest first."""
        async with open_api(**SETTINGS) as api:
            key, _ = await make_key(api, limits={"waiting_tasks": 3})
            await administer(api, "PUT", f"/keys/{key}", name="till")
            await administer(api, "POST", f"/keys/{key}/rotate")
            await administer(api, "POST", f"/keys/{key}/revoke")
            entries = (await administer(api, "GET", "/audit"))["entries"]
            assert [each["action"] for each in entries] == [
                "key.revoked",
                "key.rotated",
                "key.updated",
                "key.created",
                "project.created",
            ]
            assert {each["actor"] for each in entries} == {"(admin)"}
            assert entries[2]["changed"] == {"name": "till"}
            assert entries[3]["changed"]["limits"] == {"waiting_tasks": 3}

    async def test_what_is_refused_is_not_written_down_as_done(self, open_api: Open) -> None:
        """No project is made, or renamed, under a name that another has; the log tells of none."""
        async with open_api(**SETTINGS) as api:
            for name in ("shop", "blog"):
                await administer(api, "POST", "/projects", name=name)
            asked = [
                ("POST", "/api/v1/projects", {"name": "shop"}),
                ("POST", "/api/v1/projects", {"name": "old shop", "id": "old"}),
                ("POST", "/api/v1/projects", {"name": "older shop", "id": "old"}),
                ("PUT", "/api/v1/projects/blog", {"name": "shop"}),
                ("PUT", "/api/v1/projects/blog", {"name": "blog"}),
            ]
            replies = [await api.ask(method, path, json=body, headers=ADMIN) for method, path, body in asked]
            assert [reply.status for reply in replies] == [409, 201, 409, 409, 200]
            entries = (await administer(api, "GET", "/audit"))["entries"]
            assert [(each["action"], each["changed"]["name"]) for each in reversed(entries)] == [
                ("project.created", "shop"),
                ("project.created", "blog"),
                ("project.created", "old shop"),
                ("project.updated", "blog"),
            ]


def _count_looks(roster: Roster) -> list[int]:
    """Return a list that grows with each question about digests."""
    looks: list[int] = []
    keys = roster.keys

    class Counting(ApiKeyStore):
        async def find_by_digests(self, digests: Any) -> Any:
            looks.append(len(digests))
            return await keys.find_by_digests(digests)

    roster.keys = Counting(keys.database)
    return looks
