"""Base64, in pieces."""

from __future__ import annotations

import base64
import os
import tracemalloc

import pytest

from danqing_plugins import Source
from danqing_server.assets.decoding import decode_base64
from danqing_server.errors import PictureRejected

BODY = os.urandom(400_001)
TEXT = base64.b64encode(BODY).decode()


def decoded(text: str) -> bytes:
    return b"".join(decode_base64(text))


def in_lines(text: str, ending: str, width: int = 76) -> str:
    return "".join(text[at : at + width] + ending for at in range(0, len(text), width))


class TestPieces:
    """Never all at once."""

    @pytest.mark.parametrize("size", [0, 1, 2, 3, 131069, 131070, 131071, 131072, 131073, 400_000])
    def test_every_length_comes_back(self, size: int) -> None:
        """Pieces end where four characters end."""
        pieces = list(decode_base64(base64.b64encode(BODY[:size]).decode()))
        assert b"".join(pieces) == BODY[:size]
        assert all(len(piece) <= 131072 for piece in pieces)

    def test_a_start_may_be_given(self) -> None:
        """A data URI needs no copy."""
        assert b"".join(decode_base64("data:x,YWJj", 7)) == b"abc"

    def test_line_breaks_cost_no_copy_of_the_whole(self) -> None:
        """H10: nor does anything else that is let pass."""
        text = in_lines(TEXT[:-4] * 20, "\r\n")
        tracemalloc.start()
        try:
            assert sum(map(len, decode_base64(text))) > 19 * len(BODY)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak_bytes < 1_500_000


class TestAsToolsWriteIt:
    """H10 and H11: what differs only in how it is laid out is the same picture, in a reference and in an answer."""

    @pytest.mark.parametrize(
        "text",
        [
            base64.encodebytes(BODY).decode(),
            in_lines(TEXT, "\r\n"),
            in_lines(TEXT, "\r\n", 64),
            in_lines(TEXT, " \t\f\n", 1),
            f"{TEXT}\n",
            f"\n\n {TEXT}",
            TEXT.rstrip("="),
            TEXT.rstrip("=") + "\n",
            f"{TEXT}===",
            TEXT.replace("=", "=\n"),
            base64.urlsafe_b64encode(BODY).decode().rstrip("="),
            f"data:image/png;base64,{TEXT}",
            f" \nDATA:image/png;charset=x;base64,\n{TEXT}",
            f"data:;base64,{TEXT}",
        ],
        ids=range(14),
    )
    def test_it_is_the_same_picture(self, text: str) -> None:
        """Wherever the pieces end."""
        assert decoded(text) == BODY

    @pytest.mark.parametrize("given", ["data:image/png;base64,YWJj", "DATA:;base64,YWJj"])
    def test_a_data_uri_in_a_links_place_is_a_picture(self, given: str) -> None:
        """H11: there is nothing to fetch; a paid picture is at hand."""
        source = Source.from_url(given)
        assert source.url is None
        assert decoded(source.base64 or "") == b"abc"


class TestDamaged:
    """What lost something stays refused, and is told what and where."""

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("a", "breaks off after 1 characters"),
            ("YWJjY", "breaks off after 5 characters"),
            (TEXT.rstrip("=")[:-2], "breaks off"),
            ("abcd*", "character 5,"),
            ("ab\ncd\n*fgh", "character 5,"),
            ("YWJj%3D", "character 5,"),
            ("漢字漢字", "character 1,"),
            (f"{TEXT[:300_000]}\0{TEXT[300_001:]}", "character 300001,"),
            ("YQ==YQ==", "more after its padding"),
            ("=abc", "more after its padding"),
            (f"{'A' * (131070 // 3 * 4 - 2)}==AAAA", "more after its padding"),
        ],
        ids=range(11),
    )
    def test_it_is_refused_with_its_reason(self, text: str, reason: str) -> None:
        """H10: "damaged" alone helps nobody; the text itself is not repeated."""
        with pytest.raises(PictureRejected, match=reason) as caught:
            decoded(text)
        assert caught.value.code == "not_a_picture"
        assert len(str(caught.value)) < 120
