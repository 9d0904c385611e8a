"""Orders for films, against the limits of each model."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from danqing_providers.sandbox.ark.errors import ArkError
from danqing_providers.sandbox.ark.fields import parse_body
from danqing_providers.sandbox.ark.orders import Caller
from danqing_providers.sandbox.ark.video.models import VideoCatalogue
from danqing_providers.sandbox.ark.video.orders import FilmOrder, settle_film
from danqing_providers.sandbox.ark.video.validation import VideoRequest, read_order
from danqing_providers.sandbox.references import Reference

V25 = "doubao-seedance-2-5-260628"
V20 = "doubao-seedance-2-0-260128"
FAST = "doubao-seedance-2-0-fast-260128"
V15 = "doubao-seedance-1-5-pro-251215"
V10 = "doubao-seedance-1-0-pro-250528"
V10_FAST = "doubao-seedance-1-0-pro-fast-251015"
T2V = "doubao-seedance-1-0-lite-t2v-250428"
I2V = "doubao-seedance-1-0-lite-i2v-250428"

CALLER = Caller(request_id="02", client_request_id="c", api_key="f", base_url="http://h")


def text(words: str = "江南春色") -> dict[str, Any]:
    """Return a text item."""
    return {"type": "text", "text": words}


def image(role: str | None = None) -> dict[str, Any]:
    """Return an image item."""
    item = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    return item | ({"role": role} if role else {})


def film() -> dict[str, Any]:
    """Return a reference film."""
    return {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}, "role": "reference_video"}


def sound() -> dict[str, Any]:
    """Return a reference sound."""
    return {"type": "audio_url", "audio_url": {"url": "https://example.com/a.mp3"}, "role": "reference_audio"}


def accept(model: str = V20, *items: dict[str, Any], **fields: Any) -> VideoRequest:
    """Return the order as validated, with the models that are shut down alive."""
    body = {"model": model, "content": list(items) or [text()], **fields}
    return read_order(parse_body(orjson.dumps(body)), VideoCatalogue(shut_down_too=True, endpoints={"ep-1": V20}))


def refuse(model: str = V20, *items: dict[str, Any], **fields: Any) -> ArkError:
    """Return the error that the order meets."""
    with pytest.raises(ArkError) as caught:
        accept(model, *items, **fields)
    return caught.value


def settled(request: VideoRequest, *references: Reference) -> FilmOrder:
    """Return what will be made."""
    return settle_film(request, CALLER, references, [None for _ in request.content.films])


class TestModels:
    """Names."""

    def test_names(self) -> None:
        """An alias is echoed, an endpoint answers as its model."""
        assert accept("dreamina-seedance-2-0-260128").model_name == "dreamina-seedance-2-0-260128"
        assert accept("ep-1").model_name == V20

    def test_unknown(self) -> None:
        """404; a model for pictures is 400, shut-down ones are unknown."""
        assert refuse("doubao-seedance-9").status == 404
        error = refuse("doubao-seedream-4-0-250828")
        assert (error.status, error.code) == (400, "InvalidParameter")
        assert "does not support content generation" in error.message
        with pytest.raises(ArkError, match="404"):
            VideoCatalogue(shut_down_too=False, endpoints={}).find(T2V)

    def test_missing(self) -> None:
        """Model and content are required."""
        assert refuse("").code == "MissingParameter"
        error = refuse(V20, content=None)
        assert (error.code, error.param) == ("MissingParameter", "content")


class TestFields:
    """Limits per model."""

    @pytest.mark.parametrize(
        ("model", "fields", "param"),
        [
            (V20, {"resolution": "8k"}, "resolution"),
            (FAST, {"resolution": "1080p"}, "resolution"),
            (V25, {"resolution": "4k"}, "resolution"),
            (V20, {"ratio": "5:4"}, "ratio"),
            (V20, {"duration": 3}, "duration"),
            (V20, {"duration": 16}, "duration"),
            (V25, {"duration": 31}, "duration"),
            (V10, {"duration": -1}, "duration"),
            (V10, {"frames": 30}, "frames"),
            (V20, {"frames": 29}, "frames"),
            (V20, {"seed": 2**32}, "seed"),
            (V20, {"duration": "5"}, "duration"),
            (V20, {"watermark": "yes"}, "watermark"),
            (V20, {"service_tier": "flex"}, "service_tier"),
            (V20, {"execution_expires_after": 60}, "execution_expires_after"),
            (V10, {"priority": 1}, "priority"),
            (V20, {"priority": 10}, "priority"),
            (V20, {"draft": True}, "draft"),
            (V15, {"draft": True, "return_last_frame": True}, "return_last_frame"),
            (V15, {"draft": True, "service_tier": "flex"}, "service_tier"),
            (V10, {"tools": [{"type": "web_search"}]}, "tools"),
            (V20, {"output_format": "mov"}, "output_format"),
            (V20, {"omni_reference_task_type": "edit"}, "omni_reference_task_type"),
            (V20, {"safety_identifier": "x" * 65}, "safety_identifier"),
        ],
    )
    def test_refused(self, model: str, fields: dict[str, Any], param: str) -> None:
        """400, and the field is named."""
        error = refuse(model, **fields)
        assert (error.status, error.code, error.param) == (400, "InvalidParameter", param)

    def test_null_is_absent(self) -> None:
        """The official library sends every field."""
        names = ("callback_url", "seed", "frames", "duration", "tools", "output_format", "omni_reference_task_type")
        assert accept(V20, **dict.fromkeys(names)) == accept(V20)

    def test_defaults(self) -> None:
        """Each generation has its own."""
        new, old = accept(V20), accept(V10)
        assert (new.resolution, new.ratio, new.duration, new.audio) == ("720p", "adaptive", 5, True)
        assert (old.resolution, old.ratio, old.duration, old.audio) == ("1080p", "16:9", 5, False)

    def test_draft_is_small(self) -> None:
        """Whatever resolution was asked for."""
        assert accept(V15, draft=True, resolution="1080p").resolution == "480p"

    def test_commands_in_the_text(self) -> None:
        """They are taken out of the prompt; wrong ones count for nothing, and fields go before them."""
        said = text("江南 --rs 1080p --dur 7 --rt 5:4 --seed 11 --wm true --what else")
        order = accept(V10, said, duration=6)
        assert (order.resolution, order.duration, order.ratio) == ("1080p", 6, "16:9")
        assert (order.seed, order.watermark) == (11, True)
        assert order.prompt == "江南 --what else"


class TestContent:
    """Ways to send pictures, films and sounds."""

    @pytest.mark.parametrize(
        ("model", "items", "fragment"),
        [
            (V20, [text(" ")], "text content must contain a prompt description"),
            (V20, [text(), image("first_frame"), image("reference_image")], "cannot be mixed"),
            (V20, [text(), image(), image()], "each with its role"),
            (V20, [text(), image("last_frame")], "each with its role"),
            (V10_FAST, [image("first_frame"), image("last_frame")], "does not support last frame image"),
            (V10, [image("reference_image")], "does not support reference image"),
            (T2V, [image()], "does not support first frame image"),
            (I2V, [text()], "needs an image"),
            (V20, [image("reference_image")] * 10, "at most 9"),
            (V20, [film()] * 4, "at most 3"),
            (V20, [text(), sound()], "needs a reference image or video"),
            (
                V20,
                [{"type": "video_url", "video_url": {"url": "https://x/a.mp4"}}],
                "needs the role",
            ),
            (V20, [{"type": "text"}], "expected a string"),
            (V20, [{"type": "nonsense"}], "unknown type"),
            (I2V, [image("reference_image"), text("--rs 1080p")], "1080p is not for reference images"),
        ],
    )
    def test_refused(self, model: str, items: list[dict[str, Any]], fragment: str) -> None:
        """400 with the reason."""
        error = refuse(model, *items)
        assert error.status == 400
        assert fragment in error.message

    def test_modes(self) -> None:
        """Roles decide; the order of first and last does not."""
        assert accept(V20, image()).content.mode == "first_frame"
        assert accept(V20, image("last_frame"), image("first_frame")).content.mode == "first_and_last"
        assert accept(V25, text(), sound()).content.mode == "reference"


class TestSizes:
    """Pixels."""

    @pytest.mark.parametrize(
        ("model", "fields", "size"),
        [
            (V20, {"ratio": "16:9"}, "1280x720"),
            (V20, {"ratio": "9:16", "resolution": "480p"}, "496x864"),
            (V20, {"ratio": "21:9", "resolution": "1080p"}, "2206x946"),
            (V20, {"ratio": "16:9", "resolution": "4k"}, "3840x2160"),
            (V25, {"ratio": "16:9", "resolution": "480p"}, "854x480"),
            (V10, {"ratio": "16:9"}, "1920x1088"),
            (V10, {"ratio": "4:3", "resolution": "720p"}, "1120x832"),
        ],
    )
    def test_tables(self, model: str, fields: dict[str, Any], size: str) -> None:
        """Two generations, two tables."""
        assert str(settled(accept(model, **fields)).size) == size

    def test_adaptive(self) -> None:
        """The shape of the first picture, or the one that the prompt names."""
        upright = Reference(token="t", ratio=0.6)
        assert settled(accept(V20, image()), upright).ratio == "9:16"
        assert settled(accept(V20, text("竖版山水"))).ratio == "9:16"
        assert settled(accept(V20)).ratio == "16:9"


class TestUsage:
    """Tokens and what they cost."""

    @pytest.mark.parametrize(
        ("model", "fields", "tokens"),
        [
            (V20, {"ratio": "16:9", "resolution": "480p"}, 50_638),
            (V20, {"ratio": "16:9"}, 108_900),
            (V15, {"ratio": "1:1", "resolution": "480p", "duration": 4}, 38_800),
            (V10, {"resolution": "720p"}, 103_818),
            (V10, {}, 246_840),
            (V10, {"frames": 121}, 246_840),
        ],
    )
    def test_measured(self, model: str, fields: dict[str, Any], tokens: int) -> None:
        """floor((24 s + 1) w h / 1024), as measured."""
        assert settled(accept(model, **fields)).tokens == tokens

    def test_film_in_the_order(self) -> None:
        """Its length counts too, at another price."""
        plain, edited = settled(accept(V20)), settled(accept(V20, text(), film()))
        assert edited.tokens == 241 * 1280 * 720 // 1024
        assert (plain.cost_micro, edited.cost_micro) == (108_900 * 46, edited.tokens * 28)

    def test_sound_draft_and_flex(self) -> None:
        """Silent films of 1.5 cost half, drafts a part, offline ones half again."""
        loud = settled(accept(V15, ratio="16:9"))
        assert loud.cost_micro == 108_900 * 16
        assert settled(accept(V15, ratio="16:9", generate_audio=False)).cost_micro == 108_900 * 8
        assert settled(accept(V15, ratio="16:9", service_tier="flex")).cost_micro == 108_900 * 8
        assert settled(accept(V15, ratio="16:9", draft=True)).tokens == int(50_638.5 * 0.6)

    def test_free_length(self) -> None:
        """The model chooses, within its limits, the same for the same prompt."""
        order = settled(accept(V20, duration=-1))
        assert 4 * 24 < order.frames <= 15 * 24 + 1
        assert settled(accept(V20, duration=-1)).frames == order.frames
