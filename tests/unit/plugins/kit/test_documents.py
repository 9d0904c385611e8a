"""JSON as services send it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bson import encode
from hypothesis import given
from hypothesis import strategies as st

from danqing_plugins.kit.documents import Form, form_of, plain, read_object

OBJECT = {
    "data": [{"url": "https://a/b?c=1", "size": "1x1"}],
    "usage": {"generated_images": 1},
    "图": "\ud83d\ude00",
}
TEXT = json.dumps(OBJECT).encode()


class TestReading:
    """What is complete is read; what is cut is not."""

    @pytest.mark.parametrize(
        "body",
        [
            TEXT,
            b"\xef\xbb\xbf" + TEXT,
            b"\xef\xbb\xbf\r\n " + TEXT,
            b"\n\n" + TEXT + b"\n",
            TEXT + b"\0\0",
            TEXT + b"\r\n<!-- edge 7 -->",
            TEXT.replace(b'"1x1"', b'"1x1", "weight": NaN'),
            TEXT.replace(b'"1x1"', b'"1x1", "name": "a\tb"'),
            TEXT.replace(b'"1x1"', b'"1x1", "name": "\\ud800"'),
            TEXT.replace(b'"1x1"', b'"1x1", "name": "caf\xe9"'),
        ],
    )
    def test_form_does_no_harm(self, body: bytes) -> None:
        """H12: a mark before it, something behind it, a character that is no UTF-8: the pictures are there."""
        for kind in (bytes(body), bytearray(body)):
            found = read_object(kind)
            assert found is not None
            assert found["data"][0]["url"] == "https://a/b?c=1"

    @given(st.integers(0, len(TEXT) - 1), st.sampled_from([b"", b"\xef\xbb\xbf"]))
    def test_cut_is_none(self, end: int, mark: bytes) -> None:
        """A document that was cut anywhere in the middle is no document."""
        assert read_object(mark + TEXT[:end]) is None

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"5", b'"{}"', b"<html>{}</html>", b"null", b"[" * 5000, b"{" * 5000]
    )
    def test_garbage_is_none(self, body: bytes) -> None:
        """What is no object is refused as ever, however deep."""
        assert read_object(body) is None


class TestForms:
    """A body is what it is."""

    @pytest.mark.parametrize(
        ("beginning", "form"),
        [
            (b"{", Form.DOCUMENT),
            (b"\xef\xbb\xbf {", Form.DOCUMENT),
            (b"\r\n\t{", Form.DOCUMENT),
            (b"data: {", Form.STREAM),
            (b"\xef\xbb\xbfdata:", Form.STREAM),
            (b"\n\nevent:x", Form.STREAM),
            (b": ping", Form.STREAM),
            (b"id: 1", Form.STREAM),
            (b"retry: 1", Form.STREAM),
            (b"<html>", Form.OTHER),
            (b"[{", Form.OTHER),
            (b"database", Form.OTHER),
            (b" " * 5000, Form.OTHER),
        ],
    )
    def test_of(self, beginning: bytes, form: Form) -> None:
        """H5: an object begins with a brace, a stream with a field's name."""
        assert form_of(beginning, ended=False) is form

    @pytest.mark.parametrize(
        "beginning", [b"", b"\n", b"\xef\xbb", b"\xef\xbb\xbf", b"da", b"event", b"\xef\xbb\xbfre"]
    )
    def test_too_little_is_told(self, beginning: bytes) -> None:
        """H5: bytes that may yet become either are waited for, as long as some come."""
        assert form_of(beginning, ended=False) is None
        assert form_of(beginning, ended=True) is Form.OTHER


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


class TestPlain:
    """What goes into a database."""

    @given(_JSON)
    def test_any_json_can_be_stored(self, value: Any) -> None:
        """A number of 70 bits, half a surrogate pair or a NUL in a key from outside harms nobody's write."""
        encode({"value": plain(value)})

    def test_ordinary_values_are_untouched(self) -> None:
        """Layers lie where they lay."""
        box = {"x": 1, "y": 2.5, "name": "层", "flags": [True, None]}
        assert plain(box) == box
