from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from danqing_server.records.tasks import Status
from danqing_server.store.reach import Reach
from tests.integration.api.conftest import Client
from tests.support.system import until
from tests.unit.api.tasks import make_task

Open = Callable[..., Any]

KEYS = {"DANQING_API_KEYS": f"one:{'1' * 16},two:{'2' * 16}"}
ONE = {"Authorization": f"Bearer {'1' * 16}"}
TWO = {"Authorization": f"Bearer {'2' * 16}"}
BODY = {"prompt": "a", "user_id": "u"}


async def _works(api: Client) -> bool:
    return (await api.ask("GET", "/health")).status == 200


class TestKeys:
    async def test_without_a_key_nothing_is_said(self, open_api: Open) -> None:
        """401 and how to authenticate; the poll is told it failed."""
        async with open_api(**KEYS) as api:
            for method, path in [
                ("POST", "/api/v1/ai/image/task"),
                ("GET", "/api/v1/tasks/t"),
                ("GET", "/api/v1/users/u"),
            ]:
                reply = await api.ask(method, path)
                assert reply.status == 401
                assert reply.headers["WWW-Authenticate"].startswith("Bearer")
            polled = await api.ask("GET", "/api/v1/ai/image/result/t", headers={"Authorization": "Bearer nope"})
            assert (polled.status, polled.json["data"]["status"]) == (401, "failed")

    @pytest.mark.parametrize(
        ("header", "value"),
        [
            ("Authorization", f"Key {'1' * 16}"),
            ("Authorization", f"Basic {base64.b64encode(b'a:' + b'1' * 16).decode()}"),
            ("api-key", "1" * 16),
            ("X-API-Key", "1" * 16),
            ("x-goog-api-key", "1" * 16),
        ],
    )
    async def test_every_clients_way_to_send_a_key(self, open_api: Open, header: str, value: str) -> None:
        """They all name the same caller; in the query a key is nothing."""
        async with open_api(**KEYS) as api:
            made = await api.ask("POST", "/api/v1/ai/image/task", json=BODY, headers=ONE)
            path = f"/api/v1/tasks/{made.json['data']['task_id']}"
            assert (await api.ask("GET", path, headers={header: value})).status == 200
            assert (await api.ask("GET", path, headers={header: f"{value}x"})).status == 401
            assert (await api.ask("GET", f"{path}?key={'1' * 16}&api_key={'1' * 16}")).status == 401

    async def test_admin_key_cannot_generate(self, open_api: Open) -> None:
        """403 names the scope; it may look at what others made, as an operator."""
        admin = {"Authorization": f"Bearer {'9' * 20}"}
        async with open_api(**KEYS, DANQING_ADMIN_KEY="9" * 20) as api:
            refused = await api.ask("POST", "/api/v1/ai/image/task", json=BODY, headers=admin)
            assert (refused.status, refused.json["code"]) == (403, "scope_missing")
            assert "`generate`" in refused.json["message"]
            made = await api.ask("POST", "/api/v1/ai/image/task", json=BODY, headers=ONE)
            path = f"/api/v1/tasks/{made.json['data']['task_id']}"
            assert (await api.ask("GET", path, headers=admin)).status == 200
            assert (await api.ask("POST", f"{path}/cancel", headers=admin)).status == 403
            assert (await api.ask("DELETE", path, headers=admin)).status == 403

    @pytest.mark.parametrize("setting", [{"DANQING_ADMIN_KEY": "9" * 20}, {"DANQING_REQUIRE_KEYS": "always"}])
    async def test_key_is_asked_for_though_no_client_has_one_yet(
        self, open_api: Open, setting: dict[str, str]
    ) -> None:
        """No moment in which anybody may spend."""
        async with open_api(**setting) as api:
            assert (await api.ask("POST", "/api/v1/ai/image/task", json=BODY)).status == 401

    async def test_guessing_is_braked(self, open_api: Open) -> None:
        """E14: 429 with a time; who worked from there before works on."""
        async with open_api(**KEYS) as api:
            path = "/api/v1/tasks/user/u"
            assert (await api.ask("GET", path, headers=ONE)).status == 200
            guesses = [await api.ask("GET", path, headers={"Authorization": f"Bearer {n:016}"}) for n in range(60)]
            assert {reply.status for reply in guesses} == {401, 429}
            assert sum(reply.status == 401 for reply in guesses) < 30
            assert (guesses[-1].json["code"], guesses[-1].json["retryable"]) == ("too_many_wrong_keys", True)
            assert int(guesses[-1].headers["Retry-After"]) >= 1
            assert (await api.ask("GET", path, headers=TWO)).status == 429
            assert (await api.ask("GET", path, headers=ONE)).status == 200

    async def test_a_guesser_brakes_no_other_address(self, open_api: Open) -> None:
        """Nor where IPv4 comes as IPv6, which a socket that listens for both makes of it; IPv6 goes by networks."""
        async with open_api(**KEYS) as api:
            for guesser, same, other in [
                ("::ffff:192.0.2.7", "192.0.2.7", "::ffff:192.0.2.8"),
                ("2001:db8::7", "2001:db8::8", "2001:db8:0:1::7"),
            ]:
                for number in range(40):
                    wrong = {"Authorization": f"Bearer {number:016}", "X-Forwarded-For": guesser}
                    await api.ask("GET", "/api/v1/tasks", headers=wrong)
                asked = [
                    await api.ask("GET", "/api/v1/tasks", headers={**ONE, "X-Forwarded-For": address})
                    for address in (same, other)
                ]
                assert [reply.status for reply in asked] == [429, 200], guesser

    @pytest.mark.parametrize("path", ["/health", "/docs", "/openapi.json", "/docs/errors"])
    async def test_public_pages_need_none(self, open_api: Open, path: str) -> None:
        """Nor do pictures: the key in their path is the permission."""
        async with open_api(**KEYS) as api:
            assert (await api.ask("GET", path)).status in (200, 503)
            assert (await api.ask("GET", "/api/v1/assets/t/0-a.png")).status == 404

    async def test_others_tasks_and_users_do_not_exist(self, open_api: Open) -> None:
        """Every route says 404, and lists are empty."""
        async with open_api(**KEYS) as api:
            made = await api.ask("POST", "/api/v1/ai/image/task", json=BODY, headers=ONE)
            task_id = made.json["data"]["task_id"]
            person = {"email": "a@b.com", "name": "ab"}
            user_id = (await api.ask("POST", "/api/v1/users", json=person, headers=ONE)).json["data"]["id"]
            for method, path in [
                ("GET", f"/api/v1/tasks/{task_id}"),
                ("GET", f"/api/v1/ai/image/result/{task_id}"),
                ("POST", f"/api/v1/tasks/{task_id}/cancel"),
                ("POST", f"/api/v1/tasks/{task_id}/retry"),
                ("DELETE", f"/api/v1/tasks/{task_id}"),
                ("GET", f"/api/v1/users/{user_id}"),
                ("DELETE", f"/api/v1/users/{user_id}"),
                ("GET", "/api/v1/users?email=a@b.com"),
            ]:
                assert (await api.ask(method, path, headers=TWO)).status == 404, path
            listed = await api.ask("GET", "/api/v1/tasks/user/u", headers=TWO)
            assert (listed.json["data"]["count"], listed.json["data"]["total"]) == (0, 0)
            assert (await api.ask("GET", f"/api/v1/tasks/{task_id}", headers=ONE)).status == 200

    async def test_switched_on_what_was_made_before_is_nobodys(self, open_api: Open) -> None:
        """R10: without an owner is without authentication, and no key's; switched off again it is all there."""
        person = {"email": "a@b.com", "name": "ab"}
        async with open_api() as api:
            task_id = (await api.ask("POST", "/api/v1/ai/image/task", json=BODY)).json["data"]["task_id"]
            user_id = (await api.ask("POST", "/api/v1/users", json=person)).json["data"]["id"]
        async with open_api(**KEYS) as api:
            for path in (f"/api/v1/tasks/{task_id}", f"/api/v1/users/{user_id}", "/api/v1/users?email=a@b.com"):
                assert (await api.ask("GET", path, headers=ONE)).status == 404, path
            assert (await api.ask("DELETE", f"/api/v1/tasks/{task_id}", headers=ONE)).status == 404
            listed = await api.ask("GET", "/api/v1/tasks/user/u", headers=ONE)
            assert (listed.json["data"]["count"], listed.json["data"]["total"]) == (0, 0)
        async with open_api() as api:
            for path in (f"/api/v1/tasks/{task_id}", f"/api/v1/users/{user_id}", "/api/v1/users?email=a@b.com"):
                assert (await api.ask("GET", path)).status == 200, path

    async def test_switched_off_everything_is_everybodys(self, open_api: Open) -> None:
        """R10: who may come without a key may touch what keys made, which stays theirs."""
        async with open_api(**KEYS) as api:
            made = [await api.ask("POST", "/api/v1/ai/image/task", json=BODY, headers=key) for key in (ONE, TWO)]
            one, two = (reply.json["data"]["task_id"] for reply in made)
        async with open_api() as api:
            assert (await api.ask("GET", "/api/v1/tasks/user/u")).json["data"]["total"] == 2
            assert (await api.ask("POST", f"/api/v1/tasks/{one}/cancel")).status == 200
            assert (await api.ask("POST", f"/api/v1/tasks/{one}/retry")).status == 200
            assert (await api.ask("DELETE", f"/api/v1/tasks/{two}")).status == 200
        async with open_api(**KEYS) as api:
            statuses = [(await api.ask("GET", f"/api/v1/tasks/{one}", headers=key)).status for key in (ONE, TWO)]
            assert statuses == [200, 404]


