"""Submissions checked before they are made: nothing is kept, queued or bought."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message, Problem, in_language
from danqing_server.desk.limit_states import Shortage
from danqing_server.desk.quoting import Quote
from danqing_server.desk.request import Submission
from danqing_server.doors.bodies import image_meaning, image_submission, task_meaning, task_submission
from danqing_server.doors.body_shapes import ImageTaskRequest, TaskRequest
from danqing_server.doors.bulk_shapes import CheckShape, LimitShape
from danqing_server.doors.costs import price_text
from danqing_server.doors.documentation import Answer, described
from danqing_server.doors.usage_views import limit_view
from danqing_server.errors import InvalidSubmission
from danqing_server.http.answers import success
from danqing_server.http.entry import Admitted, admit_change
from danqing_server.http.messages import language_of
from danqing_server.http.receiving import ReceivedObject
from danqing_server.http.reports import details_of, report_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_post
from danqing_server.records.tasks import JsonObject
from danqing_server.records.tenancy import Scope

__all__ = ["routes"]

CHECKED = Message(key="task.checked", zh="检查完成", en="Checked")

routes = Blueprint("checks", url_prefix="/api/v1/ai")

Read = Callable[[JsonObject], Submission]


@on_post(routes, "/tasks/check", needs=Scope.GENERATE)
@described(
    "提交前检查 · Check a task before it is submitted",
    {200: Answer(description="检查完成", shape=CheckShape)},
    errors=(400, 413),
    body=TaskRequest,
)
async def check_task(request: ApiRequest) -> HTTPResponse:
    """Say what a submission to `/ai/tasks` would cost, become and wait for, and all that is wrong with it."""
    admitted = admit_change(request)
    services, caller = admitted
    parameters = services.submissions.checker.parameters

    def read(body: JsonObject) -> Submission:
        return task_submission(task_meaning(body), caller, services.settings.max_delay_s, parameters)

    return await _check(request, admitted, read)


@on_post(routes, "/image/task/check", needs=Scope.GENERATE)
@described(
    "提交前检查图像任务 · Check an image task before it is submitted",
    {200: Answer(description="检查完成", shape=CheckShape)},
    errors=(400, 413),
    body=ImageTaskRequest,
)
async def check_image_task(request: ApiRequest) -> HTTPResponse:
    """Say what a submission to `/ai/image/task` would cost, become and wait for, and what is wrong with it."""
    admitted = admit_change(request)
    parameters = admitted.services.submissions.checker.parameters

    def read(body: JsonObject) -> Submission:
        return image_submission(image_meaning(body), admitted.caller, parameters)

    return await _check(request, admitted, read)


async def _check(request: ApiRequest, admitted: Admitted, read: Read) -> HTTPResponse:
    language = language_of(request.headers)
    async with ReceivedObject(request) as body:
        problems: list[Problem] = []
        submission = _submission(body, read, problems)
        quote = None
        if submission is not None:
            try:
                quote = await admitted.services.quotes.quote(submission)
            except InvalidSubmission as error:
                problems += error.problems
    return success(_view(problems, quote, submission, language), CHECKED.to(language))


def _submission(body: JsonObject, read: Read, problems: list[Problem]) -> Submission | None:
    """Return the submission, as far as it can be read without what is wrong: the provider looks at the rest."""
    try:
        return read(body)
    except InvalidSubmission as error:
        problems += error.problems
    wrong = {problem.field.partition(".")[0] for problem in problems}
    mended: dict[str, Any] = {name: value for name, value in body.items() if name not in wrong}
    if "user_id" in wrong or "user_id" not in mended:
        mended["user_id"] = "-"
    try:
        return read(mended)
    except InvalidSubmission:
        return None


def _view(
    problems: Sequence[Problem], quote: Quote | None, submission: Submission | None, language: str
) -> CheckShape:
    shown: CheckShape = {
        "acceptable": not problems and quote is not None and not _refused(quote),
        "problems": list(details_of(problems, language)),
        "limits": [],
        "notes": [],
        "prepared": None,
        "outputs": 0,
        "calls": 0,
        "estimate": None,
        "lane": None,
    }
    if quote is None or submission is None:
        return shown
    shown["limits"] = [_limit_view(each, language) for each in _refused(quote)]
    _add_prepared(shown, quote, submission, language)
    return shown


def _refused(quote: Quote) -> list[Shortage]:
    """Return what would refuse it now: that no more may wait, and the limits of its project and key."""
    full = [] if quote.refusal is None else [Shortage(error=quote.refusal, state=None)]
    return [*full, *quote.shortages]


def _limit_view(shortage: Shortage, language: str) -> LimitShape:
    report = report_of(shortage.error, language)
    shown: LimitShape = {
        "code": report.code,
        "message": report.message,
        "retry_after_s": round(report.retry_after_s or 0),
    }
    if shortage.state is not None:
        shown["budget"] = limit_view(shortage.state)
    return shown


def _add_prepared(shown: CheckShape, quote: Quote, submission: Submission, language: str) -> None:
    checked, prepared, first = quote.checked, quote.checked.prepared, quote.checked.first
    shown["notes"] = [in_language(note, language) for note in first.notes]
    shown["outputs"], shown["calls"] = prepared.outputs, quote.calls
    shown["prepared"] = {
        "provider": checked.provider.name if checked.route is None else checked.route.current.provider,
        "model": first.model,
        "type": submission.type,
        "kind": prepared.kind,
        "route": None if checked.route is None else checked.route.model,
        "input": first.input,
        "references": len(checked.references),
    }
    shown["lane"] = {
        "name": checked.lane,
        "accepting": quote.view.gate.accepting,
        "reason": quote.view.gate.shut_by,
        "waiting": quote.view.depth.queued + quote.view.depth.due_soon,
        "start_at": quote.start_at,
    }
    if quote.currency is not None and quote.amount_micro is not None and quote.most_micro is not None:
        shown["estimate"] = {
            "amount": price_text(quote.amount_micro),
            "at_most": price_text(quote.most_micro),
            "currency": quote.currency,
        }
