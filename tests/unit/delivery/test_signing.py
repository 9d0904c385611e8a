"""Signatures as Standard Webhooks has them."""

from __future__ import annotations

from datetime import UTC, datetime

from standardwebhooks import Webhook

from danqing_server.delivery.webhooks.signing import new_secret, signature_of

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, TIMESTAMP_S, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


class TestSignature:
    def test_the_published_vector(self) -> None:
        """Of the specification and all its libraries."""
        assert signature_of([SECRET], ID, TIMESTAMP_S, BODY) == SIGNED

    def test_each_secret_signs(self) -> None:
        """A space between; while a secret is being replaced both are good."""
        other = new_secret()
        both = signature_of([other, SECRET], ID, TIMESTAMP_S, BODY).split(" ")
        assert both[1] == SIGNED
        assert both[0] == Webhook(other).sign(ID, datetime.fromtimestamp(TIMESTAMP_S, UTC), BODY.decode())

    def test_secrets_differ_and_are_long(self) -> None:
        """32 random bytes, between the 24 and 64 that the specification allows."""
        first, second = new_secret(), new_secret()
        assert first != second
        assert first.startswith("whsec_")
        assert len(first) == len("whsec_") + 44
