"""What DashScope's errors mean."""

from __future__ import annotations

import pytest

from danqing_plugins import AccountProblem, ContentRejected, InvalidRequest, PluginError, RateLimited, Unavailable
from danqing_plugins.kit.failures import Answered, Complaint
from danqing_providers.dashscope.failures import FAILURES, failure_of


class TestErrors:
    """By code, then by status."""

    @pytest.mark.parametrize(
        ("status", "code", "message", "kind"),
        [
            (401, "InvalidApiKey", "Invalid API-key provided.", AccountProblem),
            (400, "Arrearage", "Access denied", AccountProblem),
            (403, "AccessDenied.Unpurchased", "not purchased", AccountProblem),
            (403, "Model.AccessDenied", "Model access denied.", AccountProblem),
            (403, "AccessDenied", "current user api does not support synchronous calls.", InvalidRequest),
            (404, "ModelNotFound", "Model not exist.", InvalidRequest),
            (400, "InvalidParameter", "The size is not match the allowed size", InvalidRequest),
            (400, "InvalidURL", "url error, please check url！", InvalidRequest),
            (400, "DataInspectionFailed", "Input data may contain inappropriate content.", ContentRejected),
            (500, "InternalError.Algo.DataInspectionFailed", "Green net check failed", ContentRejected),
            (429, "Throttling", "slow down", RateLimited),
            (429, "Throttling.RateQuota", "Requests rate limit exceeded", RateLimited),
            (429, "Throttling.AllocationQuota", "Allocated quota exceeded", RateLimited),
            (429, "Throttling.AllocationQuota", "Free allocated quota exceeded.", AccountProblem),
            (403, "AllocationQuota.FreeTierOnly", "free tier exhausted", AccountProblem),
            (500, "InternalError", "An internal error has occured", Unavailable),
            (500, "InternalError.Timeout", "timeout", Unavailable),
            (503, "ModelUnavailable", "unavailable", Unavailable),
            (200, "InternalError.Algo", "an error in spite of the 200", Unavailable),
        ],
    )
    def test_each(self, status: int, code: str, message: str, kind: type[PluginError]) -> None:
        """The code decides, whatever the status."""
        error = FAILURES.meaning_of(Complaint(code, message), Answered(status=status))
        assert type(error) is kind
        assert error.code == code

    def test_a_success_that_names_a_code_is_an_error(self) -> None:
        """And one without is none."""
        assert FAILURES.find({"code": "InternalError", "message": "x"}, refused=False) is not None
        assert FAILURES.find({"code": "", "message": "", "output": {}}, refused=False) is None

    def test_limits_are_the_model_s(self) -> None:
        """Others go on."""
        error = FAILURES.meaning_of(Complaint("Throttling.RateQuota", "x"), Answered(status=429))
        assert isinstance(error, RateLimited)
        assert error.scope == "model"

    def test_an_order_that_failed_is_unbilled(self) -> None:
        """Only successes are charged: what no rule knows may be tried again."""
        assert isinstance(failure_of({"code": "Odd", "message": "x"}, Answered(status=200)), Unavailable)
        assert isinstance(failure_of({"code": "DataInspectionFailed"}, Answered(status=200)), ContentRejected)
