from __future__ import annotations

import pytest

from danqing_server.access.key_format import ADMIN, ALPHABET, CLIENT, is_whole, new_secret, shown_of


class TestFormat:
    @pytest.mark.parametrize("kind", [CLIENT, ADMIN])
    def test_new_secret_is_whole(self, kind: str) -> None:
        """And says what it is, for people and for scanners."""
        secret = new_secret(kind)
        assert secret.startswith(f"dq_{kind}_")
        assert is_whole(secret)
        assert new_secret(kind) != secret

    def test_every_slip_of_a_finger_is_seen(self) -> None:
        """One character changed anywhere, or two that changed places."""
        secret = new_secret(CLIENT)
        beginning = len("dq_key_")
        for place in range(beginning, len(secret)):
            other = ALPHABET[(ALPHABET.index(secret[place]) + 1) % len(ALPHABET)]
            assert not is_whole(secret[:place] + other + secret[place + 1 :])
        swapped = next(n for n in range(beginning, len(secret) - 1) if secret[n] != secret[n + 1])
        assert not is_whole(secret[:swapped] + secret[swapped + 1] + secret[swapped] + secret[swapped + 2 :])

    @pytest.mark.parametrize("text", ["", "dq_key_", "sk-abc", "dq_key_" + "0" * 38, "dq_key_é", "\udcff"])
    def test_anything_else_is_none(self, text: str) -> None:
        """Without a look anywhere."""
        assert not is_whole(text)
        assert not is_whole(f" {new_secret(CLIENT)}")

    def test_little_of_it_is_shown(self) -> None:
        """Enough to tell one from another: eight of its 38 characters."""
        secret = new_secret(CLIENT)
        assert shown_of(secret) == f"{secret[:11]}…{secret[-4:]}"
