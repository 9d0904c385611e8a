"""What goes out, by the knobs of the service."""

from __future__ import annotations

from typing import Any

import pytest

from danqing_plugins import ReferenceData
from danqing_providers.openai_images.values import Knobs, Model
from danqing_providers.openai_images.wire import Pictures, order_of

PNG = ReferenceData(body=b"png", media_type="image/PNG")
DATA = "data:image/png;base64,cG5n"
ELSEWHERE = "https://example.com/a.png"
MODEL = Model(id="m", title="M", upstream="theirs")


def body_of(knobs: Knobs, count: int = 1, pictures: Pictures | None = None, **input_: Any) -> dict[str, Any]:
    """Return the JSON that goes out."""
    order = order_of(knobs, MODEL, {"prompt": "a hill", **input_}, count, pictures or Pictures())
    assert order.body is not None
    return dict(order.body)


class TestFields:
    def test_nothing_is_sent_that_was_not_asked_for(self) -> None:
        """Neither `n` for one picture nor a format."""
        assert body_of(Knobs()) == {"model": "theirs", "prompt": "a hill"}

    def test_names_are_changed_left_out_and_added(self) -> None:
        """A constant wins over what was asked for."""
        knobs = Knobs(
            rename={"size": "image_size", "n": "batch_size"}, drop=("model",), constants={"response_format": "url"}
        )
        assert body_of(knobs, 2, size="64x64", response_format="x") == {
            "prompt": "a hill",
            "image_size": "64x64",
            "batch_size": 2,
            "response_format": "url",
        }

    @pytest.mark.parametrize(
        ("form", "size", "sent"),
        [
            ("size", "auto", {"size": "auto"}),
            ("width_height", "64x48", {"width": 64, "height": 48}),
            ("width_height", "auto", {}),
            ("aspect_ratio", "16:9", {"aspect_ratio": "16:9"}),
        ],
    )
    def test_size_in_each_form(self, form: str, size: str, sent: dict[str, Any]) -> None:
        """In one field, in two, or as a shape."""
        body = body_of(Knobs(size_form=form), size=size)
        assert {name: value for name, value in body.items() if name not in ("model", "prompt")} == sent

    def test_previews_are_a_stream_where_there_are_any(self) -> None:
        """A service without streams is not asked for one."""
        assert body_of(Knobs(streams=True), partial_images=2)["stream"] is True
        assert "stream" not in body_of(Knobs(), partial_images=2)
        assert "stream" not in body_of(Knobs(streams=True), partial_images=0)


class TestPictures:
    @pytest.mark.parametrize(
        ("knobs", "sent"),
        [
            (Knobs(references="json_images"), {"images": [{"image_url": DATA}, {"image_url": ELSEWHERE}]}),
            (
                Knobs(references="json_image"),
                {"images": [{"url": DATA, "type": "image_url"}, {"url": ELSEWHERE, "type": "image_url"}]},
            ),
            (Knobs(references="json_fields", reference_names=("a", "b")), {"a": DATA, "b": ELSEWHERE}),
            (Knobs(references="json_list", reference_names=("refs",)), {"refs": [DATA, ELSEWHERE]}),
        ],
    )
    def test_as_json_in_each_form(self, knobs: Knobs, sent: dict[str, Any]) -> None:
        """Bytes as a data URI, a link as it is."""
        body = body_of(knobs, pictures=Pictures(images=(PNG, ELSEWHERE)))
        assert {name: value for name, value in body.items() if name not in ("model", "prompt")} == sent

    def test_raw_base64_has_no_head(self) -> None:
        """LocalAI drops data URIs in silence."""
        knobs = Knobs(references="json_list", reference_names=("refs",), raw_base64=True)
        assert body_of(knobs, pictures=Pictures(images=(PNG,)))["refs"] == ["cG5n"]

    def test_as_a_form(self) -> None:
        """One is `image`, several are `image[]`; flags are words; the mask comes last."""
        knobs = Knobs(references="multipart", streams=True, edits_path="/d/{model}/edits")
        input_ = {"prompt": "a hill", "partial_images": 1}
        one = order_of(knobs, MODEL, input_, 1, Pictures(images=(PNG,), mask=PNG))
        assert (one.path, one.body, one.streamed) == ("/d/theirs/edits", None, True)
        assert [part.name for part in one.parts] == [
            *("model", "prompt", "stream", "partial_images"),
            *("image", "mask"),
        ]
        assert [part.body for part in one.parts if part.name == "stream"] == ["true"]
        several = order_of(knobs, MODEL, input_, 1, Pictures(images=(PNG, PNG)))
        assert [part.filename for part in several.parts if part.name == "image[]"] == ["image0.png", "image1.png"]

    def test_without_pictures_no_edit_is_asked_for(self) -> None:
        """The path is that of generations."""
        order = order_of(Knobs(references="multipart"), MODEL, {"prompt": "a hill"}, 1, Pictures())
        assert (order.path, order.parts) == ("/images/generations", ())