class TestPages:
    async def test_preflight_allows_what_clients_send(self, open_api: Open) -> None:
        """JSON with a key and an Idempotency-Key."""
        asked = {
            "Origin": "http://127.0.0.1:5173",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
        }
        async with open_api(DANQING_CORS_ORIGINS="http://127.0.0.1:5173") as api:
            reply = await api.ask("OPTIONS", "/api/v1/ai/image/task", headers=asked)
        allowed = reply.headers["Access-Control-Allow-Headers"].lower().split(", ")
        assert reply.status == 204
        assert reply.headers["Access-Control-Allow-Origin"] == "http://127.0.0.1:5173"
        assert "POST" in reply.headers["Access-Control-Allow-Methods"]
        assert {"authorization", "content-type", "idempotency-key"} <= set(allowed)

    async def test_preflight_allows_whatever_a_library_adds(self, open_api: Open) -> None:
        """openai-node's `videos.poll` sends names that no list had; the studio's own header is its pages'."""
        names = "x-stainless-poll-helper,X-Title , http-referer,X-Danqing-Studio,a b,é,authorization"
        asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": names}
        async with open_api(DANQING_CORS_ORIGINS="*") as api:
            reply = await api.ask("OPTIONS", "/v1/videos/v1", headers={"Origin": "https://page.example", **asked})
        allowed = reply.headers["Access-Control-Allow-Headers"].lower().split(", ")
        assert (reply.status, len(allowed)) == (204, len(set(allowed)))
        assert {"x-stainless-poll-helper", "x-title", "http-referer", "authorization"} <= set(allowed)
        assert not {"x-danqing-studio", "a b", "é"} & set(allowed)

    @pytest.mark.parametrize(
        ("path", "methods"),
        [
            ("/api/v1/users/u1", "DELETE, GET, HEAD, OPTIONS, PUT"),
            ("/api/v1/tasks/t1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
            ("/api/v1/tasks/t1/cancel", "OPTIONS, POST"),
            ("/health", "GET, HEAD, OPTIONS"),
        ],
    )
    async def test_every_method_of_a_path_is_allowed(self, api: Client, path: str, methods: str) -> None:
        """Also where several routes share the path; and another method is told the same."""
        asked, wrong = await api.ask("OPTIONS", path), await api.ask("TRACE", path)
        assert (asked.status, asked.headers["Allow"]) == (204, methods)
        assert (wrong.status, wrong.headers["Allow"]) == (405, methods)

    async def test_errors_may_be_read_too(self, open_api: Open) -> None:
        """With the headers that tell when to ask again."""
        origin = "http://localhost:3000"
        async with open_api(DANQING_CORS_ORIGINS=origin) as api:
            reply = await api.ask("GET", "/nope", headers={"Origin": origin})
        assert reply.headers["Access-Control-Allow-Origin"] == origin
        exposed = reply.headers["Access-Control-Expose-Headers"].split(", ")
        assert {"Retry-After", "OpenAI-Poll-After-Ms"} <= set(exposed)

    @pytest.mark.parametrize("origin", ["http://[", "http://[x]", "null", "//"])
    async def test_an_origin_that_makes_no_sense_may_not_call(self, api: Client, origin: str) -> None:
        """It is answered like any other page that may not."""
        assert (await api.ask("GET", "/health", headers={"Origin": origin})).status == 200
        reply = await api.ask("POST", "/api/v1/ai/image/task", json=BODY, headers={"Origin": origin})
        assert (reply.status, reply.json["code"]) == (403, "forbidden")
        assert "Access-Control-Allow-Origin" not in reply.headers

    @pytest.mark.parametrize("allowed", ["none", "local", "https://other.example"])
    async def test_other_pages_are_shut_out(self, open_api: Open, allowed: str) -> None:
        """A plain-text POST that needs no preflight makes no task either."""
        async with open_api(DANQING_CORS_ORIGINS=allowed) as api:
            headers = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
            reply = await api.ask("POST", "/api/v1/ai/image/task", json=BODY, headers=headers)
            assert (reply.status, reply.json["code"]) == (403, "forbidden")
            assert "Access-Control-Allow-Origin" not in reply.headers
            assert await api.services.store.count_for_user("u", Reach.everybody()) == 0


class TestHosts:
    """E6, R11: a page whose name was made to point here is of the server's own origin, to its browser."""

    REBOUND: ClassVar = {"Host": "evil.example", "Origin": "http://evil.example"}

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/api/v1/ai/image/task"),
            ("GET", "/api/v1/tasks/user/u"),
            ("GET", "/api/v1/ai/image/result/t"),
            ("GET", "/api/v1/assets/t/0-a.png"),
            ("OPTIONS", "/api/v1/ai/image/task"),
            ("GET", "/openapi.json"),
            ("GET", "/docs"),
            ("GET", "/health"),
            ("GET", "/nope"),
        ],
    )
    async def test_stranger_is_refused_everywhere(self, api: Client, method: str, path: str) -> None:
        """421, with the setting's name, and the connection ends; nothing is made."""
        reply = await api.ask(method, path, json=BODY if method == "POST" else None, headers=self.REBOUND)
        assert (reply.status, reply.json["code"]) == (421, "host_not_allowed")
        assert "DANQING_ALLOWED_HOSTS" in reply.json["message"]
        assert "Access-Control-Allow-Origin" not in reply.headers
        assert await api.services.store.count_for_user("u", Reach.everybody()) == 0

    async def test_body_is_not_waited_for(self, api: Client) -> None:
        """The head alone decides."""
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(b"POST /api/v1/users HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1000000\r\n\r\n")
        async with asyncio.timeout(5):
            assert (await reader.readline()).split()[1] == b"421"
        writer.close()

    async def test_answer_that_is_repeated_is_not_repeated_to_strangers(self, api: Client) -> None:
        """A poll that is known to the byte names its host in these bytes."""
        await api.services.store.insert(make_task("t1", Status.COMPLETED))
        path = "/api/v1/ai/image/result/t1"
        assert [(await api.ask("GET", path)).status for _ in range(3)] == [200] * 3
        assert (await api.ask("GET", path, headers=self.REBOUND)).status == 421

    async def test_named_hosts_are_answered(self, open_api: Open) -> None:
        """Those of the setting and of `PUBLIC_BASE_URL`; their own pages may call."""
        named = {"DANQING_ALLOWED_HOSTS": "a.example", "PUBLIC_BASE_URL": "https://p.example"}
        async with open_api(**named) as api:
            for host in ("a.example", "p.example"):
                sent = {"Host": host, "Origin": f"https://{host}"}
                assert (await api.ask("POST", "/api/v1/ai/image/task", json=BODY, headers=sent)).status == 201

    async def test_keys_alone_let_every_name_in(self, open_api: Open) -> None:
        """Until the setting lists some."""
        for listed, status in (("", 200), ("a.example", 421)):
            async with open_api(**KEYS, DANQING_ALLOWED_HOSTS=listed) as api:
                sent = {**ONE, "Host": "any.example"}
                assert (await api.ask("GET", "/api/v1/tasks/user/u", headers=sent)).status == status


