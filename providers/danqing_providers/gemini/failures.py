"""What Gemini's errors mean: `{"error": {"code", "message", "status", "details"}}`.

Sources, read 2026-11-28: ai.google.dev/gemini-api/docs/troubleshooting, google-genai 3.6.1 (`errors.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from danqing_plugins import AccountProblem, InvalidRequest, OutcomeUnknown, PluginError, RateLimited, Unavailable
from danqing_plugins.kit.failures import Answered, Complaint, Failures, Rule
from danqing_providers.gemini import texts

__all__ = ["FAILURES"]

PER_DAY: Final = "RESOURCE_EXHAUSTED.PerDay"
KEY_INVALID: Final = "API_KEY_INVALID"
_DELAY: Final = re.compile(r"(\d+(?:\.\d+)?)s")


def _details(body: Any) -> list[Mapping[str, Any]]:
    error = body.get("error") if isinstance(body, Mapping) else None
    details = error.get("details") if isinstance(error, Mapping) else None
    return [each for each in details if isinstance(each, Mapping)] if isinstance(details, list) else []


def _find(body: Any, *, refused: bool = True) -> Complaint | None:
    """Return what *body* complains of, by its `status`; a bad key and a day's quota have words of their own."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return None
    code = str(error.get("status") or "")[:100]
    details = _details(body)
    if any(each.get("reason") == KEY_INVALID for each in details):
        code = KEY_INVALID
    if code == "RESOURCE_EXHAUSTED" and "PerDay" in str([each.get("violations") for each in details]):
        code = PER_DAY
    return Complaint(code, str(error.get("message") or ""), body)


@attrs.frozen(kw_only=True)
class _GeminiFailures(Failures):
    """Reads the wish to wait from the body: there is no `Retry-After`."""

    def meaning_of(self, complaint: Complaint, answered: Answered) -> PluginError:
        """Return what *complaint* means."""
        told = (_DELAY.fullmatch(str(each.get("retryDelay", ""))) for each in _details(complaint.body))
        delay = next((float(found[1]) for found in told if found), None)
        if answered.retry_after_s is None and delay is not None:
            answered = attrs.evolve(answered, retry_after_s=min(delay, 300.0))
        return Failures.meaning_of(self, complaint, answered)


FAILURES: Final = _GeminiFailures(
    service=texts.SERVICE,
    setting="DANQING_GEMINI_ENDPOINT",
    find=_find,
    rules=(
        Rule(AccountProblem, codes=(KEY_INVALID, PER_DAY, "FAILED_PRECONDITION", "UNAUTHENTICATED")),
        Rule(AccountProblem, statuses=(402,)),
        Rule(AccountProblem, codes=("PERMISSION_DENIED",), certain=False),
        Rule(RateLimited, codes=("RESOURCE_EXHAUSTED",), scope="model"),
        Rule(InvalidRequest, codes=("INVALID_ARGUMENT", "NOT_FOUND")),
        Rule(OutcomeUnknown, codes=("CANCELLED", "DEADLINE_EXCEEDED")),
        Rule(Unavailable, codes=("INTERNAL", "UNAVAILABLE")),
    ),
)
