from __future__ import annotations

from collections.abc import Iterator

import pytest
from sanic import exceptions as sanic_errors

from danqing_plugins import Problem, Text
from danqing_server import errors
from danqing_server.codec.bodies import shorten
from danqing_server.doors.fields import REQUIRED
from danqing_server.http.problems import PROBLEMS
from danqing_server.http.reports import MOST_DETAILS, report_of


def _descendants(ancestor: type[Exception]) -> Iterator[type[Exception]]:
    for child in ancestor.__subclasses__():
        yield child
        yield from _descendants(child)


OURS = [cls for cls in _descendants(errors.DanqingError) if cls.__module__ == errors.__name__]


class TestTable:
    @pytest.mark.parametrize("error", OURS)
    def test_no_error_of_ours_is_missing(self, error: type[Exception]) -> None:
        """Every class has a row of its own."""
        assert error in PROBLEMS

    @pytest.mark.parametrize("name", sanic_errors.__dict__)
    def test_no_http_error_of_the_framework_becomes_internal(self, name: str) -> None:
        """What Sanic raises about a request is answered as the client's fault, or as a passing one."""
        error = getattr(sanic_errors, name)
        status = getattr(error, "status_code", None)
        if isinstance(error, type) and isinstance(status, int) and status < 500:
            found = report_of(error.__new__(error), "zh")
            assert found.status == status

    @pytest.mark.parametrize("kind", PROBLEMS.values())
    def test_every_text_is_there_in_both_languages(self, kind: object) -> None:
        """No answer is empty."""
        texts = [kind.title, kind.message]  # type: ignore[attr-defined]
        assert all(text.to(language) for text in texts for language in ("zh", "en"))


class TestReport:
    def test_unexpected_error_shows_nothing_of_itself(self) -> None:
        """A traceback, a key or an address in the message of a bug stays in the log."""
        found = report_of(RuntimeError("mongodb://user:secret@host"), "en")
        assert (found.status, found.code) == (500, "internal_error")
        assert "secret" not in repr(found)

    @pytest.mark.parametrize("field", ["prompt", "options.prompt", "input.prompt"])
    def test_prompt_is_never_shown(self, field: str) -> None:
        """The value is left out, unless it is not even text."""
        texts = report_of(
            errors.InvalidSubmission([Problem(field=field, message="m", value="a secret wish")]), "zh"
        )
        numbers = report_of(errors.InvalidSubmission([Problem(field=field, message="m", value=5)]), "zh")
        assert texts.details[0]["value"] is None
        assert numbers.details[0]["value"] == 5
        assert "secret" not in texts.message

    @pytest.mark.parametrize(
        ("value", "zh", "en"),
        [
            ([1, 2], "2 项的数组", "array of 2"),
            ({"a": 1}, "对象", "object"),
            ("x" * 100, f"{'x' * 80}…（共 100 个字符）", f"{'x' * 80}… (100 characters)"),
            (shorten([1, 2]), "2 项的数组", "array of 2"),
            ("2K", "2K", "2K"),
        ],
    )
    def test_value_is_named_in_the_clients_language(self, value: object, zh: str, en: str) -> None:
        """U3: what is not shown whole is told in words, whoever shortened it."""
        error = errors.InvalidSubmission([Problem(field="size", message="m", value=value)])
        shown = [report_of(error, language).details[0]["value"] for language in ("zh", "en")]
        assert shown == [zh, en]
        assert {type(each) for each in shown} == {str}

    def test_u3_texts_are_shown_in_the_clients_language(self) -> None:
        """U3: the problem's word, and the sum of them; `code` names it for programs."""
        problem = Problem(field="n", message=REQUIRED())
        for language, word in (("zh", "必填"), ("en", "is required")):
            found = report_of(errors.InvalidSubmission([problem]), language)
            assert found.message == f"n: {word}"
            assert (found.details[0]["message"], found.details[0]["code"]) == (word, "required")

    def test_u3_plugins_own_words_stay_as_they_are(self) -> None:
        """U3: a plain string has one language and no code."""
        found = report_of(errors.InvalidSubmission([Problem(field="n", message="too odd")]), "zh")
        assert (found.details[0]["message"], found.details[0]["code"]) == ("too odd", None)

    def test_u3_an_error_meant_for_users_speaks_for_itself(self) -> None:
        """U3: what is plain may hold anything, and is for the log."""
        told = errors.Overloaded(Text("5 are waiting", "已有 5 个"), retry_after_s=7)
        assert [report_of(told, language).message for language in ("zh", "en")] == ["已有 5 个", "5 are waiting"]
        assert "secret" not in report_of(errors.Overloaded("secret", retry_after_s=7), "en").message

    def test_long_values_are_shortened(self) -> None:
        """An error is no echo."""
        found = report_of(errors.InvalidSubmission([Problem(field="size", message="m", value="x" * 10_000)]), "zh")
        assert len(str(found.details[0]["value"])) < 150

    def test_details_are_bounded(self) -> None:
        """A body with a hundred thousand mistakes gets a short answer."""
        problems = [Problem(field=f"f{number}", message="m") for number in range(100_000)]
        found = report_of(errors.InvalidSubmission(problems), "zh")
        assert len(found.details) == MOST_DETAILS
        assert len(found.message) < 1100

    def test_full_lane_is_429_and_full_server_503(self) -> None:
        """Who can do something about it decides."""
        user = report_of(errors.Overloaded("m", retry_after_s=7), "zh")
        server = report_of(errors.Overloaded("m", retry_after_s=7, server_wide=True), "zh")
        assert (user.status, user.retry_after_s) == (429, 7)
        assert (server.status, server.retry_after_s) == (503, 7)

    @pytest.mark.parametrize(
        "error", [errors.StoreUnavailable("m"), errors.QueueUnavailable("m"), errors.Draining("m")]
    )
    def test_unavailability_names_a_time(self, error: Exception) -> None:
        """Every 503 says when to ask again, and none says what was said to the log."""
        found = report_of(error, "en")
        assert found.status == 503
        assert found.retryable
        assert found.retry_after_s

    def test_taken_address_has_the_old_text(self) -> None:
        """Clients of the old server look for it."""
        found = report_of(errors.Conflict("m", code="email_taken"), "zh")
        assert (found.status, found.title, found.code) == (409, "邮箱已被使用", "email_taken")

    def test_body_has_the_members_of_both_forms(self) -> None:
        """The old `error` and `message`, and the members of RFC 9457."""
        body = report_of(errors.NotFound("user", "7"), "zh").body("r1")
        assert set(body) >= {
            "success", "error", "message", "code", "type", "title", "status", "retryable", "request_id", "details"
        }  # fmt: skip
        assert body["error"] == "用户不存在"
