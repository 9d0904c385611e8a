"""When a signed URL stops working, as far as the URL itself says.

Sources, read 2026-11-27: volcengine.com/docs/6349/129226 (TOS: `X-Tos-Date`, `X-Tos-Expires`), AWS "Authenticating
requests: query parameters" (`X-Amz-*`, and version 2's `Expires`), cloud.google.com/storage/docs/access-control/
signed-urls (`X-Goog-*`), help.aliyun.com "OSS: signature in the URL" (`x-oss-*` of version 4, `Expires` of version
1), cloud.tencent.com/document/product/436/7778 (COS: `q-sign-time=start;end`), CloudFront "canned policy"
(`Expires`), Azure "Create a service SAS" (`se`). The `auth_key` of Chinese CDNs is not read: it is the end of the
link, or its beginning, as the CDN's owner has set it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

__all__ = ["expires_at"]

MOST_PARAMETERS = 200

Parameters = Mapping[str, str]


def expires_at(url: str) -> datetime | None:
    """Return the moment (UTC) after which *url* is refused; None when it does not say, or not in a known form.

    It is the signer's clock, not ours. Raises nothing, whatever *url* is: it comes from outside.
    """
    try:
        pairs = parse_qsl(urlsplit(url).query, max_num_fields=MOST_PARAMETERS)
        given = {name.lower(): value for name, value in reversed(pairs)}
        return next((moment for read in _READERS if (moment := read(given)) is not None), None)
    except (ValueError, OverflowError):  # no URL, no date, or a year that no calendar has
        return None


def _dated(vendor: str) -> Callable[[Parameters], datetime | None]:
    """Read `X-<vendor>-Date`, `20261127T101112Z`, and `X-<vendor>-Expires`, seconds from there."""

    def read(given: Parameters) -> datetime | None:
        seconds = _whole(given.get(f"x-{vendor}-expires"))
        if seconds is None or f"x-{vendor}-date" not in given:
            return None
        signed_at = datetime.strptime(given[f"x-{vendor}-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return signed_at + timedelta(seconds=seconds)

    return read


def _unix(given: Parameters) -> datetime | None:
    """Read `Expires`, a Unix time beside a `Signature`: OSS and S3 of old, Google of old, CloudFront."""
    seconds = _whole(given.get("expires"))
    return _moment(seconds) if "signature" in given else None


def _tencent(given: Parameters) -> datetime | None:
    """Read `q-sign-time`, two Unix times with a semicolon between."""
    return _moment(_whole(given.get("q-sign-time", "").rpartition(";")[2])) if "q-signature" in given else None


def _azure(given: Parameters) -> datetime | None:
    """Read `se`, ISO 8601 down to days, minutes or seconds, beside a `sig`."""
    if "sig" not in given or "se" not in given:
        return None
    moment = datetime.fromisoformat(given["se"])
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,11}", text) else None


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


_READERS = (*map(_dated, ("tos", "amz", "goog", "oss")), _unix, _tencent, _azure)
