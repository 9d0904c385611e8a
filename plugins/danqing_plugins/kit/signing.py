"""Signatures over requests, for services that have no bearer keys. Each is a `Service.sign`.

    SERVICE = Service(…, sign=VolcengineV4(key_id=AK, secret=SK, region="cn-north-1", service="cv"), secrets=(SK,))

Sources: the signers of `volcengine` 1.0.229 (SignerV4) and of `tencentcloud-sdk-python-common` 3.1.195 (TC3), with
vectors made by them; read 2026-11-28.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

import attrs

from danqing_plugins.kit.http import Outgoing

__all__ = ["TencentTC3", "VolcengineV4"]

_USUAL_PORTS: Final = {"http": 80, "https": 443}


def _now() -> datetime:
    return datetime.now(UTC)


@attrs.frozen(kw_only=True)
class VolcengineV4:
    """Signature V4 of Volcengine: over the type, the host, every `X-` header, the query and the hash of the body.

    `secret` is used as it is written, without decoding. `token` is that of a temporary key, None for a permanent
    one.
    """

    key_id: str
    secret: str = attrs.field(repr=False)
    region: str
    service: str
    token: str | None = attrs.field(default=None, repr=False)
    now: Callable[[], datetime] = _now

    def __call__(self, outgoing: Outgoing) -> Mapping[str, str]:
        """Return the headers to add to *outgoing*."""
        date = self.now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        added = {"X-Date": date, "X-Content-Sha256": _hash(outgoing.body)}
        if self.token is not None:
            added["X-Security-Token"] = self.token
        signed = {
            name.lower(): value.strip()
            for name, value in {**outgoing.headers, **added, "host": _host(outgoing.url)}.items()
            if name.lower() in ("content-type", "content-md5", "host") or name.lower().startswith("x-")
        }
        scope = f"{date[:8]}/{self.region}/{self.service}/request"
        request = _canonical(outgoing, signed)
        text = f"HMAC-SHA256\n{date}\n{scope}\n{_hash(request.encode())}"
        signature = _chain(self.secret, date[:8], self.region, self.service, "request", text).hex()
        added["Authorization"] = (
            f"HMAC-SHA256 Credential={self.key_id}/{scope}, SignedHeaders={';'.join(sorted(signed))}, "
            f"Signature={signature}"
        )
        return added


@attrs.frozen(kw_only=True)
class TencentTC3:
    """TC3-HMAC-SHA256 of Tencent Cloud: over the type, the host and the hash of the body."""

    key_id: str
    secret: str = attrs.field(repr=False)
    service: str
    now: Callable[[], datetime] = _now

    def __call__(self, outgoing: Outgoing) -> Mapping[str, str]:
        """Return the headers to add to *outgoing*."""
        now = self.now().astimezone(UTC)
        stamp, date = str(int(now.timestamp())), now.strftime("%Y-%m-%d")
        signed = {"content-type": outgoing.headers.get("Content-Type", ""), "host": _host(outgoing.url)}
        scope = f"{date}/{self.service}/tc3_request"
        text = f"TC3-HMAC-SHA256\n{stamp}\n{scope}\n{_hash(_canonical(outgoing, signed).encode())}"
        signature = _chain(f"TC3{self.secret}", date, self.service, "tc3_request", text).hex()
        return {
            "X-TC-Timestamp": stamp,
            "Authorization": (
                f"TC3-HMAC-SHA256 Credential={self.key_id}/{scope}, SignedHeaders={';'.join(sorted(signed))}, "
                f"Signature={signature}"
            ),
        }


def _canonical(outgoing: Outgoing, signed: Mapping[str, str]) -> str:
    parts = urlsplit(outgoing.url)
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    return "\n".join(
        [
            outgoing.method,
            parts.path or "/",
            "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query),
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            ";".join(sorted(signed)),
            _hash(outgoing.body),
        ]
    )


def _host(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return host if parts.port in (None, _USUAL_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _chain(secret: str, *texts: str) -> bytes:
    key = secret.encode()
    for text in texts:
        key = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return key
