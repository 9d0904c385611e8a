"""How one error is answered, in the language of who asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import attrs
from sanic import exceptions as sanic_errors

from danqing_plugins import Problem, Text, in_language
from danqing_server import errors
from danqing_server.codec.bodies import shorten
from danqing_server.http.messages import CONFLICTS, NOT_FOUND
from danqing_server.http.problem_shapes import DetailShape, ErrorShape
from danqing_server.http.problems import BAD_REQUEST, OVERLOADED_SERVER, PROBLEMS, UNEXPECTED, Kind

__all__ = ["ProblemReport", "details_of", "report_of"]

MOST_DETAILS = 50
LONGEST_MESSAGE = 1000
PROMPT_FIELDS = frozenset({"prompt", "options.prompt", "input.prompt"})


@attrs.frozen(kw_only=True)
class ProblemReport:
    """One error as it will be answered, in one language."""

    status: int
    code: str
    title: str
    message: str
    retryable: bool
    retry_after_s: int | None = None
    details: tuple[DetailShape, ...] = ()
    headers: Mapping[str, str] = attrs.field(factory=dict)

    def body(self, request_id: str) -> ErrorShape:
        """Return the answer's JSON."""
        return {
            "success": False,
            "error": self.title,
            "message": self.message,
            "code": self.code,
            "type": f"/docs/errors#{self.code}",
            "title": self.title,
            "status": self.status,
            "retryable": self.retryable,
            "request_id": request_id,
            "details": list(self.details),
        }


def report_of(error: BaseException, language: str) -> ProblemReport:
    """Say how *error* is answered; what is in no table is `internal_error`, and none of it is shown."""
    kind = _find(error)
    report = ProblemReport(
        status=kind.status,
        code=kind.code,
        title=kind.title.to(language),
        message=_message(error, kind, language),
        retryable=kind.retryable,
        retry_after_s=_retry_after_s(error, kind),
    )
    match error:
        case errors.InvalidSubmission():
            return attrs.evolve(
                report, message=_summary(error.problems, language), details=details_of(error.problems, language)
            )
        case errors.NotFound():
            return _not_found(report, error, language)
        case errors.Conflict():
            return _conflict(report, error, language)
        case errors.Overloaded(retry_after_s=None):
            return attrs.evolve(report, retryable=False)
        case errors.Unauthenticated():
            return attrs.evolve(report, headers={"www-authenticate": 'Bearer realm="danqing"'})
    return report


def _find(error: BaseException) -> Kind:
    if isinstance(error, errors.Overloaded) and error.server_wide:
        return OVERLOADED_SERVER
    for ancestor in type(error).__mro__:
        kind = PROBLEMS.get(ancestor)
        if kind is not None:
            return kind
    status = getattr(error, "status_code", None)
    if isinstance(error, sanic_errors.SanicException) and status is not None and 400 <= status < 500:
        return attrs.evolve(BAD_REQUEST, status=status)
    return UNEXPECTED


def _message(error: BaseException, kind: Kind, language: str) -> str:
    """Return what the error says itself when that is meant for users, else what is said of its kind."""
    said = error.message if isinstance(error, errors.DanqingError) else ""
    return in_language(said, language) if isinstance(said, Text) else kind.message.to(language)


def _retry_after_s(error: BaseException, kind: Kind) -> int | None:
    if isinstance(error, errors.Draining):
        return 1
    wish: float | None = getattr(error, "retry_after_s", None)
    if wish is not None:
        return max(1, math.ceil(wish))
    return 2 if kind.status == 503 else None


def _not_found(report: ProblemReport, error: errors.NotFound, language: str) -> ProblemReport:
    known = NOT_FOUND.get(error.kind)
    if known is None:
        return report
    return attrs.evolve(
        report,
        code=f"{error.kind}_not_found",
        title=known.to(language),
        message=f"{known.to(language)}: {shorten(error.id)}",
    )


def _conflict(report: ProblemReport, error: errors.Conflict, language: str) -> ProblemReport:
    known = CONFLICTS.get(error.code)
    title = report.title if known is None else known.to(language)
    message = report.message if isinstance(error.message, Text) else title
    return attrs.evolve(report, code=error.code, title=title, message=message, retryable=error.code == "task_busy")


def _summary(problems: Sequence[Problem], language: str) -> str:
    told = [f"{problem.field}: {in_language(problem.message, language)}" for problem in problems[:MOST_DETAILS]]
    shown = "; ".join(told)
    if len(problems) > MOST_DETAILS:
        shown = f"{shown}; … (+{len(problems) - MOST_DETAILS})"
    return shown if len(shown) <= LONGEST_MESSAGE else f"{shown[:LONGEST_MESSAGE]}…"


def details_of(problems: Sequence[Problem], language: str) -> tuple[DetailShape, ...]:
    """Return what is wrong, field by field, of a long list its beginning."""
    return tuple(
        {
            "field": problem.field,
            "message": in_language(problem.message, language),
            "code": problem.message.key or None if isinstance(problem.message, Text) else None,
            "value": _shown(problem, language),
        }
        for problem in problems[:MOST_DETAILS]
    )


def _shown(problem: Problem, language: str) -> object:
    """Return what may be shown of a value: of a prompt, nothing."""
    if problem.field in PROMPT_FIELDS and isinstance(problem.value, str):
        return None
    shown = shorten(problem.value)
    return in_language(shown, language) if isinstance(shown, Text) else shown