class TestLinks:
    async def _link(self, api: Client, **headers: str) -> str:
        await api.services.store.insert(make_task("t1", Status.COMPLETED))
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        body = (await api.ask("GET", "/api/v1/ai/image/result/t1", headers=sent)).json
        link: str = body["data"]["image_url"]
        return link.removesuffix("/api/v1/assets/t1/0-abc.png")

    async def test_link_begins_as_the_client_reached_us(self, open_api: Open) -> None:
        """By name and port, or as a near proxy says."""
        async with open_api(DANQING_ALLOWED_HOSTS="danqing.lan,h.example") as api:
            forwarded = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "p.example"}
            assert await self._link(api, Host="danqing.lan:8080") == "http://danqing.lan:8080"
            assert await self._link(api, **forwarded) == "https://p.example"
            assert await self._link(api, X_Forwarded_Host='x"y', Host="h.example") == api.base
            assert await self._link(api, Host="[::1]:8080") == "http://localhost:8080"

    async def test_setting_overrides_everything(self, open_api: Open) -> None:
        """`PUBLIC_BASE_URL` is how clients reach us."""
        async with open_api(PUBLIC_BASE_URL="https://pictures.example/", DANQING_ALLOWED_HOSTS="other") as api:
            assert await self._link(api, Host="other") == "https://pictures.example"


