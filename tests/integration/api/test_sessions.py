"""Signing in to the studio: a key in, a cookie out, and whatever could be done with either (checks 22 and 23)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from danqing_server.access.key_format import CLIENT, new_secret
from danqing_server.access.sessions import LIFE
from danqing_server.store.sessions import COLLECTION
from tests.integration.api.conftest import Client, Reply
from tests.integration.api.test_keys import administer, bearer, make_key

Open = Callable[..., Any]

LIN, CHEN, WU = "lin-secret-0123456", "chen-secret-012345", "wu-secret-01234567"
ADMIN_KEY = "9" * 20
KEYS = {
    "DANQING_API_KEYS": f"lin:{LIN},chen:{CHEN},wu:{WU}",
    "DANQING_ADMIN_KEY": ADMIN_KEY,
    "DANQING_OPERATORS": "chen",
    "DANQING_VIEWERS": "wu",
}
LONGEST_WAIT_S = 60 + 60 / 5
"""Of five in a minute one is forgotten a fifth of a minute after its end."""
TASK = {"type": "image", "model": "one", "input": {"prompt": "水墨山谷 of lin"}}


class Browser:
    """A page of the studio: it keeps cookies, and sends what a browser does."""

    def __init__(self, api: Client, **headers: str) -> None:
        self.api = api
        self.cookie = ""
        self.headers = {"Origin": api.base, "X-Danqing-Studio": "1", "Sec-Fetch-Site": "same-origin", **headers}

    async def ask(self, method: str, path: str, body: Any = None, **headers: str | None) -> Reply:
        sent: dict[str, str | None] = {**self.headers, "Accept-Language": "en"}
        if method == "GET":
            sent["Origin"] = None
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            sent.setdefault("Cookie", self.cookie)
        given = {name: value for name, value in sent.items() if value is not None}
        reply = await self.api.ask(method, path, json=body, headers=given)
        said = reply.headers.get("Set-Cookie")
        if said is not None:
            pair, _, rest = said.partition(";")
            self.cookie = "" if "Max-Age=0" in rest else pair
        return reply

    async def sign_in(self, key: str, user_id: str = "lin", **headers: str | None) -> Reply:
        return await self.ask("POST", "/studio/session", {"key": key, "user_id": user_id}, **headers)

    async def me(self) -> Any:
        return (await self.ask("GET", "/studio/session")).json["data"]


async def signed_in(api: Client, key: str = LIN, user_id: str = "lin") -> Browser:
    browser = Browser(api)
    assert (await browser.sign_in(key, user_id)).status == 201
    return browser


class TestSigningIn:
    async def test_key_in_cookie_out(self, open_api: Open) -> None:
        """The cookie is nobody's to read, the key is in no answer, and the page is told what it may do."""
        async with open_api(**KEYS) as api:
            browser = Browser(api)
            assert (await browser.me())["signed_in"] is False
            reply = await browser.sign_in(LIN)
            cookie = reply.headers["Set-Cookie"]
            assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"} <= set(cookie.split("; "))
            assert "Secure" not in cookie
            assert LIN not in str(reply.headers) + reply.body.decode()
            me = await browser.me()
            assert (me["name"], me["project"], me["operator"], me["viewer"]) == ("lin", "lin", False, False)
            assert "generate" in me["scopes"]
            made = await browser.ask("POST", "/api/v1/ai/tasks", {**TASK, "user_id": "someone else"})
            assert made.status == 201, made.body
            assert made.json["data"]["user_id"] == "lin"
            stored = await api.services.store.database[COLLECTION].find_one({})
            assert LIN not in str(stored)
            assert browser.cookie.partition("=")[2] not in str(stored)

    async def test_browser_may_be_called_anything(self, open_api: Open) -> None:
        """What it calls itself may be no text; it is listed all the same."""
        async with open_api(**KEYS) as api:
            reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
            body = b'{"key":"%b"}' % LIN.encode()
            writer.write(b"POST /studio/session HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % api.port)
            writer.write(b"Origin: %b\r\nX-Danqing-Studio: 1\r\nUser-Agent: B\xffrowser\r\n" % api.base.encode())
            writer.write(b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            async with asyncio.timeout(10):
                answer = await reader.read()
            writer.close()
            assert answer.startswith(b"HTTP/1.1 201")
            listed = await api.ask("GET", "/studio/sessions", headers=bearer(LIN))
            assert [each["agent"] for each in listed.json["data"]["sessions"]] == ["B?rowser"]

    async def test_sixth_wrong_key_is_not_looked_at(self, open_api: Open) -> None:
        """Nor a right one, from there; one that was right from there before is. Others are not held up."""
        async with open_api(**KEYS) as api:
            await signed_in(api)
            guesser = Browser(api, **{"X-Forwarded-For": "10.9.9.9"})
            for _ in range(5):
                reply = await guesser.sign_in("wrong-key-0123456789")
                assert (reply.status, reply.json["code"]) == (401, "invalid_api_key")
                assert "wrong-key" not in reply.body.decode()
            reply = await guesser.sign_in(CHEN)
            assert (reply.status, reply.json["code"]) == (429, "too_many_wrong_keys")
            assert 0 < int(reply.headers["Retry-After"]) <= LONGEST_WAIT_S
            assert (await Browser(api).sign_in(CHEN)).status == 201
            for _ in range(5):
                await Browser(api).sign_in(new_secret(CLIENT))
            assert [(await Browser(api).sign_in(key)).status for key in (LIN, ADMIN_KEY)] == [201, 429]

    async def test_right_keys_are_not_counted(self, open_api: Open) -> None:
        """Behind one address a whole office signs in at nine; parallel guesses are counted one by one."""
        async with open_api(**KEYS) as api:
            for _ in range(8):
                await signed_in(api)
            guesses = [Browser(api, **{"X-Forwarded-For": "10.1.1.1"}).sign_in(f"guess-{n:015}") for n in range(20)]
            statuses = [reply.status for reply in await asyncio.gather(*guesses)]
            assert (statuses.count(401), statuses.count(429)) == (5, 15)

    async def test_nonsense_is_a_wrong_key(self, api_with_keys: Client) -> None:
        """And is not repeated in the answer."""
        for key in ("", None, 7, ["a"], {"a": "b"}, "x" * 600, "\x00" * 20):
            reply = await Browser(api_with_keys).ask("POST", "/studio/session", {"key": key})
            assert reply.status in (400, 401), reply.body
            assert "xxx" not in reply.body.decode()

    async def test_by_tls_the_cookie_is_secure_and_of_this_host_alone(self, open_api: Open) -> None:
        """A proxy in front says so, and the page's own origin; a plain one is then not believed."""
        async with open_api(PUBLIC_BASE_URL="https://studio.example.com", **KEYS) as api:
            tls = {"Origin": "https://studio.example.com", "X-Forwarded-Proto": "https"}
            browser = Browser(api, **tls)
            cookie = (await browser.sign_in(LIN)).headers["Set-Cookie"]
            assert cookie.startswith("__Host-danqing_studio")
            assert "Secure" in cookie.split("; ")
            assert (await browser.me())["signed_in"] is True
            browser.cookie = browser.cookie.removeprefix("__Host-")
            assert (await browser.me())["signed_in"] is False


FOREIGN: tuple[dict[str, str | None], ...] = (
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "null"},
    {"Origin": None},
    {"X_Danqing_Studio": None},
    {"X_Danqing_Studio": "0"},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "none"},
    {"Host": "evil.example"},
)


