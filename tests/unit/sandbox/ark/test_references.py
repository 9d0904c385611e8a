"""Reference pictures, checked on real bytes."""

from __future__ import annotations

import base64
import io
import struct
import zlib

import pytest
from PIL import Image

from danqing_providers.sandbox.ark.catalogue import MODELS, Model
from danqing_providers.sandbox.ark.errors import ArkError
from danqing_providers.sandbox.ark.references import inspect_reference

V4 = next(model for model in MODELS if model.family == "seedream-4-0")
EDIT = next(model for model in MODELS if model.family == "seededit-3-0-i2i")


def data_uri(width: int, height: int, kind: str = "png", named: str | None = None) -> str:
    """Return a data URI of a plain picture, said to be of format *named*."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (180, 60, 40)).save(buffer, kind.upper())
    return f"data:image/{named or kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def huge_png_uri() -> str:
    """Return the beginning of a PNG that promises 20000 x 20000 pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    content += struct.pack(">I", 1000) + b"IDAT"
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def refuse(text: str, model: Model = V4) -> ArkError:
    """Return the error that the reference meets."""
    with pytest.raises(ArkError) as caught:
        inspect_reference(model, text)
    assert caught.value.status == 400
    return caught.value


class TestDataUri:
    """Pictures inside the request."""

    @pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "bmp", "tiff", "gif"])
    def test_formats(self, kind: str) -> None:
        """Every documented format that Pillow reads is measured."""
        assert inspect_reference(V4, data_uri(60, 30, kind)).ratio == 2.0

    def test_same_bytes_same_token(self) -> None:
        """A picture is known by its bytes."""
        assert inspect_reference(V4, data_uri(60, 30)).token == inspect_reference(V4, data_uri(60, 30)).token

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            (data_uri(14, 200), "InvalidParameter"),
            (data_uri(340, 20), "InvalidParameter"),
            (huge_png_uri(), "InvalidParameter.OversizedImage"),
            (data_uri(40, 40, "png", "jpeg"), "InvalidParameter.UnsupportedImageFormat"),
            (data_uri(40, 40, "png", "svg"), "InvalidParameter.UnsupportedImageFormat"),
            (data_uri(40, 40, "png", "PNG"), "InvalidImageURL.InvalidFormat"),
            ("data:image/png;base64,@@@", "InvalidImageURL.InvalidFormat"),
            ("data:image/png,abc", "InvalidImageURL.InvalidFormat"),
            ("data:image/png;base64,aGVsbG8=", "InvalidParameter.UnsupportedImageFormat"),
            ("data:image/heic;base64,aGVsbG8gaGVsbG8=", "InvalidParameter.UnsupportedImageFormat"),
        ],
        ids=lambda value: value[:30],
    )
    def test_refused(self, text: str, code: str) -> None:
        """Too small, too long, too large, of a format that is not taken, not what it says, not base64."""
        assert refuse(text).code == code

    def test_limits_are_inclusive(self) -> None:
        """15 pixels and 16:1 pass."""
        assert inspect_reference(V4, data_uri(240, 15)).ratio == 16.0

    def test_more_than_36_million_pixels(self) -> None:
        """It is refused by its header."""
        assert refuse(data_uri(6200, 5900, "jpeg")).code == "InvalidParameter.OversizedImage"

    def test_more_than_thirty_megabytes(self) -> None:
        """It is refused before it is decoded."""
        assert refuse("data:image/png;base64," + "A" * (42 * 1024 * 1024)).code == "InvalidParameter.OversizedImage"

    def test_narrower_limits_of_the_old_model(self) -> None:
        """The editing model takes ratios up to 3 and no WebP."""
        assert refuse(data_uri(200, 50), EDIT).code == "InvalidParameter"
        assert refuse(data_uri(50, 50, "webp"), EDIT).code == "InvalidParameter.UnsupportedImageFormat"

    def test_heic_by_its_brand(self) -> None:
        """HEIC cannot be read here: its container is looked at, no more."""
        content = base64.b64encode(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00").decode()
        assert inspect_reference(V4, f"data:image/heic;base64,{content}").ratio is None


class TestUrl:
    """Pictures elsewhere, which are never fetched."""

    def test_well_formed_is_accepted(self) -> None:
        """Nothing is known of it but its name."""
        reference = inspect_reference(V4, "https://example.com/a.png?x=1")
        assert (reference.url, reference.ratio) == ("https://example.com/a.png?x=1", None)

    @pytest.mark.parametrize(
        "text", ["ftp://example.com/a", "example.com/a", "https://", "https://e:99999/", "aGVsbG8="]
    )
    def test_malformed(self, text: str) -> None:
        """Anything else than an absolute http(s) URL is refused."""
        assert refuse(text).code == "InvalidImageURL.InvalidFormat"

    @pytest.mark.parametrize("text", ["", "  "])
    def test_empty(self, text: str) -> None:
        """An empty one has a code of its own."""
        assert refuse(text).code == "InvalidImageURL.EmptyURL"
