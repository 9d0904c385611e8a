"""Base64 and bytes, in pieces."""

from __future__ import annotations

import base64
import os

import pytest

from danqing_server.assets.sources import decode_base64
from danqing_server.errors import PictureRejected


class TestBase64:
    """Decoded strictly, and never all at once."""

    @pytest.mark.parametrize("size", [0, 1, 2, 3, 131071, 131072, 131073, 400_000])
    def test_every_length_comes_back(self, size: int) -> None:
        """Pieces end where four characters end."""
        body = os.urandom(size)
        pieces = list(decode_base64(base64.b64encode(body).decode()))
        assert b"".join(pieces) == body
        assert all(len(piece) <= 131072 for piece in pieces)

    @pytest.mark.parametrize(
        "text", ["a", "ab=", "abc", "ab\ncd===", "abcd*", "YQ==YQ==", "=abc", "漢字漢字", "ab-_"]
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        """White space, a wrong alphabet and wrong padding are damage."""
        with pytest.raises(PictureRejected) as caught:
            list(decode_base64(text))
        assert caught.value.code == "not_a_picture"

    def test_padding_between_pieces_is_refused(self) -> None:
        """Padding stands at the very end, even where a piece ends."""
        step = 131072 // 3 * 4
        with pytest.raises(PictureRejected):
            list(decode_base64("A" * (step - 2) + "==" + "AAAA"))
