"""How a submission that was made before is recognised: by its `Idempotency-Key`, or by being the same again.

Source: draft-ietf-httpapi-idempotency-key-header-07, read 2026-11-24.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import attrs

from danqing_plugins import Message, Problem
from danqing_server.access.caller import Caller
from danqing_server.codec.bodies import dump_json, shorten
from danqing_server.desk.admission import Accepted
from danqing_server.desk.request import Repeat, Submission
from danqing_server.errors import InvalidSubmission
from danqing_server.http.links import location_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.services import Services
from danqing_server.records.tasks import JsonObject

__all__ = [
    "HEADER",
    "REPLAYED",
    "created_headers",
    "digest_of",
    "fingerprint_of",
    "name_of_sent_key",
    "repeat_of",
    "submit_once",
]

HEADER = "Idempotency-Key"
REPLAYED: Mapping[str, str] = {"idempotent-replayed": "true"}
"""What an answer says that an earlier request of the same key was given."""

MALFORMED = Message(
    key="idempotency_key.malformed",
    zh="必须是 1 到 255 个可见 ASCII 字符",
    en="must have 1 to 255 visible ASCII characters",
)

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


async def submit_once(
    request: ApiRequest,
    services: Services,
    submission: Submission,
    sent: JsonObject,
    meant: JsonObject,
) -> Accepted:
    """Submit, or find the task that the same request made before: *sent* to the byte, or *meant* alike.

    Raises as `Submissions.submit` does.
    """
    repeat = repeat_of(
        request.headers.get(HEADER),
        request.path.rstrip("/"),
        sent,
        submission.caller,
        services.settings.coalesce_s,
        meant=meant,
    )
    if repeat is not None:
        submission = attrs.evolve(submission, repeat=repeat)
    return await services.submissions.submit(submission)


def created_headers(request: ApiRequest, accepted: Accepted) -> dict[str, str]:
    """Return what a 201 says beside its body: where the task is, and whether an earlier request made it."""
    headers = {"location": location_of(request, f"/api/v1/tasks/{accepted.task.id}")}
    return {**headers, **REPLAYED} if accepted.replayed else headers


def repeat_of(
    key: str | None,
    route: str,
    sent: JsonObject,
    caller: Caller,
    coalesce_s: float,
    *,
    meant: JsonObject | None = None,
) -> Repeat | None:
    """Return how to recognise the request; None when each one is a task of its own. *meant* None: as it was sent.

    A key counts for its caller's project alone and for both doors together. Without one, identical requests are
    joined when *coalesce_s* is not 0.

    Raises:
        InvalidSubmission: *key* is malformed.
    """
    if key is None and not coalesce_s:
        return None
    fingerprint = fingerprint_of(route, sent)
    meaning = None if meant is None or meant is sent else fingerprint_of(route, meant)
    if key is None:
        shared = digest_of("request", caller.owner or "", meaning or fingerprint)
        return Repeat(key=shared, fingerprint=fingerprint, meaning=meaning, joins_for_s=coalesce_s)
    return Repeat(key=_name_of(key, caller), fingerprint=fingerprint, meaning=meaning)


def name_of_sent_key(request: ApiRequest, caller: Caller) -> str | None:
    """Return under which name the key of *request* is stored, None without one. Raises as `repeat_of` does."""
    key = request.headers.get(HEADER)
    return None if key is None else _name_of(key, caller)


def _name_of(key: str, caller: Caller) -> str:
    if not _KEY.fullmatch(key):
        raise InvalidSubmission([Problem(field=HEADER, message=MALFORMED(), value=shorten(key))])
    return digest_of("key", caller.owner or "", key)


def fingerprint_of(route: str, body: JsonObject) -> str:
    """Return a hash of a request. It stands in stored keys: what it is made of must not change."""
    return digest_of(route, dump_json(_in_order(body)).decode())


def digest_of(*parts: str) -> str:
    """Return a hash of *parts*; their lengths keep `ab, c` and `a, bc` apart."""
    hashed = sha256()
    for part in parts:
        encoded = part.encode()
        hashed.update(f"{len(encoded)}:".encode())
        hashed.update(encoded)
    return hashed.hexdigest()


def _in_order(value: Any) -> Any:
    """Return *value* with the keys of every object sorted: their order means nothing in JSON."""
    if isinstance(value, Mapping):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return [_in_order(item) for item in value] if isinstance(value, list) else value
