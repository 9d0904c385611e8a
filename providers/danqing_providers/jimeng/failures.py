"""What 即梦's codes mean, and its two envelopes.

The gateway answers with `ResponseMetadata.Error`, the service with a `code` of its own, 10000 for success, whatever
the HTTP status is. Source: volcengine.com/docs/85621 (error codes, 2026-03-28), read 2026-11-28.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from danqing_plugins import AccountProblem, ContentRejected, InvalidRequest, RateLimited, Text, Unavailable
from danqing_plugins.kit.failures import Complaint, Failures, Rule, find_complaint

__all__ = ["FAILURES", "SUCCESS", "is_of_the_work"]

SUCCESS: Final = 10000
_CROWDED_S: Final = 2.0
_AGAIN: Final = ("50511", "50516", "50517", "50519")
"""What was made was refused, and another try may pass: the table says so."""

_REFUSED: Final = ("50411", "50412", "50413", "50512", "50518", "50520", "50521", "50522")


def find(body: Any, *, refused: bool = True) -> Complaint | None:
    """Return what *body* complains of.

    One with the state of a task is an answer, although its code be another, unless its HTTP status refuses: a task
    that failed may be told so.
    """
    if not isinstance(body, Mapping):
        return find_complaint(body, refused=refused)
    around = body.get("ResponseMetadata")
    error = around.get("Error") if isinstance(around, Mapping) else None
    if isinstance(error, Mapping):
        return Complaint(str(error.get("Code", "")), str(error.get("Message", "")), body)
    if not refused and isinstance(body.get("data"), Mapping) and "status" in body["data"]:
        return None
    if body.get("code") == SUCCESS:
        return None
    return Complaint(str(body.get("code", "")), str(body.get("message", "")), body)


def is_of_the_work(code: str | None) -> bool:
    """Say whether *code*, told by the question for a task, is about the task: else it is about the question."""
    return code in (*_AGAIN, *_REFUSED, "50215")


FAILURES: Final = Failures(
    service=Text("Jimeng", "即梦"),
    rules=(
        Rule(ContentRejected, codes=_REFUSED),
        Rule(Unavailable, codes=_AGAIN),
        Rule(RateLimited, codes=("50429",)),
        Rule(RateLimited, codes=("50430",), scope="model", pause_s=_CROWDED_S),
        Rule(AccountProblem, codes=("50400", "30403", "30404")),
        Rule(AccountProblem, statuses=(401,), codes=(re.compile("Signature.*|Invalid.*|.*Credential.*"),)),
        Rule(InvalidRequest, codes=("50215",)),
    ),
    find=find,
    setting="JIMENG_ENDPOINT",
)
