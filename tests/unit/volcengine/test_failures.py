"""What Ark's refusals mean for a task."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

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
from danqing_plugins.kit.failures import Answered, Complaint, connection_failures
from danqing_providers.volcengine.failures import DOWNLOAD_TIMEOUT, FAILURES, find_error

ARK = Text("Ark", "火山方舟")
DOWNLOAD = "Timeout while downloading url=https://example.com/a.png?sign=secret"
QUEUED = "You have too many queued tasks"

TABLE: list[tuple[int, str, type[PluginError]]] = [
    (400, "MissingParameter", InvalidRequest),
    (400, "MissingParameter.prompt", InvalidRequest),
    (400, "InvalidParameter", InvalidRequest),
    (400, "InvalidParameter.OversizedImage", InvalidRequest),
    (400, "InvalidParameter.UnsupportedImageFormat", InvalidRequest),
    (400, "InvalidImageURL.EmptyURL", InvalidRequest),
    (400, "OutofContextError", InvalidRequest),
    (400, "SensitiveContentDetected", ContentRejected),
    (400, "SensitiveContentDetected.SevereViolation", ContentRejected),
    (400, "InputTextSensitiveContentDetected", ContentRejected),
    (400, "InputImageSensitiveContentDetected.PrivacyInformation", ContentRejected),
    (400, "OutputImageSensitiveContentDetected.DeepFake", ContentRejected),
    (400, "InputTextRiskDetection", ContentRejected),
    (400, "OutputImageRiskDetection", ContentRejected),
    (400, "ContentSecurityDetectionError", Unavailable),
    (400, "InvalidEndpoint.ClosedEndpoint", Unavailable),
    (401, "AuthenticationError", AccountProblem),
    (401, "InvalidAccountStatus", AccountProblem),
    (403, "AccountOverdueError", AccountProblem),
    (403, "AccessDenied", AccountProblem),
    (403, "InvalidSubscription", AccountProblem),
    (403, "OperationDenied.ServiceNotOpen", AccountProblem),
    (403, "OperationDenied.InvalidState", AccountProblem),
    (404, "InvalidEndpointOrModel.NotFound", InvalidRequest),
    (404, "InvalidEndpointOrModel.ModelIDAccessDisabled", InvalidRequest),
    (404, "ModelNotOpen", InvalidRequest),
    (404, "UnsupportedModel", InvalidRequest),
    (429, "RateLimitExceeded.EndpointRPMExceeded", RateLimited),
    (429, "ModelAccountRpmRateLimitExceeded", RateLimited),
    (429, "ModelAccountIpmRateLimitExceeded", RateLimited),
    (429, "APIAccountRpmRateLimitExceeded", RateLimited),
    (429, "AccountRateLimitExceeded", RateLimited),
    (429, "RequestBurstTooFast", RateLimited),
    (429, "ServerOverloaded", RateLimited),
    (429, "InflightBatchsizeExceeded", RateLimited),
    (429, "QuotaExceeded", AccountProblem),
    (429, "SetLimitExceeded", AccountProblem),
    (500, "InternalServiceError", Unavailable),
    (200, "InternalServiceError", Unavailable),
    # A code beats the status it came with.
    (500, "AuthenticationError", AccountProblem),
    (503, "ServerOverloaded", RateLimited),
    # Codes nobody has told us of: the status decides.
    (400, "Novelty", InvalidRequest),
    (401, "Novelty", AccountProblem),
    (403, "", AccountProblem),
    (404, "Novelty", InvalidRequest),
    (404, "", AccountProblem),
    (308, "", AccountProblem),
    (408, "", Unavailable),
    (409, "", InvalidRequest),
    (413, "", InvalidRequest),
    (429, "", RateLimited),
    (500, "Novelty", OutcomeUnknown),
    (502, "", OutcomeUnknown),
    (503, "", OutcomeUnknown),
    (504, "", OutcomeUnknown),
    (200, "Novelty", OutcomeUnknown),
]


def meaning_of(code: str, message: str, answered: Answered) -> PluginError:
    """Return what Ark's table says."""
    return FAILURES.meaning_of(Complaint(code, message), answered)


