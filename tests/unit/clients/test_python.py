"""The Python client without a server: both clients alike, and webhooks as the specification signs them."""

from __future__ import annotations

import inspect

import pytest
from danqing_client import AsyncClient, Client, WrongSignature, calls, streams, verify_webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HEADERS = {
    "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "Webhook-Timestamp": "1614265330",
    "Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
BODY = b'{"test": 2432232314}'


def methods_of(client: type) -> dict[str, str]:
    """Return the public methods with what they take."""
    return {
        name: str(inspect.signature(method).replace(return_annotation=""))
        for name, method in inspect.getmembers(client, inspect.isfunction)
        if not name.startswith("_") and name not in ("close", "aclose")
    }


class TestClients:
    def test_both_do_the_same(self) -> None:
        """Whatever one takes, the other does."""
        assert methods_of(Client) == methods_of(AsyncClient)


class TestEvents:
    def test_a_stream_that_is_cut_before_its_first_event_goes_on_from_its_beginning(self) -> None:
        """An id comes first, which tells of nothing but where to go on from."""
        reader = streams.EventReader()
        assert [reader.take(line) for line in ("retry: 2000", "", "id: 1764450000000", "")] == [None] * 4
        assert reader.last_id == "1764450000000"

    def test_a_pace_is_a_number(self) -> None:
        """Beside texts, and lists of them."""
        call = calls.events_call("7", {"per_second": 100, "status": ["completed", "failed"], "user_id": "u"})
        assert call.params == {"per_second": "100", "status": "completed,failed", "user_id": "u"}


class TestWebhooks:
    """The vector of Standard Webhooks 1.0.0."""

    def verify(self, headers: dict[str, str] | None = None, body: bytes = BODY, off_s: int = 0) -> None:
        with pytest.raises(KeyError, match="type"):  # the vector's body is no event of ours: it got that far
            verify_webhook(SECRET, headers or HEADERS, body, now_s=lambda: 1614265330 + off_s)

    def test_a_good_one(self) -> None:
        """With other signatures beside."""
        self.verify()
        self.verify({**HEADERS, "Webhook-Signature": "v1a,xx v1,AAAA " + HEADERS["Webhook-Signature"]})

    @pytest.mark.parametrize(
        ("headers", "body", "off_s"),
        [
            (HEADERS, b'{"test": 2432232315}', 0),
            (HEADERS, BODY, 301),
            (HEADERS, BODY, -301),
            ({**HEADERS, "Webhook-Id": "msg_other"}, BODY, 0),
            ({**HEADERS, "Webhook-Timestamp": "soon"}, BODY, 0),
            ({**HEADERS, "Webhook-Signature": "v2," + HEADERS["Webhook-Signature"][3:]}, BODY, 0),
            ({}, BODY, 0),
        ],
    )
    def test_a_bad_one(self, headers: dict[str, str], body: bytes, off_s: int) -> None:
        """Is refused, whatever is wrong with it."""
        with pytest.raises(WrongSignature):
            verify_webhook(SECRET, headers, body, now_s=lambda: 1614265330 + off_s)

    def test_a_secret_that_is_none(self) -> None:
        """Is the receiver's own mistake."""
        with pytest.raises(ValueError, match="whsec_"):
            verify_webhook("whsec_@", HEADERS, BODY, now_s=lambda: 1614265330)
