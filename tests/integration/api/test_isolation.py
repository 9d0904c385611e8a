"""Two projects cannot see, count or guess each other, at any route that there is.

The routes come out of the application and their bodies out of its OpenAPI document, so that a new one is in here
without anybody's doing. What one project is given in answers, the other asks for: in paths, queries and bodies.
Each time it has to be answered as if it had made the name up.
"""

from __future__ import annotations

import asyncio
import re
import string
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import aiohttp
import attrs
import orjson

from danqing_server.doors.openapi import document_of
from danqing_server.http.routing import DeclaredRoute, declared_routes
from danqing_server.records.tasks import Status
from tests.integration.api.conftest import Client, Reply
from tests.integration.api.test_keys import SETTINGS, administer, bearer, make_key
from tests.unit.api.tasks import make_task

Open = Callable[..., Any]
Headers = Mapping[str, str]
Answer = tuple[int, dict[str, str], str]

IDS = re.compile(r"(?:^|_)(?:id|email|cursor|token)$")
JSON = "application/json"
MOST_OF_A_KIND = 2
MOST_IN_QUERIES = 6
PATIENCE = aiohttp.ClientTimeout(total=3)
"""For a route that waits for a task, as a door does that knows no other way."""
A_MOMENT = aiohttp.ClientTimeout(total=0.5)
"""For a stream of events, and for a wait that nothing ends: both are tried in `waiting` and `doors`."""

WAITED = 0
"""The status that stands for no answer in time."""

NOT_COMPARED = frozenset({"x-request-id", "date", "content-length"})
OPEN_BY_PERMISSION = {"/api/v1/assets/<key:path>", "/docs/<name:str>"}
"""Public on purpose: the first's key is shown to nobody but the output's owner, the second sends our own files."""

BODIES: Mapping[str, Any] = {
    "/api/v1/ai/image/task": {"prompt": "a", "user_id": "user_of_one"},
    "/api/v1/ai/tasks": {
        "type": "image",
        "model": "one",
        "input": {"prompt": "a"},
        "user_id": "user_of_one",
        "delay": 3600,
    },
}
"""Where the example of the document is not for this provider."""


