"""A task that brought nothing, as OpenAI's clients read it.

Their libraries ask again by themselves after 408, 409, 429 and 5xx unless `x-should-retry` says no, and the Vercel
AI SDK does so whatever it says. So what may have been paid for is answered with a status that none of them repeats.
"""

from __future__ import annotations

from sanic import HTTPResponse

from danqing_plugins import Message, in_language
from danqing_server.doors.openai.refusing import RETRY_HEADER, envelope
from danqing_server.http.answers import json_answer
from danqing_server.http.messages import ENGLISH
from danqing_server.life.billing import billed_of
from danqing_server.records.tasks import Billed, Status, Task

__all__ = ["error_of", "failure"]

BAD_REQUEST, FAILED_DEPENDENCY, RATE_LIMITED, BAD_GATEWAY = 400, 424, 429, 502
WITHOUT_PICTURE = Message(
    key="openai_no_picture", en="The task ended without a picture.", zh="任务已结束，但没有生成图片"
)
REFUSED = {"content_rejected": "moderation_blocked", "invalid_request": "invalid_request", "cancelled": "cancelled"}
"""Errors of a task that the same request would meet again, and what OpenAI's clients call them."""


def failure(task: Task) -> HTTPResponse:
    """Return the answer for a task that failed, was cancelled, or made no picture."""
    status, code, message, retried = _judge(task)
    return json_answer(envelope(status, code, message), status, {RETRY_HEADER: "true" if retried else "false"})


def error_of(task: Task) -> tuple[int, str, str]:
    """Return status, code and message of such a task."""
    return _judge(task)[:3]


def _judge(task: Task) -> tuple[int, str, str, bool]:
    error = task.error
    if error is None:
        code = "cancelled" if task.status is Status.CANCELLED else "no_picture"
        return FAILED_DEPENDENCY, code, WITHOUT_PICTURE.to(ENGLISH), False
    message = " ".join(in_language(error.message, ENGLISH).split())
    if error.code in REFUSED:
        return BAD_REQUEST, REFUSED[error.code], message, False
    if billed_of(task) is not Billed.NO:
        return FAILED_DEPENDENCY, error.code, message, False
    if error.code == "rate_limited":
        return RATE_LIMITED, "rate_limit_exceeded", message, True
    return BAD_GATEWAY, error.code, message, error.retryable
