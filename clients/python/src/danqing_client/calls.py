"""What is sent, and when it is sent again: everything that needs no connection, for both clients."""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from danqing_client.answers import retry_after_s
from danqing_client.errors import ApiError, Conflict, ConnectionFailed, NotFound

__all__ = [
    "SHORTEST_POLL_S",
    "Call",
    "Settings",
    "Submission",
    "again",
    "between_polls_s",
    "default_model",
    "events_call",
    "is_done_already",
    "listing",
    "move",
    "pause_s",
    "poll",
    "request_of",
    "unreached",
    "upload_call",
]

DEFAULT_URL = "http://127.0.0.1:8080"
LONG_POLL_S = 50
SHORTEST_POLL_S = 0.5
READ_S = 75.0
GRACE_S = 10.0  # for an answer to come after the time that was waited for, and for a server to start again
LONGEST_PAUSE_S = 30.0
PASSING = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Settings:
    """Where the server is and what is said to it. `retries` is how often what may pass is tried again."""

    url: str
    key: str | None
    user_id: str
    retries: int
    language: str

    @classmethod
    def read(cls, url: str | None, key: str | None, user_id: str | None, retries: int, language: str) -> Settings:
        """Return them; what is None comes from `DANQING_URL`, `DANQING_KEY` and `DANQING_USER_ID`.

        An empty key is none, whatever the environment says; white space around one, as of a file with line ends
        of Windows, is none of it.
        """
        return cls(
            url=(url or os.environ.get("DANQING_URL") or DEFAULT_URL).rstrip("/"),
            key=((os.environ.get("DANQING_KEY") if key is None else key) or "").strip() or None,
            user_id=user_id or os.environ.get("DANQING_USER_ID") or "default",
            retries=retries,
            language=language,
        )

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        known = {"accept-language": self.language, "user-agent": "danqing-client/0.2.0"}
        return known if self.key is None else {**known, "authorization": f"Bearer {self.key}"}

    @property
    def limits(self) -> httpx.Limits:
        """As many connections as there are calls: those that wait must not hold up the others."""
        return httpx.Limits(max_connections=None, max_keepalive_connections=100)

    @property
    def timeout(self) -> httpx.Timeout:
        """Longer than the server lets a long poll wait."""
        return httpx.Timeout(READ_S, connect=10.0)