@attrs.define(kw_only=True, eq=False)
class House:
    """An application with two projects; `one` is the one that has something."""

    api: Client
    one: Headers
    other: Headers
    routes: tuple[DeclaredRoute, ...]
    operations: Mapping[tuple[str, str], Mapping[str, Any]]
    asked: int = 0

    @classmethod
    async def of(cls, api: Client) -> House:
        _, one = await make_key(api, "one")
        _, other = await make_key(api, "other")
        document = orjson.loads(orjson.dumps(document_of(api.app)))
        return cls(
            api=api,
            one=bearer(one),
            other=bearer(other),
            routes=tuple(each for each in declared_routes(api.app) if each.method != "HEAD"),
            operations={
                (method.upper(), path): operation
                for path, methods in document["paths"].items()
                for method, operation in methods.items()
            },
        )

    def operation(self, route: DeclaredRoute) -> Mapping[str, Any]:
        """Return what the document says of a route; nothing for one that is for people."""
        return self.operations.get((route.method, re.sub(r"<(\w+)(?::\w+)?>", r"{\1}", route.path)), {})

    def body(self, route: DeclaredRoute) -> Any:
        """Return an example of what a route takes, None for nothing that is JSON."""
        content = self.operation(route).get("requestBody", {}).get("content", {})
        return BODIES.get(route.path) or content.get(JSON, {}).get("example")

    async def ask(self, who: Headers, method: str, path: str, body: Any = None, **query: str) -> Reply:
        headers = {**who, "Accept-Language": "en", "Prefer": "respond-async"}
        patience = A_MOMENT if path.endswith("/events") or "/wait/" in path else PATIENCE
        options = {"json": body, "params": query, "headers": headers, "timeout": patience}
        try:
            return await self.api.ask(method, path, allow_redirects=False, **options)
        except TimeoutError:
            return Reply(WAITED, {}, b"it waits")

    async def furnish(self) -> dict[str, set[str]]:
        """Have the one project make all that can be made; return each name it was told, by what it is called."""
        project = (await administer(self.api, "GET", "/projects/one"))["id"]
        for status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED):
            made = make_task(f"volcengine_img_{status.value}{0:024x}", status, owner=project, user_id="user_of_one")
            await self.api.services.store.insert(made)
        told: dict[str, set[str]] = {"user_id": {"user_of_one"}}
        plain = [each for each in self._open() if "<" not in each.path]
        for method, body in (("POST", self.body), ("GET", lambda _: None)):
            asked = [self.ask(self.one, method, each.path, body(each)) for each in plain if each.method == method]
            for reply in await asyncio.gather(*asked):
                _note(told, reply)
        return told

    def _open(self) -> Iterator[DeclaredRoute]:
        """Yield the routes that a project's key may ask."""
        return (each for each in self.routes if each.needs is not None and each.needs != "admin")

    async def compare(self, method: str, path: str, body: Any, known: str, **query: str) -> str | None:
        """Ask as the other project for *known* and for what nobody has; return how the answers differ."""
        answers = await self._answers(method, path, body, known, query)
        # Out of breath once, the machine answers the next time; a difference is still there.
        if [answer[0] for answer in answers].count(WAITED) == 1:
            answers = await self._answers(method, path, body, known, query)
        return None if answers[0] == answers[1] else f"{method} {path} {query or ''} {body or ''}: {answers}"

    async def _answers(
        self, method: str, path: str, body: Any, known: str, query: Mapping[str, str]
    ) -> list[Answer]:
        """Return what the other project is told of *known*, and of what nobody has."""
        answers = []
        for name in (known, _made_up(known)):
            asked = {key: value.replace(known, name) for key, value in query.items()}
            sent = None if body is None else self._with_name(body, known, name)
            reply = await self.ask(self.other, method, path.replace(known, name), sent, **asked)
            answers.append(_plain(reply, name))
        return answers

    def comparisons(
        self, route: DeclaredRoute, told: Mapping[str, set[str]], names: Sequence[str]
    ) -> Iterator[Awaitable[str | None]]:
        """Yield each way to ask a route for a name: in its path, or else in its query and in its body."""
        body = self.body(route)
        if route.path in OPEN_BY_PERMISSION:
            return
        if "<" in route.path:
            for name in names:
                yield self.compare(route.method, re.sub(r"<[^>]+>", name, route.path), body, name)
            return
        for parameter in self.operation(route).get("parameters", []):
            if parameter["in"] == "query" and parameter["schema"].get("type") == "string":
                for name in {*told.get(parameter["name"], ()), *names[:MOST_IN_QUERIES]}:
                    yield self.compare(route.method, route.path, None, name, **{parameter["name"]: name})
        for put in _leaves(body) if route.method != "GET" else ():
            for name in names[:: max(1, len(names) // 3)]:
                yield self.compare(route.method, route.path, put(name), name)

    def _with_name(self, body: Any, known: str, name: str) -> Any:
        """Return *body* with another name; what has to be unique among one's own is new each time."""
        self.asked += 1
        text = orjson.dumps(body).decode().replace(known, "\0").replace("user@", f"user{self.asked}@")
        return orjson.loads(text.replace("\0", name))


def _note(told: dict[str, set[str]], reply: Reply) -> None:
    if "json" in reply.headers.get("Content-Type", "") and reply.status < 300:
        for name, value in _members(reply.json):
            kind = told.setdefault(name, set()) if IDS.search(name) else None
            if kind is not None and len(kind) < MOST_OF_A_KIND and 6 <= len(value) <= 100:
                kind.add(value)


def _members(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _members(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _members(item, name)


def _made_up(name: str) -> str:
    """Return a name of the same form that nobody has: another letter or digit for each of the last eight."""
    turned = [*name]
    places = [place for place, letter in enumerate(name) if letter.isascii() and letter.isalnum()][-8:]
    for place in places:
        letter = name[place]
        alphabet = string.digits if letter.isdigit() else "abcdef" if letter in "abcdef" else string.ascii_lowercase
        turned[place] = alphabet[(alphabet.find(letter.lower()) + 1) % len(alphabet)]
    return "".join(turned)


def _plain(reply: Reply, name: str) -> Answer:
    """Return an answer without what differs from one to the next by itself: its id, times, new ids."""
    headers = {key.lower(): _text(value, name) for key, value in reply.headers.items()}
    return (
        reply.status,
        {key: value for key, value in headers.items() if key not in NOT_COMPARED},
        _text(reply.body.decode(errors="replace"), name),
    )


def _text(text: str, name: str) -> str:
    text = re.sub(r'"request_id":"[^"]*"', "", text.replace(name, "NAME"))
    text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|\+00:00)", "TIME", text)
    text = re.sub(r'"(created_at|expires_at|created)":\d{10}', r'"\1":TIME', text)
    text = re.sub(r'"waited_s":(?!0\.0\b)[0-9.e-]+', '"waited_s":TIME', text)  # none waits, or one does
    text = re.sub(r"(whsec|dq_[a-z]+)_[A-Za-z0-9+/=]+", "SECRET", text)
    return re.sub(r"[0-9a-f]{16,}", "HEX", re.sub(r"user\d+@", "user@", text))


def _leaves(body: Any) -> Iterator[Callable[[str], Any]]:
    """Yield, for each text in a body, a function that returns the body with another one there."""
    if isinstance(body, str):
        yield lambda name: name
    elif isinstance(body, dict):
        for key, item in body.items():
            for put in _leaves(item):
                yield lambda name, key=key, put=put: {**body, key: put(name)}  # type: ignore[misc]
    elif isinstance(body, list):
        for place, item in enumerate(body):
            for put in _leaves(item):
                yield lambda name, place=place, put=put: [*body[:place], put(name), *body[place + 1 :]]  # type: ignore[misc]


class TestEveryRoute:
    async def test_names_of_others_are_names_of_nobody(self, open_api: Open) -> None:
        """In paths, in queries, in bodies; and asking changed nothing of theirs."""
        async with open_api(**SETTINGS) as api:
            house = await House.of(api)
            told = await house.furnish()
            names = sorted(set().union(*told.values()))
            assert {"id", "task_id", "user_id", "email"} <= told.keys(), told.keys()
            before = await _seen_by(house, house.one)
            differences = []
            # What looks comes first: afterwards the other project has made things of these names itself.
            for route in sorted(house.routes, key=lambda each: each.method != "GET"):
                # At once: three doors keep each of theirs waiting for as long as this client has patience.
                differences += await asyncio.gather(*house.comparisons(route, told, names))
            assert [each for each in differences if each is not None] == []
            assert await _seen_by(house, house.one) == before

    async def test_what_others_have_counts_nowhere(self, open_api: Open) -> None:
        """Every answer that takes no name is the same before the other project came and after."""
        async with open_api(**SETTINGS) as api:
            house = await House.of(api)
            body = {"prompt": "mine", "user_id": "user_of_other"}
            mine = (await house.ask(house.other, "POST", "/api/v1/ai/image/task", body)).json["data"]["task_id"]
            before = await _seen_by(house, house.other, mine)
            assert len(before) > 5
            await house.furnish()
            assert await _seen_by(house, house.other, mine) == before

    async def test_what_is_not_public_wants_a_key(self, open_api: Open) -> None:
        """By its declaration: without one, and with one that may do something else, it is refused unread."""
        async with open_api(**SETTINGS) as api:
            house = await House.of(api)
            _, nothing = await make_key(api, "one", scopes=["webhooks"])
            for route in house.routes:
                if route.needs is None:
                    continue
                path = re.sub(r"<[^>]+>", "x", route.path)
                assert (await house.ask({}, route.method, path)).status == 401, route
                if route.needs != "webhooks":
                    refused = await house.ask(bearer(nothing), route.method, path)
                    assert refused.status == 403, route


class TestSameWords:
    async def test_same_idempotency_key_of_two_projects_is_two(self, open_api: Open) -> None:
        """Neither learns that the other used it, nor gets what it made."""
        async with open_api(**SETTINGS) as api:
            house = await House.of(api)
            made = []
            for who in (house.one, house.other, house.one):
                headers = {**who, "Idempotency-Key": "order-1"}
                reply = await api.ask(
                    "POST", "/api/v1/ai/image/task", json={"prompt": "a", "user_id": "u"}, headers=headers
                )
                assert reply.status == 201
                made.append(reply.json["data"]["task_id"])
            assert made[0] == made[2] != made[1]

    async def test_same_request_of_two_projects_is_two(self, open_api: Open) -> None:
        """Where identical requests of a user join, too."""
        async with open_api(**SETTINGS, DANQING_COALESCE_S="60") as api:
            house = await House.of(api)
            body = {"prompt": "a", "user_id": "u"}
            made = [
                (await house.ask(who, "POST", "/api/v1/ai/image/task", body)).json["data"]["task_id"]
                for who in (house.one, house.other, house.one)
            ]
            assert made[0] == made[2] != made[1]

    async def test_same_address_of_two_projects_is_two_users(self, open_api: Open) -> None:
        """No 409 tells that somebody else has it."""
        async with open_api(**SETTINGS) as api:
            house = await House.of(api)
            body = {"email": "user@example.com", "name": "Ann"}
            assert [
                (await house.ask(who, "POST", "/api/v1/users", body)).status for who in (house.one, house.other)
            ] == [
                201,
                201,
            ]


async def _seen_by(house: House, who: Headers, task: str = "") -> dict[str, Any]:
    """Return the answers to every question that takes no name, and to those about one task of one's own."""
    paths = {
        re.sub(r"<task_id(?::\w+)?>", task, route.path) if task else route.path
        for route in house._open()
        if route.method == "GET"
    }
    named = sorted(path for path in paths if "<" not in path)
    replies = await asyncio.gather(*(house.ask(who, "GET", path) for path in named))
    return {path: _plain(reply, "\0") for path, reply in zip(named, replies, strict=True)}