class TestPages:
    """CSRF: a browser sends cookies for whoever asks it to; pages of other ports are of the same site."""

    async def test_change_of_another_page_is_refused(self, api_with_keys: Client) -> None:
        """Whatever it changes: signing in and out, making a task, ending others' sessions."""
        browser = await signed_in(api_with_keys)
        session = (await browser.me())["session"]["id"]
        changes = [
            ("POST", "/studio/session", {"key": LIN}),
            ("POST", "/api/v1/ai/tasks", {**TASK, "user_id": "u"}),
            ("POST", "/api/v1/ai/tasks/check", {**TASK, "user_id": "u"}),
            ("POST", "/api/v1/events/token", None),
            ("DELETE", "/studio/session", None),
            ("DELETE", f"/studio/sessions/{session}", None),
        ]
        for headers in FOREIGN:
            for method, path, body in changes:
                reply = await browser.ask(method, path, body, **headers)
                # Under another port in `Host` the cookie has another name, so that nobody asks at all.
                assert reply.status in ((401, 403) if "Host" in headers else (403,)), (headers, path, reply.body)
        assert (await browser.me())["signed_in"] is True

    async def test_page_that_may_call_is_not_ours(self, open_api: Open) -> None:
        """`DANQING_CORS_ORIGINS` is for keys."""
        async with open_api(DANQING_CORS_ORIGINS="*", **KEYS) as api:
            browser = await signed_in(api)
            reply = await browser.ask("DELETE", "/studio/session", Origin="http://localhost:3000")
            assert reply.status == 403
            preflight = await api.ask("OPTIONS", "/studio/session", headers={"Origin": "http://localhost:3000"})
            assert "danqing-studio" not in preflight.headers["Access-Control-Allow-Headers"].lower()
            assert "Access-Control-Allow-Credentials" not in preflight.headers

    async def test_other_pages_read_nothing(self, api_with_keys: Client) -> None:
        """A page of another port may ask, and the browser sends the cookie along."""
        browser = await signed_in(api_with_keys)
        for path in ("/api/v1/tasks", "/studio/session", "/studio/sessions"):
            for site in ("same-site", "cross-site"):
                assert (await browser.ask("GET", path, Sec_Fetch_Site=site)).status == 403
        assert (await browser.ask("GET", "/api/v1/tasks", Sec_Fetch_Site="none")).status == 200
        assert (await browser.ask("GET", "/api/v1/tasks", Sec_Fetch_Site=None)).status == 200

    async def test_cookie_counts_at_no_foreign_door(self, api_with_keys: Client) -> None:
        """Those speak to programs, which have keys."""
        browser = await signed_in(api_with_keys)
        assert (await browser.ask("GET", "/v1/models")).status == 401

    async def test_key_counts_before_cookie_and_proxys_basic_after(self, api_with_keys: Client) -> None:
        """A program that was given a key means it; a proxy's own password is nobody's key here."""
        browser = await signed_in(api_with_keys)
        wrong = await browser.ask("GET", "/api/v1/tasks", Authorization="Bearer wrong")
        assert (wrong.status, wrong.json["code"]) == (401, "invalid_api_key")
        assert (await browser.ask("GET", "/api/v1/tasks", Authorization="Basic cHJveHk6cHJveHk=")).status == 200

    async def test_rebound_name_is_refused_where_there_are_no_keys(self, api: Client) -> None:
        """A page whose name was made to point here is of our origin to its browser."""
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example"):
            page = Browser(api, Origin=f"http://{host}:{api.port}")
            for method, path in (
                ("GET", "/studio/session"),
                ("POST", "/api/v1/ai/tasks"),
                ("GET", "/api/v1/tasks"),
            ):
                reply = await page.ask(method, path, Host=f"{host}:{api.port}")
                assert (reply.status, reply.json["code"]) == (421, "host_not_allowed")

    async def test_without_keys_nobody_signs_in(self, api: Client) -> None:
        """The machine's own people may do everything."""
        me = await Browser(api).me()
        assert (me["needs_key"], me["signed_in"], me["operator"], me["name"]) == (False, True, True, None)


