"""The Python client without a server: both clients alike, and webhooks as the specification signs them."""

from __future__ import annotations

import inspect
import json

import pytest
from danqing_client import AsyncClient, Client, Event, WrongSignature, calls, streams, verify_webhook

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
        assert list(reader.feed(b"retry: 2000\n\nid: 1764450000000\n\n")) == []
        assert reader.last_id == "1764450000000"

    @pytest.mark.parametrize("size", [1, 7, 10_000])
    def test_any_text_may_stand_in_an_event(self, size: int) -> None:
        """What Unicode calls an end of a line is none of a stream's, however it is cut into parts."""
        prompt = "one\u2028two\u2029three\x85four\x0bfive 🎨"
        shown = f"id: 7\nevent: task\ndata: {json.dumps({'prompt': prompt}, ensure_ascii=False)}\n\n".encode()
        reader = streams.EventReader()
        told = [event for first in range(0, len(shown), size) for event in reader.feed(shown[first : first + size])]
        assert told == [Event("task", {"prompt": prompt}, "7")]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("size", [1, 10_000])
    def test_lines_end_as_a_stream_ends_them(self, size: int, end: str) -> None:
        """In each of three ways; the last one shows when more comes."""
        shown = f"id: 7{end}event: task{end}data: 1{end}{end}: {end}".encode()
        reader = streams.EventReader()
        told = [event for first in range(0, len(shown), size) for event in reader.feed(shown[first : first + size])]
        assert told == [Event("task", 1, "7")]

    @pytest.mark.parametrize("cut", [b"id: 8\nevent: task\ndata: {}\n", b"id: 8\nevent: task\nda", b"id: 8"])
    def test_what_was_half_told_when_a_stream_was_cut_is_forgotten(self, cut: bytes) -> None:
        """The next stream begins anew, where the last whole event was."""
        reader = streams.EventReader("7")
        assert list(reader.feed(cut)) == []
        reader.begin()
        assert reader.last_id == "7"
        assert list(reader.feed(b'event: progress\ndata: {"id": 1}\n\n')) == [Event("progress", {"id": 1}, "7")]

    def test_a_pace_is_a_number(self) -> None:
        """Beside texts, and lists of them."""
        call = calls.events_call("7", {"per_second": 100, "status": ["completed", "failed"], "user_id": "u"})
        assert call.params == {"per_second": "100", "status": "completed,failed", "user_id": "u"}


class TestWebhooks:
    """The vector of Standard Webhooks 1.0.0."""

    @pytest.mark.parametrize("others", ["", "v1a,xx v1,AAAA "])
    def test_a_good_one(self, others: str) -> None:
        """With other signatures beside; one in another's words, as Ark's callbacks are, is what it says."""
        headers = {**HEADERS, "Webhook-Signature": others + HEADERS["Webhook-Signature"]}
        event = verify_webhook(SECRET, headers, BODY, now_s=lambda: 1614265330)
        assert (event.id, event.type, event.data) == (HEADERS["Webhook-Id"], "", {"test": 2432232314})

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