class TestStopping:
    async def test_draining_takes_nothing_new_and_still_answers(self, api: Client) -> None:
        """503, a second, and the connection ends; GETs go on."""
        api.services.draining = True
        refused = await api.ask("POST", "/api/v1/ai/image/task", json=BODY)
        assert (refused.status, refused.json["code"]) == (503, "draining")
        assert (refused.headers["Retry-After"], refused.headers["Connection"]) == ("1", "close")
        assert (await api.ask("GET", "/api/v1/queue/stats")).status == 200


class TestHealth:
    async def test_working_process_is_ok(self, open_api: Open) -> None:
        """With every part named, and who answered."""
        async with open_api(workers=True) as api:
            await until(lambda: _works(api))
            reply = await api.ask("GET", "/health")
            assert (reply.status, reply.json["status"], reply.json["message"]) == (200, "ok", "服务正常运行")
            assert set(reply.json["checks"]) == {"mongodb", "redis", "storage", "workers"}
            assert reply.json["pid"]

    async def test_silent_redis_is_told(self, open_api: Open, own_redis: Any) -> None:
        """503, the part named, no address shown."""
        async with open_api(REDIS_URL=own_redis.url, DANQING_ROLE="api") as api:
            own_redis.pause()
            try:
                async with asyncio.timeout(10):
                    reply = await api.ask("GET", "/health")
            finally:
                own_redis.resume()
            assert (reply.status, reply.json["status"]) == (503, "unavailable")
            assert reply.json["checks"]["mongodb"] == "ok"
            assert reply.json["checks"]["redis"] != "ok"
            assert b"127.0.0.1" not in reply.body

    async def test_ready_follows_what_it_stands_on_and_live_does_not(self, open_api: Open, own_redis: Any) -> None:
        """An orchestrator sends no requests to a process without Redis, and does not restart it either."""
        async with open_api(REDIS_URL=own_redis.url, DANQING_ROLE="api") as api:
            assert (await api.ask("GET", "/health/ready")).json["status"] == "ok"
            own_redis.pause()
            try:
                ready, live = await api.ask("GET", "/health/ready"), await api.ask("GET", "/health/live")
            finally:
                own_redis.resume()
            assert (ready.status, ready.json["checks"]["mongodb"]) == (503, "ok")
            assert (live.status, live.json["status"]) == (200, "ok")

    async def test_who_stops_is_alive_and_not_ready(self, api: Client) -> None:
        """The balancer takes it out before it is gone."""
        api.services.draining = True
        assert (await api.ask("GET", "/health/ready")).status == 503
        assert (await api.ask("GET", "/health/live")).status == 200

    async def test_part_that_hangs_is_told_all_the_same(self, api: Client) -> None:
        """Health asks no one for longer than a second, and a check's own fault is no 500."""

        async def hang() -> None:
            await asyncio.Event().wait()

        async def break_down() -> None:
            raise RuntimeError("mongodb://user:secret@host")

        api.services.checks = {"stuck": hang, "broken": break_down}
        async with asyncio.timeout(10):
            reply = await api.ask("GET", "/health", headers={"Accept-Language": "en"})
        assert reply.status == 503
        assert reply.json["checks"] == {"stuck": "does not answer in time", "broken": "does not work"}

    async def test_asking_again_and_again_writes_no_more(self, api: Client) -> None:
        """To the storage: anybody may ask, and a bucket bills writes."""
        writes = itertools.count()

        async def write() -> None:
            next(writes)

        place: Any = SimpleNamespace(ping=write)
        api.services.assets.place = place
        for path in ("/health", "/health/ready") * 20:
            assert (await api.ask("GET", path)).json["checks"]["storage"] == "ok"
        assert next(writes) < 20

    async def test_submission_without_redis_is_refused(self, open_api: Open, own_redis: Any) -> None:
        """503 soon, and the task will not run."""
        async with open_api(REDIS_URL=own_redis.url, DANQING_ROLE="api") as api:
            own_redis.pause()
            try:
                async with asyncio.timeout(10):
                    reply = await api.ask("POST", "/api/v1/ai/image/task", json=BODY)
            finally:
                own_redis.resume()
            assert (reply.status, reply.json["code"]) == (503, "queue_unavailable")

    async def test_worker_answers_health_only(self, open_api: Open) -> None:
        """Its role says so."""
        async with open_api(DANQING_ROLE="worker", workers=True) as api:
            await until(lambda: _works(api))
            assert (await api.ask("POST", "/api/v1/ai/image/task", json=BODY)).status == 404