class TestEnd:
    async def test_signing_out_counts_at_once(self, open_api: Open) -> None:
        """A cookie that somebody copied is worth nothing from then on, repeated to the byte or not."""
        async with open_api(**KEYS, workers=True) as api:
            browser = await signed_in(api)
            made = await browser.ask("POST", "/api/v1/ai/tasks", TASK)
            await api.system.finished(made.json["data"]["id"])
            path, copied = f"/api/v1/tasks/{made.json['data']['id']}", browser.cookie
            assert (await browser.ask("GET", path)).status == 200
            reply = await browser.ask("DELETE", "/studio/session")
            assert (reply.status, browser.cookie) == (200, "")
            again = await browser.ask("GET", path, Cookie=copied)
            assert (again.status, again.json["code"]) == (401, "session_ended")
            assert (await browser.ask("DELETE", "/studio/session")).status == 200

    async def test_session_ends_with_its_key(self, open_api: Open) -> None:
        """Revoked, archived with its project, or rotated away; and says why."""
        async with open_api(**KEYS) as api:
            key, secret = await make_key(api)
            browser = await signed_in(api, secret)
            assert (await browser.me())["key"] == "k"
            await administer(api, "POST", "/projects/shop/archive")
            assert (await browser.ask("GET", "/api/v1/tasks")).json["code"] == "project_archived"
            await administer(api, "POST", "/projects/shop/restore")
            assert (await browser.ask("GET", "/api/v1/tasks")).status == 200
            await administer(api, "POST", f"/keys/{key}/revoke")
            refused = await browser.ask("GET", "/api/v1/tasks")
            assert (refused.status, refused.json["code"]) == (401, "api_key_revoked")
            assert (await browser.ask("GET", "/api/v1/tasks")).json["code"] == "session_ended"
            assert (await browser.me())["signed_in"] is False
            assert browser.cookie == ""

    async def test_sessions_of_a_key_are_listed_and_ended(self, open_api: Open) -> None:
        """By whoever has the key, and administrators; to others they are not there."""
        async with open_api(**KEYS) as api:
            here, there = await signed_in(api), await signed_in(api, user_id="phone")
            listed = (await here.ask("GET", "/studio/sessions")).json["data"]["sessions"]
            assert [(each["user_id"], each["current"]) for each in listed] == [("phone", False), ("lin", True)]
            other = await signed_in(api, CHEN)
            assert (await other.ask("DELETE", f"/studio/sessions/{listed[0]['id']}")).status == 404
            assert len((await other.ask("GET", "/studio/sessions")).json["data"]["sessions"]) == 1
            assert (await here.ask("DELETE", f"/studio/sessions/{listed[0]['id']}")).status == 200
            assert (await there.ask("GET", "/api/v1/tasks")).json["code"] == "session_ended"
            everybody = await api.ask("GET", "/studio/sessions", headers=bearer(ADMIN_KEY))
            assert {each["key"] for each in everybody.json["data"]["sessions"]} == {"lin", "chen"}
            listed_id = {"Cookie": f"{here.cookie.partition('=')[0]}={listed[1]['id']}"}
            assert (await api.ask("GET", "/api/v1/tasks", headers=listed_id)).status == 401

    async def test_ending_a_session_of_another_key_is_written_down(self, open_api: Open) -> None:
        """An administrator's act; to end one of one's own key is nobody else's business."""
        async with open_api(**KEYS) as api:
            here, there = await signed_in(api), await signed_in(api, CHEN, "chen")
            await signed_in(api, user_id="phone")
            listed = (await here.ask("GET", "/studio/sessions")).json["data"]["sessions"]
            own = next(each["id"] for each in listed if not each["current"])
            assert (await here.ask("DELETE", f"/studio/sessions/{own}")).status == 200
            [other] = (await there.ask("GET", "/studio/sessions")).json["data"]["sessions"]
            ended = await api.ask("DELETE", f"/studio/sessions/{other['id']}", headers=bearer(ADMIN_KEY))
            assert ended.status == 200

            [entry] = (await administer(api, "GET", "/audit"))["entries"]
            assert (entry["actor"], entry["action"], entry["subject"]) == ("(admin)", "session.ended", other["id"])
            assert (entry["changed"]["key"], entry["changed"]["user"]) == ("chen", "chen")

    async def test_nobody_s_session_is_taken_on(self, open_api: Open) -> None:
        """Fixation: an id that a page was made to send is never made good; signing in ends the one before."""
        async with open_api(**KEYS) as api:
            browser = Browser(api)
            browser.cookie = planted = f"danqing_studio_{api.port}={'A' * 43}"
            await browser.sign_in(LIN)
            first = browser.cookie
            assert first != planted
            await browser.sign_in(CHEN, "chen")
            assert (await browser.ask("GET", "/api/v1/tasks", Cookie=first)).json["code"] == "session_ended"

    async def test_unused_session_ends_after_half_a_day(self, open_api: Open) -> None:
        """Each use counts anew; the cookie is renewed with it."""
        async with open_api(**KEYS) as api:
            browser = await signed_in(api)
            sessions, clock = api.services.store.database[COLLECTION], api.services.clock
            for away, status in ((LIFE - timedelta(minutes=1), 200), (LIFE + timedelta(seconds=1), 401)):
                seen_at = clock.now() - away
                sets = {"seen_at": seen_at, "expires_at": seen_at + LIFE}
                await sessions.update_one({}, {"$set": sets})
                assert (await browser.ask("GET", "/api/v1/tasks")).status == status
            assert "Max-Age=0" in (await browser.ask("GET", "/studio/session")).headers["Set-Cookie"]

    async def test_sessions_of_a_key_are_bounded(self, open_api: Open) -> None:
        """The oldest goes."""
        async with open_api(**KEYS) as api:
            oldest = await signed_in(api)
            sessions = api.services.sessions
            caller = await sessions.gatekeeper.caller_of(LIN, "here")
            await asyncio.gather(*(sessions.begin(caller, LIN, "u", "here", None) for _ in range(100)))
            assert (await oldest.ask("GET", "/api/v1/tasks")).status == 401
            assert await api.services.store.database[COLLECTION].count_documents({}) == 100


