"""What fal's refusals mean. Sources: docs.fal.ai/errors and fal-client 1.0.3, read 2026-11-28.

A 422 may be billed, when a runner had begun; a 5xx of fal's own never is: the platform has tried it up to ten times
itself. What a gateway's page hides, that names no error, nobody knows. There are two shapes: a model's `detail`, a
list of what is wrong or a text, and the platform's `detail` with `error_type`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    InvalidRequest,
    OutcomeUnknown,
    RateLimited,
    Text,
    Unavailable,
)
from danqing_plugins.billing import Billed
from danqing_plugins.kit.failures import Complaint, Failures, Rule, find_complaint, is_its_own

__all__ = ["FAILURES", "NOT_FOUND"]

NOT_FOUND: Final = "NOT_FOUND"
"""The state, with a 404, of a request that fal does not know."""

_OF_THE_PLATFORM: Final = (
    re.compile(r"runner_.*"),
    "startup_timeout",
    "request_timeout",
    "internal_error",
    "internal_server_error",
    "generation_timeout",
    "downstream_service_unavailable",
    "downstream_service_error",
)
_OF_THE_REQUEST: Final = (
    re.compile(r"(image|file|video|audio)_.*"),
    "feature_not_supported",
    "one_of",
    "missing",
    "no_media_generated",
    "bad_request",
    re.compile(r"(greater|less)_than.*"),
    re.compile(r".*_(type|parsing)"),
    "value_error",
    "enum",
    "literal_error",
)


def find(body: Any, *, refused: bool = True) -> Complaint | None:
    """Return what *body* complains of. A state is no complaint, although that of a failed one tells its error."""
    if not isinstance(body, Mapping):  # a gateway's words: fal's own are in an object
        return None
    if not refused and "status" in body:
        return None
    if isinstance(body.get("error_type"), str):
        said = body.get("detail") or body.get("error") or ""
        return Complaint(body["error_type"], said if isinstance(said, str) else "", body)
    if isinstance(body.get("status"), str):  # NOT_FOUND, or ALREADY_COMPLETED of a cancellation
        return Complaint(body["status"], "", body)
    return find_complaint(body, refused=refused)


FAILURES: Final = Failures(
    service=Text("fal", "fal"),
    rules=(
        Rule(ContentRejected, codes=("content_policy_violation",), statuses=(422,), billed=Billed.UNKNOWN),
        Rule(ContentRejected, codes=("content_policy_violation",)),
        Rule(AccountProblem, statuses=(403,), words=re.compile(r"locked|balance", re.IGNORECASE)),
        Rule(AccountProblem, statuses=(401,)),
        Rule(RateLimited, codes=("concurrent_requests_limit",)),
        Rule(RateLimited, statuses=(429,)),
        Rule(Unavailable, codes=_OF_THE_PLATFORM),
        Rule(InvalidRequest, statuses=(422,), billed=Billed.UNKNOWN),
        Rule(InvalidRequest, codes=_OF_THE_REQUEST),
        # One that waited costs nothing, one that ran may: fal does not say which it was.
        Rule(OutcomeUnknown, codes=("client_cancelled", "client_disconnected")),
        Rule(InvalidRequest, codes=(NOT_FOUND,)),
        Rule(Unavailable, statuses=(500, 502, 503, 504), words=is_its_own),
    ),
    find=find,
    setting="FAL_ENDPOINT",
)
