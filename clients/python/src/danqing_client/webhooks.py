"""Webhooks as they arrive. Source: Standard Webhooks 1.0.0, github.com/standard-webhooks, read 2026-11-28.

Its own library does the same and brings four others along; this is the whole of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from danqing_client.errors import WrongSignature

__all__ = ["WebhookEvent", "verify_webhook"]

TOLERANCE_S = 300
PREFIX = "whsec_"


@dataclass(frozen=True)
class WebhookEvent:
    """What happened; `data` is the task, without its input.

    `id` is the same however often it is sent: remember it. What a video's `callback_url` is told, in Ark's words,
    has no type and no timestamp of ours: they are empty, and `data` is the whole of it.
    """

    id: str
    type: str
    timestamp: str
    data: Mapping[str, Any] = field(repr=False)


def verify_webhook(
    secret: str, headers: Mapping[str, str], body: bytes | str, *, now_s: Callable[[], float] = time.time
) -> WebhookEvent:
    """Check a webhook and return its event. *body* is what came, byte for byte; names of *headers* in any case.

    Raises:
        WrongSignature: it is not signed with *secret*, or is more than five minutes old.
        ValueError: *secret* is none (`whsec_…`).
    """
    named = {name.lower(): value for name, value in headers.items()}
    raw = body.encode() if isinstance(body, str) else body
    try:
        id_, sent_at, signatures = (named[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        age_s = abs(now_s() - int(sent_at))
    except (KeyError, ValueError) as error:
        raise WrongSignature("the headers of a webhook are missing or malformed") from error
    if age_s > TOLERANCE_S:
        raise WrongSignature(f"the timestamp is {age_s:.0f} s off")
    expected = _signature(_key_of(secret), id_, sent_at, raw)
    given = [each.partition(",")[2] for each in signatures.split() if each.startswith("v1,")]
    if not any(hmac.compare_digest(each.encode(), expected) for each in given):
        raise WrongSignature("no signature fits")
    document = json.loads(raw)
    if "type" not in document:
        return WebhookEvent(id=id_, type="", timestamp="", data=document)
    return WebhookEvent(id=id_, type=document["type"], timestamp=document["timestamp"], data=document["data"])


def _key_of(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a webhook's secret is `whsec_` and base64") from error


def _signature(key: bytes, id_: str, sent_at: str, body: bytes) -> bytes:
    signed = f"{id_}.{sent_at}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