class TestMeaning:
    """Code first, status second."""

    @pytest.mark.parametrize(("status", "code", "kind"), TABLE)
    def test_table(self, status: int, code: str, kind: type[PluginError]) -> None:
        """Each refusal has one meaning, and keeps Ark's code and the request's id."""
        error = meaning_of(code, "No.", Answered(status=status, request_id="021"))
        assert type(error) is kind
        assert error.request_id == "021"
        if code and code != "InvalidEndpoint.ClosedEndpoint":
            assert error.code == code

    def test_queue_form_of_a_spent_quota_passes(self) -> None:
        """Too many queued tasks is no empty purse."""
        assert type(meaning_of("QuotaExceeded", QUEUED, Answered(status=429))) is RateLimited

    def test_reference_that_ark_could_not_fetch_is_told_apart(self) -> None:
        """It is worth another try, and its address is not shown."""
        error = meaning_of("InvalidParameter", DOWNLOAD, Answered(status=400))
        assert type(error) is Unavailable
        assert error.code == DOWNLOAD_TIMEOUT
        assert "example.com" not in error.message

    def test_unknown_error_of_one_picture_is_no_unknown_outcome(self) -> None:
        """The answer itself says that this picture was not made."""
        error = meaning_of("Novelty", "No.", Answered(status=None))
        assert not isinstance(error, OutcomeUnknown)
        assert error.code == "Novelty"


class TestPauses:
    """How long to wait."""

    def test_images_per_minute_wait_for_the_next_minute(self) -> None:
        """Ark counts by the minute."""
        error = meaning_of("ModelAccountIpmRateLimitExceeded", "", Answered(status=429, now_s=1_700_000_025.0))
        assert isinstance(error, RateLimited)
        assert error.retry_after_s == pytest.approx(60.0 - 1_700_000_025.0 % 60.0)

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (429, ""),
            (429, "ServerOverloaded"),
            (500, "InternalServiceError"),
            (503, "ServerOverloaded"),
            (408, ""),
            (500, ""),
            (502, ""),
            (503, ""),
            (503, "Novelty"),
            (504, ""),
        ],
    )
    def test_wish_is_kept_whatever_the_answer(self, status: int, code: str) -> None:
        """H18: who says when to come again is heard, a bare 503 among them."""
        error = meaning_of(code, "Later.", Answered(status=status, retry_after_s=3.0))
        assert isinstance(error, RateLimited | Unavailable | OutcomeUnknown)
        assert error.retry_after_s == 3.0

    def test_the_servers_wish_comes_first(self) -> None:
        """`Retry-After` beats our own guess."""
        answered = Answered(status=429, now_s=1_700_000_025.0, retry_after_s=3.0)
        error = meaning_of("ModelAccountIpmRateLimitExceeded", "", answered)
        assert isinstance(error, RateLimited)
        assert error.retry_after_s == 3.0


class TestWhoseItIs:
    """H6: a refusal is the account's only when Ark says so, and a model's limit is the model's."""

    @pytest.mark.parametrize(
        ("status", "code", "certain"),
        [
            (401, "AuthenticationError", True),
            (403, "AccountOverdueError", True),
            (403, "OperationDenied.ServiceOverdue", True),
            (429, "QuotaExceeded", True),
            (200, "AuthenticationError", True),
            (401, "", False),
            (403, "", False),
            (403, "Novelty", False),
            (403, "AccessDenied", False),
            (403, "OperationDenied.PermissionDenied", False),
            (402, "", False),
            (404, "", False),
            (302, "", False),
        ],
    )
    def test_only_a_code_is_certain(self, status: int, code: str, certain: bool) -> None:
        """H6: a bare 403 may be an edge that dislikes one prompt."""
        error = meaning_of(code, "No.", Answered(status=status))
        assert isinstance(error, AccountProblem)
        assert error.certain is certain

    @pytest.mark.parametrize(
        "code", ["ModelNotOpen", "InvalidEndpointOrModel.NotFound", "InvalidEndpointOrModel.ModelIDAccessDisabled"]
    )
    @pytest.mark.parametrize("status", [403, 404])
    def test_a_model_that_is_closed_is_not_the_account(self, status: int, code: str) -> None:
        """H6: the request asked for what the account cannot have; others go on."""
        assert type(meaning_of(code, "No.", Answered(status=status))) is InvalidRequest

    @pytest.mark.parametrize(
        ("code", "scope"),
        [
            ("ModelAccountIpmRateLimitExceeded", "model"),
            ("ModelAccountRpmRateLimitExceeded", "model"),
            ("ModelAccountTpmRateLimitExceeded", "model"),
            ("RateLimitExceeded.EndpointRPMExceeded", "model"),
            ("RateLimitExceeded.EndpointTPMExceeded", "model"),
            ("APIAccountRpmRateLimitExceeded", "provider"),
            ("AccountRateLimitExceeded", "provider"),
            ("RequestBurstTooFast", "provider"),
            ("ServerOverloaded", "provider"),
            ("", "provider"),
        ],
    )
    def test_limit_names_its_scope(self, code: str, scope: str) -> None:
        """H6: a full model leaves the other models alone."""
        error = meaning_of(code, "Slow down.", Answered(status=429))
        assert isinstance(error, RateLimited)
        assert error.scope == scope


