"""What Replicate's refusals mean, and the errors of predictions that failed.

Sources: replicate.com/docs/reference/http and /docs/reference/errors, and replicate 1.0.7; read 2026-11-28. A
refusal is problem JSON (`title`, `detail`, `status`) or `detail` alone. A prediction that fails is a 200 with
`error`, a text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    InvalidRequest,
    OutcomeUnknown,
    PluginError,
    RateLimited,
    Text,
    Unavailable,
)
from danqing_plugins.billing import Billed
from danqing_plugins.kit.failures import Answered, Complaint, Failures, Rule, find_refusal, is_its_own
from danqing_plugins.kit.waiting import LONGEST_RETRY_AFTER_S

__all__ = ["FAILURES", "NOT_FOUND", "RUNS", "failure_of_run"]

NOT_FOUND: Final = "model_not_found"
"""Our own code of a 404 that is Replicate's; of a question, it is about the prediction."""

_RESETS: Final = re.compile(r"resets in ~?(\d+)\s*s")
_CODE: Final = re.compile(r"\((?:code: )?([A-Z]{1,2}\d{0,4})\)|\b(E\d{3,4})\b")


def _wish_s(body: Any) -> float | None:
    """Return the seconds that a refusal's body asks to wait: its `retry_after`, or what its words say."""
    if not isinstance(body, Mapping):
        return None
    wish = body.get("retry_after")
    if isinstance(wish, int | float) and not isinstance(wish, bool) and wish >= 0:
        return min(float(wish), LONGEST_RETRY_AFTER_S)
    found = _RESETS.search(str(body.get("detail", "")))
    return min(float(found[1]), LONGEST_RETRY_AFTER_S) if found else None


def _find(body: Any, *, refused: bool = True) -> Complaint | None:
    """Return what *body* complains of; a text that is no object is a gateway's."""
    return find_refusal(body, refused=refused) if isinstance(body, Mapping) else None


class _Refusals(Failures):
    """A table whose service says in the body how long to wait."""

    def meaning_of(self, complaint: Complaint, answered: Answered) -> PluginError:
        wish_s = answered.retry_after_s
        wish_s = _wish_s(complaint.body) if wish_s is None else wish_s
        return super().meaning_of(complaint, attrs.evolve(answered, retry_after_s=wish_s))


FAILURES: Final = _Refusals(
    service=Text("Replicate", "Replicate"),
    rules=(
        Rule(AccountProblem, statuses=(401,)),
        Rule(AccountProblem, statuses=(402,), code="insufficient_credit"),
        Rule(InvalidRequest, statuses=(404,), words=is_its_own, code=NOT_FOUND),
        Rule(InvalidRequest, statuses=(422,), code="input_validation_failed"),
        Rule(RateLimited, statuses=(429,)),
    ),
    find=_find,
    setting="REPLICATE_ENDPOINT",
)

RUNS: Final = Failures(
    service=FAILURES.service,
    rules=(
        Rule(ContentRejected, words=re.compile(r"\(E005\)|flagged as sensitive|NSFW", re.IGNORECASE)),
        Rule(Unavailable, words=re.compile(r"\(E00[34]\)|\(code: PA\)|please retry", re.IGNORECASE)),
        Rule(InvalidRequest, words=re.compile(r"out of memory|E1001", re.IGNORECASE)),
    ),
)
"""The errors of predictions."""


def failure_of_run(said: str, *, official: bool, secrets: tuple[str, ...], prompt: str) -> PluginError:
    """Return what the `error` of a prediction that failed means.

    Official models are billed by their outputs, and a failure has none. The others are billed by the time they ran:
    whatever a failure is called, it may have cost that.
    """
    found = _CODE.search(said)
    code = next(filter(None, found.groups()), "") if found else ""
    answered = Answered(status=None, secrets=secrets, prompt=prompt)
    meaning = RUNS.meaning_of(Complaint(code, said), answered)
    kind = type(meaning)
    if issubclass(kind, InvalidRequest | ContentRejected):
        return kind(meaning.message, code=meaning.code, billed=Billed.NO if official else Billed.UNKNOWN)
    return (Unavailable if official else OutcomeUnknown)(meaning.message, code=code or "prediction_failed")
