"""What DashScope's errors mean: by code, since moderation comes with a 500 too, and a refusal with a 200.

Only successes are billed, so that an answer that names an error costs nothing, whatever its status.

Source: help.aliyun.com/zh/model-studio/error-code, read 2026-11-28.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from danqing_plugins import AccountProblem, ContentRejected, InvalidRequest, PluginError, RateLimited, Unavailable
from danqing_plugins.kit.failures import Answered, Complaint, Failures, Rule
from danqing_providers.dashscope import texts

__all__ = ["FAILURES", "failure_of"]

ENDPOINT_SETTING: Final = "DANQING_DASHSCOPE_ENDPOINT"
_FREE_QUOTA: Final = re.compile(r"free (allocated )?quota|free tier", re.IGNORECASE)
_SYNCHRONOUS: Final = re.compile(r"synchronous calls?", re.IGNORECASE)
_MINUTE_S: Final = 60.0


def _find(body: Any, *, refused: bool = True) -> Complaint | None:
    """Return what *body* complains of: a top-level `code` that is not empty, whatever the status."""
    if not isinstance(body, Mapping):
        return None
    code, message = body.get("code"), body.get("message")
    if not code and not refused:
        return None
    if not code and not message:
        return None
    return Complaint(str(code or "")[:100], str(message or ""), body)


def _rest_of_minute(answered: Answered) -> float:
    return _MINUTE_S - answered.now_s % _MINUTE_S


FAILURES: Final = Failures(
    service=texts.SERVICE,
    setting=ENDPOINT_SETTING,
    find=_find,
    rules=(
        # First: it is a 400, and a 500 as InternalError.Algo.DataInspectionFailed.
        Rule(ContentRejected, codes=(re.compile(r"(.*\.)?DataInspection(Failed)?"), "IPInfringementSuspect")),
        Rule(AccountProblem, codes=("Arrearage", "InvalidApiKey", re.compile(r"(.*\.)?FreeTierOnly"))),
        Rule(AccountProblem, codes=("Throttling.AllocationQuota",), words=_FREE_QUOTA),
        Rule(InvalidRequest, codes=("AccessDenied",), words=_SYNCHRONOUS),
        # A model that is not opened, a workspace that is not ours: of one model, perhaps.
        Rule(AccountProblem, codes=(re.compile(r"(Model\.)?AccessDenied(\..*)?"),), certain=False),
        Rule(RateLimited, codes=("Throttling.AllocationQuota",), scope="model", pause_s=_rest_of_minute),
        Rule(RateLimited, codes=(re.compile(r"Throttling(\..*)?"),), scope="model"),
        Rule(InvalidRequest, codes=("ModelNotFound", "InvalidURL", "UnsupportedOperation")),
        Rule(InvalidRequest, codes=(re.compile(r"(InvalidParameter|BadRequest)(\..*)?"),)),
        Rule(Unavailable, codes=(re.compile(r"InternalError(\..*)?"), "ModelUnavailable", "SystemError")),
    ),
)


def failure_of(said: Mapping[str, Any], answered: Answered) -> PluginError:
    """Return what the `code` and `message` of an order, or of one of its pictures, mean: it was not made.

    What no rule knows is taken for a failure of the service: nothing is billed, and another try may succeed.
    """
    complaint = Complaint(str(said.get("code") or "")[:100], str(said.get("message") or ""))
    inside = Answered(
        status=None, request_id=answered.request_id, secrets=answered.secrets, prompt=answered.prompt, paid=False
    )
    error = FAILURES.meaning_of(complaint, inside)
    if type(error) is PluginError:
        return Unavailable(error.message, code=error.code, request_id=error.request_id)
    return error