class TestRoles:
    async def test_operator_sees_rows_without_prompts(self, open_api: Open) -> None:
        """Whose they are and how they fare; searching among prompts does not reach them. Opening one is noted."""
        async with open_api(**KEYS, workers=True) as api:
            lin, chen, wu = [await signed_in(api, key) for key in (LIN, CHEN, WU)]
            made = (await lin.ask("POST", "/api/v1/ai/tasks", TASK)).json["data"]["id"]
            await api.system.finished(made)
            [row] = (await chen.ask("GET", "/api/v1/tasks")).json["data"]["tasks"]
            assert (row["id"], row["project"], row["user_id"]) == (made, "lin", "lin")
            assert (row["prompt"], row["url"]) == (None, None)
            assert (await chen.ask("GET", "/api/v1/tasks?q=山谷&count=true")).json["data"]["total"] == 0
            [own] = (await lin.ask("GET", "/api/v1/tasks?q=山谷")).json["data"]["tasks"]
            assert own["prompt"] == TASK["input"]["prompt"]
            assert await _opened(api) == []
            for _ in range(2):
                opened = await chen.ask("GET", f"/api/v1/tasks/{made}")
                assert opened.json["data"]["input"]["prompt"] == TASK["input"]["prompt"]
            assert await _opened(api) == [("chen", made, "lin")]
            for method, path in (("POST", f"{made}/cancel"), ("POST", f"{made}/retry"), ("DELETE", made)):
                assert (await chen.ask(method, f"/api/v1/tasks/{path}")).status == 404
            assert (await wu.ask("GET", "/api/v1/tasks")).json["code"] == "scope_missing"

    async def test_viewer_sees_costs_of_all_and_nothing_else(self, open_api: Open) -> None:
        """Though its key could do more elsewhere."""
        async with open_api(**KEYS) as api:
            lin, wu = await signed_in(api), await signed_in(api, WU, "wu")
            await lin.ask("POST", "/api/v1/ai/tasks", TASK)
            me = await wu.me()
            assert (me["viewer"], me["operator"], me["scopes"]) == (True, False, ["every_account", "usage"])
            usage = await wu.ask("GET", "/api/v1/usage?group_by=project")
            assert [row["project"] for row in usage.json["data"]["rows"]] == ["lin"]
            for method, path in (("POST", "/ai/tasks"), ("GET", "/tasks"), ("GET", "/keys")):
                assert (await wu.ask(method, f"/api/v1{path}", TASK)).status == 403

    async def test_one_key_sees_nothing_of_another(self, open_api: Open) -> None:
        """By cookie as by key: list, search, count and task; the person's name gives no right to anything."""
        async with open_api(**KEYS) as api:
            _, secret = await make_key(api)
            lin, shop = await signed_in(api), await signed_in(api, secret, "lin")
            made = (await lin.ask("POST", "/api/v1/ai/tasks", TASK)).json["data"]["id"]
            for query in ("", "?q=水墨", "?user_id=lin"):
                seen = (await shop.ask("GET", f"/api/v1/tasks{query}")).json["data"]
                assert seen["tasks"] == []
            assert (await shop.ask("GET", f"/api/v1/tasks/{made}")).status == 404
            assert await _opened(api) == []

    async def test_event_stream_opens_by_cookie(self, api_with_keys: Client) -> None:
        """EventSource sends no header."""
        browser = await signed_in(api_with_keys)
        headers = {"Cookie": browser.cookie, "Sec-Fetch-Site": "same-origin"}
        async with api_with_keys.session.get(f"{api_with_keys.base}/api/v1/events", headers=headers) as stream:
            assert (stream.status, stream.content_type) == (200, "text/event-stream")
            assert (await stream.content.readline()).startswith(b"retry:")
        async with api_with_keys.session.get(f"{api_with_keys.base}/api/v1/events") as refused:
            assert refused.status == 401


async def _opened(api: Client) -> list[tuple[str, str, str]]:
    entries = (await administer(api, "GET", "/audit"))["entries"]
    return [
        (each["actor"], each["subject"], each["project"]) for each in entries if each["action"] == "task.opened"
    ]


@pytest.fixture
async def api_with_keys(open_api: Open) -> Any:
    """An application that asks for keys."""
    async with open_api(**KEYS) as client:
        yield client
