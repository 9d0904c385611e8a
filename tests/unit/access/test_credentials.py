from __future__ import annotations

import base64

import pytest
from multidict import CIMultiDict

from danqing_server.access.credentials import LONGEST_BASIC, secret_of
from danqing_server.errors import Unauthenticated


def _basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


class TestSecret:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("Authorization", "Bearer dq"),
            ("Authorization", "bearer   dq "),
            ("Authorization", "Key dq"),
            ("Authorization", _basic("anyone:dq")),
            ("X-API-Key", "dq"),
            ("api-key", " dq "),
            ("x-goog-api-key", "dq"),
        ],
    )
    def test_each_client_has_its_header(self, name: str, value: str) -> None:
        """Names of headers and schemes are case-insensitive."""
        assert secret_of(CIMultiDict({name: value})) == "dq"

    def test_password_may_hold_colons(self) -> None:
        """RFC 7617: the first one ends the name."""
        assert secret_of({"authorization": _basic("u:a:b")}) == "a:b"

    def test_header_of_its_own_wins_over_a_proxys_basic(self) -> None:
        """And Bearer over both: it is the one a client is made to send."""
        assert secret_of({"authorization": _basic("proxy:secret"), "x-api-key": "dq"}) == "dq"
        assert secret_of({"authorization": "Bearer dq", "x-api-key": "other"}) == "dq"

    @pytest.mark.parametrize(
        "value",
        [
            "", "Bearer", "Bearer ", "dq", "Digest dq", "Basic", "Basic !!!", _basic("dq"), _basic("u:"),
            "Basic " + "A" * (LONGEST_BASIC + 4),
        ],
    )  # fmt: skip
    def test_anything_else_is_no_key(self, value: str) -> None:
        """Whoever sends it is asked for one."""
        with pytest.raises(Unauthenticated):
            secret_of({"authorization": value})

    def test_none_at_all_is_none(self) -> None:
        """And says how to send one (WWW-Authenticate, by the edge)."""
        with pytest.raises(Unauthenticated):
            secret_of({})
