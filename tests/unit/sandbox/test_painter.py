"""The painter."""

from __future__ import annotations

import io
import subprocess
import sys

import attrs
import pytest
from PIL import Image, ImageChops

from danqing_providers.sandbox.painter import Commission, draw, paint

SMALL = Commission(prompt="江南春色", width=320, height=180)


def opened(content: bytes) -> Image.Image:
    """Return the decoded picture."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


class TestSize:
    """The picture is of the asked size and format."""

    @pytest.mark.parametrize(
        ("width", "height"), [(1280, 720), (720, 1280), (1512, 648), (512, 512), (3840, 240), (240, 3840), (33, 17)]
    )
    def test_size(self, width: int, height: int) -> None:
        """Any shape, also the most extreme that a model takes."""
        image = opened(paint(attrs.evolve(SMALL, width=width, height=height)))
        assert (image.size, image.mode, image.format) == ((width, height), "RGB", "JPEG")

    def test_png(self) -> None:
        """PNG on request."""
        assert opened(paint(attrs.evolve(SMALL, output_format="png"))).format == "PNG"


class TestDeterminism:
    """The same commission is the same picture; another is another."""

    def test_same_bytes(self) -> None:
        """Twice in one process."""
        assert paint(SMALL) == paint(SMALL)

    def test_same_bytes_in_another_process(self) -> None:
        """Hash seeds and start-up differ, the picture does not."""
        code = (
            "import sys; from danqing_providers.sandbox.painter import Commission, paint;"
            "sys.stdout.buffer.write(paint(Commission(prompt='江南春色', width=320, height=180)))"
        )
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert other.stdout == paint(SMALL)

    @pytest.mark.parametrize(
        "change",
        [{"prompt": "塞北秋色"}, {"seed": 7}, {"index": 1}, {"tokens": ("abc",)}, {"watermark": False}],
        ids=lambda change: next(iter(change)),
    )
    def test_anything_else_changes_it(self, change: dict[str, object]) -> None:
        """Prompt, seed, index, references and watermark each make another picture."""
        assert paint(attrs.evolve(SMALL, **change)) != paint(SMALL)


class TestContent:
    """What can be seen."""

    def test_watermark_is_bottom_right_and_nowhere_else(self) -> None:
        """With and without it the pictures differ in that corner alone."""
        wide = attrs.evolve(SMALL, width=1280, height=720)
        changed = ImageChops.difference(draw(wide), draw(attrs.evolve(wide, watermark=False))).getbbox()
        assert changed is not None
        left, top, right, bottom = changed
        assert left > 1280 * 0.85
        assert top > 720 * 0.9
        assert right <= 1280
        assert bottom <= 720

    def test_reference_is_shown(self) -> None:
        """The reference's colour appears, framed, where there was none of it."""
        buffer = io.BytesIO()
        Image.new("RGB", (80, 60), (10, 220, 40)).save(buffer, "JPEG")
        image = draw(attrs.evolve(SMALL, width=640, height=360, tokens=("a",), references=(buffer.getvalue(),)))
        green = sum(1 for red, lime, blue in image.get_flattened_data() if lime > red + 120 and lime > blue + 120)
        assert green > 2000
