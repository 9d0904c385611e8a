from __future__ import annotations

import io

import pytest
from PIL import Image, ImageCms

from danqing_server.assets.converting import FORMATS, converted
from danqing_server.errors import PictureRejected
from tests.unit.assets.pictures import picture

MOST_PIXELS = 1_000_000


def encoded(drawn: Image.Image, format_: str, **options: object) -> bytes:
    """Return *drawn* as a file."""
    file = io.BytesIO()
    drawn.save(file, format_, **options)
    return file.getvalue()


def as_seen(body: bytes, wanted: str) -> Image.Image:
    """Return what a viewer shows of *body* once it is in the format *wanted*."""
    picture = Image.open(io.BytesIO(converted(body, wanted, max_pixels=MOST_PIXELS)))
    assert picture.format == FORMATS[wanted]
    assert picture.getexif().get(0x0112, 1) == 1
    return picture


@pytest.mark.parametrize("wanted", FORMATS)
class TestConverting:
    """A picture looks as it did, whatever its format."""

    @pytest.mark.parametrize("format_", ["PNG", "TIFF"])
    def test_sixteen_bits_of_grey_keep_their_shades(self, wanted: str, format_: str) -> None:
        """A map of depths, say: every shade above the 256th of 65,536 was white."""
        shades = b"".join((x * 1024).to_bytes(2, "little") for x in range(64))
        body = encoded(Image.frombytes("I;16", (64, 16), shades * 16), format_)
        seen = as_seen(body, wanted).convert("L")
        assert [seen.getpixel((x, 8)) for x in (0, 16, 32, 48)] == pytest.approx([0, 64, 128, 192], abs=4)

    @pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
    def test_one_that_its_exif_data_turn_stands_upright(self, wanted: str, format_: str) -> None:
        """Held on its side (6): the left edge of what is stored is the top of what is seen."""
        drawn = Image.new("RGB", (64, 32), (0, 0, 255))
        drawn.paste((255, 0, 0), (0, 0, 16, 32))
        exif = Image.Exif()
        exif[0x0112] = 6
        seen = as_seen(encoded(drawn, format_, exif=exif), wanted).convert("RGB")
        assert seen.size == (32, 64)
        assert seen.getpixel((16, 4)) == pytest.approx((255, 0, 0), abs=8)
        assert seen.getpixel((16, 60)) == pytest.approx((0, 0, 255), abs=8)

    @pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
    def test_one_whose_exif_data_are_odd_stands_upright(self, wanted: str, format_: str) -> None:
        """A resolution in letters, as some program wrote it, is no reason to give no picture."""
        odd = (
            b"II*\0\x08\0\0\0\x02\0"
            + b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
            + b"\x1a\x01\x02\0\x03\0\0\x00ab\0\0"
            + bytes(4)
        )
        body = encoded(Image.new("RGB", (64, 32)), format_, exif=b"Exif\0\0" + odd)
        assert as_seen(body, wanted).size == (32, 64)

    def test_it_keeps_what_its_colours_mean(self, wanted: str) -> None:
        """Of a wide profile the same numbers are other colours."""
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        body = encoded(Image.new("RGB", (64, 32), (90, 60, 30)), "TIFF", icc_profile=profile)
        assert as_seen(body, wanted).info.get("icc_profile") == profile

    def test_a_profile_of_other_colours_goes(self, wanted: str) -> None:
        """What is red, green and blue now is not to be read as it was before."""
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
        body = encoded(Image.new("CMYK", (64, 32), (10, 20, 30, 40)), "TIFF", icc_profile=lab)
        assert as_seen(body, wanted).info.get("icc_profile") is None

    def test_what_is_transparent_stays_so_where_it_can(self, wanted: str) -> None:
        """In a JPEG it is white."""
        body = encoded(Image.new("LA", (64, 32), (10, 0)), "PNG")
        corner = as_seen(body, wanted).convert("RGBA").getpixel((3, 3))
        assert isinstance(corner, tuple)
        assert corner == (255, 255, 255, 255) if wanted == "jpeg" else corner[3] == 0


class TestDamaged:
    @pytest.mark.parametrize("format_", ["avif", "gif", "webp"])
    def test_it_is_refused_whatever_its_decoder_raises(self, format_: str) -> None:
        """Any byte of it wrong: it is shown as well as can be, or rejected. AVIF has an error of its own."""
        whole = picture(format_, 32, 24)
        rejected = 0
        for at in range(len(whole)):
            body = bytearray(whole)
            body[at] ^= 0xFF
            try:
                converted(bytes(body), "png", max_pixels=MOST_PIXELS)
            except PictureRejected:
                rejected += 1
        assert rejected