@dataclass(frozen=True)
class Call:
    """One request. `repeatable`: sent twice it does what it does once.

    `until_s`, of `time.monotonic`, is when its answer is wanted: long after it is not sent again.
    """

    method: str
    path: str
    json: Any = field(default=None, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    repeatable: bool = True
    until_s: float | None = None

    @classmethod
    def of_task(cls, method: str, task_id: str, what: str = "", **headers: str) -> Call:
        """Return a request about one task."""
        path = f"/api/v1/tasks/{quote(task_id, safe='')}{what}"
        return cls(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@dataclass(frozen=True)
class Submission:
    """A task to be. `model` None is the default provider's default, which the server is asked for."""

    input: Mapping[str, Any] = field(repr=False)
    type: str
    model: str | None
    provider: str | None
    user_id: str
    key: str
    options: Mapping[str, Any]

    @classmethod
    def make(
        cls,
        settings: Settings,
        prompt: str | None,
        parameters: Mapping[str, Any],
        *,
        type: str,
        model: str | None,
        provider: str | None,
        user_id: str | None,
        idempotency_key: str | None,
        **options: Any,
    ) -> Submission:
        """Return the submission that a user's words amount to."""
        told = {name: value for name, value in parameters.items() if value is not None}
        return cls(
            input=told if prompt is None else {"prompt": prompt, **told},
            type=type,
            model=model,
            provider=provider,
            user_id=user_id or settings.user_id,
            key=str(uuid.uuid4()) if idempotency_key is None else idempotency_key,
            options={name: value for name, value in options.items() if value is not None},
        )

    def body(self, model: str) -> dict[str, Any]:
        """Return the body that names *model*."""
        body = {"type": self.type, "model": model, "input": dict(self.input), "user_id": self.user_id}
        named = {} if self.provider is None else {"provider": self.provider}
        return {**body, **named, **self.options}

    def call(self, model: str) -> Call:
        """Return the request that submits it."""
        return Call("POST", "/api/v1/ai/tasks", json=self.body(model), headers={"idempotency-key": self.key})

    def check(self, model: str) -> Call:
        """Return the request that asks what it would cost."""
        return Call("POST", "/api/v1/ai/tasks/check", json=self.body(model))


def default_model(document: Mapping[str, Any], provider: str | None) -> str:
    """Return what `GET /api/v1/providers` calls the default model of *provider*. Raises LookupError."""
    wanted = provider or document["default"]
    for each in document["providers"]:
        if each["name"] == wanted:
            return str(each["default_model"])
    raise LookupError(f"the server has no provider {wanted!r}")


def upload_call(source: str | Path | bytes) -> Call:
    """Return the request that sends a picture: a file's, or these bytes."""
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    headers = {"content-type": "application/octet-stream"}
    return Call("POST", "/api/v1/uploads", content=content, headers=headers)


def pause_s(
    settings: Settings, call: Call, tries: int, failed: httpx.Response | httpx.RequestError
) -> float | None:
    """Return how long to wait before *call* is sent again, after so many *tries*; None: not again."""
    if tries > settings.retries or not call.repeatable:
        return None
    wait_s: float = min(LONGEST_PAUSE_S, 0.5 * 2.0 ** (tries - 1)) * random.uniform(0.75, 1.0)
    if isinstance(failed, httpx.Response):
        if failed.status_code not in PASSING:
            return None
        told_s = retry_after_s(failed) or 0.0
        if told_s > LONGEST_PAUSE_S:
            return None  # the caller knows better whether to wait that long
        wait_s = max(told_s, wait_s)
    if call.until_s is not None and time.monotonic() + wait_s > call.until_s + GRACE_S:
        return None
    return wait_s


def again(call: Call) -> Call:
    """Return *call* as it is repeated: where waiting was refused, or cut by a proxy, one asks without."""
    return replace(call, headers={name: value for name, value in call.headers.items() if name != "prefer"})


def unreached(call: Call, error: httpx.RequestError) -> ConnectionFailed:
    """Return what is raised when no answer came."""
    return ConnectionFailed(f"{call.method} {call.path}: no answer ({type(error).__name__})")


def move(what: str, task_id: str) -> Call:
    """Return the request for a move; a retry has a key, by which its repeat is known when it failed once more."""
    key = {"idempotency_key": str(uuid.uuid4())} if what == "retry" else {}
    return Call.of_task("POST", task_id, f"/{what}", **key)


def is_done_already(what: str, error: ApiError, *, repeated: bool) -> bool:
    """Tell whether a move that was sent twice is refused because the first one, unanswered, was carried out."""
    if not repeated:
        return False
    if what == "delete":
        return isinstance(error, NotFound)
    done = {"cancel": ("task_cancelled",), "retry": ("task_pending", "task_processing", "task_completed")}
    return isinstance(error, Conflict) and error.code in done[what]


def poll(task_id: str, until_s: float | None) -> Call:
    """Return the request that is answered when the task is another than now, or at *until_s* (None: never)."""
    left_s = LONG_POLL_S if until_s is None else until_s - time.monotonic()
    wait_s = int(min(LONG_POLL_S, max(1.0, left_s)))
    return replace(Call.of_task("GET", task_id, prefer=f"wait={wait_s}"), until_s=until_s)


def between_polls_s(took_s: float) -> float:
    """Return how long to wait before the next: not at all after one that waited itself."""
    return max(0.0, SHORTEST_POLL_S - took_s)


def listing(filters: Mapping[str, str | int | Sequence[str]], cursor: str | None) -> Call:
    """Return the request for a page of tasks."""
    params = _params_of(filters)
    return Call("GET", "/api/v1/tasks", params=params if cursor is None else {**params, "cursor": cursor})


def events_call(last_id: str | None, filters: Mapping[str, str | int | Sequence[str]]) -> Call:
    """Return the request for the stream of what happens."""
    headers = {"accept": "text/event-stream", **({} if last_id is None else {"last-event-id": last_id})}
    return Call("GET", "/api/v1/events", params=_params_of(filters), headers=headers)


def _params_of(filters: Mapping[str, str | int | Sequence[str]]) -> dict[str, str]:
    return {name: _word_of(value) for name, value in filters.items()}


def _word_of(value: str | int | Sequence[str]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else ",".join(value)


def request_of(settings: Settings, call: Call) -> dict[str, Any]:
    """Return what httpx is to send. The key goes to the server alone, wherever a link leads."""
    url = httpx.URL(settings.url).join(call.path) if "://" in call.path else httpx.URL(settings.url + call.path)
    ours = _origin_of(url) == _origin_of(httpx.URL(settings.url))
    request: dict[str, Any] = {
        "method": call.method,
        "url": url,
        # What is no ASCII is for the server to refuse, which says why.
        "headers": httpx.Headers({**(settings.headers if ours else {}), **call.headers}, encoding="utf-8"),
        "follow_redirects": call.method == "GET",  # httpx takes the key from what leads elsewhere
    }
    if call.until_s is not None:
        left_s = max(1.0, call.until_s - time.monotonic())
        request["timeout"] = httpx.Timeout(min(READ_S, left_s + GRACE_S), connect=10.0)
    if call.params:
        request["params"] = call.params
    if call.json is not None:
        request["json"] = call.json
    if call.content is not None:
        request["content"] = call.content
    return request


def _origin_of(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
