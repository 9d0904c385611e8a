"""How errors read at OpenAI's door."""

from __future__ import annotations

import pytest
from sanic import exceptions as sanic_errors

from danqing_plugins import Problem
from danqing_server import errors
from danqing_server.doors.openai.refusing import DOOR, refusal_of
from danqing_server.http.doors import Doors, Refusal
from danqing_server.http.problems import PROBLEMS, Kind
from danqing_server.http.reports import ProblemReport, report_of


def refused(error: BaseException) -> Refusal:
    return refusal_of(report_of(error, "en"), "r1")


class TestPaths:
    @pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/images/generations", "/v1/nothing"])
    def test_all_under_its_prefix_is_its_own(self, path: str) -> None:
        """Those that lead nowhere, too."""
        assert Doors((DOOR,)).at(path) is DOOR

    @pytest.mark.parametrize("path", ["", "*", "/", "/v10/images", "/api/v1/tasks", "/api/v1/ai/image/result/x"])
    def test_other_paths_are_not(self, path: str) -> None:
        """A prefix ends where a part of the path does."""
        assert Doors((DOOR,)).at(path) is None


class TestRefusals:
    @pytest.mark.parametrize("kind", PROBLEMS.values(), ids=lambda kind: kind.code)
    def test_no_error_is_409(self, kind: Kind) -> None:
        """Their libraries repeat it whatever it means."""
        report = ProblemReport(status=kind.status, code=kind.code, title="", message="", retryable=kind.retryable)
        found = refusal_of(report, "r1")
        assert found.status != 409
        assert found.headers["x-should-retry"] in ("true", "false")

    def test_a_wrong_field_is_the_param(self) -> None:
        """By the name it was sent under; the message says what is wrong with it."""
        found = refused(errors.InvalidSubmission([Problem(field="size", message="is odd", value=1)]))
        assert found.body == {
            "error": {
                "message": "size: is odd",
                "type": "invalid_request_error",
                "param": "size",
                "code": "validation_failed",
            }
        }

    @pytest.mark.parametrize(
        ("error", "status", "code", "retried"),
        [
            (errors.UnknownKey("x"), 401, "invalid_api_key", "false"),
            (errors.Overloaded("x", retry_after_s=3), 429, "rate_limit_exceeded", "true"),
            (errors.TooManyRequests("x", retry_after_s=3), 429, "rate_limit_exceeded", "true"),
            (errors.Conflict("x", code="task_deleted"), 400, "task_deleted", "false"),
            (errors.AttemptLost("x"), 503, "attempt_lost", "true"),
            (sanic_errors.NotFound("x"), 404, "route_not_found", "false"),
            (RuntimeError("x"), 500, "server_error", "true"),
        ],
    )
    def test_programs_find_the_words_they_know(
        self, error: BaseException, status: int, code: str, retried: str
    ) -> None:
        """OpenAI's where there is one, and whether to ask again."""
        found = refused(error)
        assert isinstance(found.body, dict)
        assert (found.status, found.body["error"]["code"]) == (status, code)
        assert found.headers["x-should-retry"] == retried