class TestReferenceHosts:
    """H15: the reference's host was slow, in whatever words."""

    @pytest.mark.parametrize(
        "message",
        [
            DOWNLOAD,
            "The parameter `image` specified in the request are not valid: timeout while fetching resource.",
            "Error while downloading: https://example.com/a.png, status code: 503",
            "Error while downloading: https://example.com/a.png, status code: 429. Request id: 02",
            "Error while connecting: dial tcp: i/o timeout, url=https://example.com/a.png",
            "failed to download image: context deadline exceeded",
            "Error while downloading: connection reset by peer, url=https://example.com/a.png",
            "Download of the resource timed out",
        ],
    )
    def test_slow_host_is_worth_one_more_try(self, message: str) -> None:
        """H15: the same meaning as "Timeout while downloading url"."""
        error = meaning_of("InvalidParameter", message, Answered(status=400))
        assert type(error) is Unavailable
        assert error.code == DOWNLOAD_TIMEOUT
        assert "example.com" not in error.message

    @pytest.mark.parametrize(
        "message",
        [
            "Error while downloading: https://example.com/a.png, status code: 404",
            "Error while downloading: https://example.com/a.png, status code: 403",
            "Error while connecting: NoSuchKey, url=https://example.com/a.png",
            "not a picture: url=https://download.example/timeout/status-code-503.png",
            "image size must be at least 3686400 pixels",
        ],
    )
    def test_what_cannot_work_is_final(self, message: str) -> None:
        """A file that is not there stays away; words within an address say nothing."""
        assert type(meaning_of("InvalidParameter", message, Answered(status=400))) is InvalidRequest


class TestFinding:
    """Where an answer keeps its error."""

    @pytest.mark.parametrize(
        ("body", "found"),
        [
            ({"error": {"code": "A", "message": "b", "type": "", "param": ""}}, ("A", "b")),
            ({"code": "A", "message": "b", "type": "BadRequest"}, ("A", "b")),
            ({"error": {"code": None, "message": None}}, None),
            ({"error": {}, "code": 0}, None),
            ({"error": {"code": 50411, "message": "b"}}, ("50411", "b")),
            ({"error": "text"}, ("", "text")),
            ({"error": None, "data": []}, None),
            ({"data": [], "code": 0}, None),
            ({}, None),
            ([], None),
            (None, None),
            ("error", None),
        ],
    )
    def test_wrapped_or_not(self, body: Any, found: tuple[str, str] | None) -> None:
        """BytePlus leaves the wrapping out."""
        assert find_error(body) == (None if found is None else Complaint(*found))


def kinds_of(kind: type[BaseException]) -> set[type[BaseException]]:
    """Return *kind* and everything below it."""
    return {kind}.union(*(kinds_of(below) for below in kind.__subclasses__()))


UNSENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


class TestConnections:
    """No foreign exception of the connection gets through untranslated."""

    @pytest.mark.parametrize("kind", sorted(kinds_of(aiohttp.ClientError), key=lambda kind: kind.__qualname__))
    def test_every_error_of_the_client_is_translated(self, kind: type[BaseException]) -> None:
        """Only what happens before the request leaves is unbilled."""
        error = kind.__new__(kind)
        with pytest.raises(PluginError) as caught, connection_failures(ARK, request_id="021"):
            raise error
        assert type(caught.value) is (Unavailable if issubclass(kind, UNSENT) else OutcomeUnknown)
        assert caught.value.__cause__ is error

    @pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError(), BrokenPipeError(), OSError("x")])
    def test_system_errors_leave_the_outcome_open(self, error: Exception) -> None:
        """A connection that broke may have carried the request."""
        with pytest.raises(OutcomeUnknown) as caught, connection_failures(ARK, request_id="021"):
            raise error
        assert caught.value.request_id == "021"

    def test_faults_of_our_own_are_not_hidden(self) -> None:
        """A bug is no broken connection, and a cancellation is none either."""
        for error in (KeyError("x"), asyncio.CancelledError()):
            with pytest.raises(type(error)), connection_failures(ARK):
                raise error
