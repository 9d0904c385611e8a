"""What orders for videos are refused, and what the others will cost."""

from __future__ import annotations

from typing import Any

import pytest

from danqing_plugins import InvalidRequest, OutputKind, Prepared, Price, Reference, Request
from tests.unit.volcengine.builders import configured

V25 = "doubao-seedance-2-5-260628"
V20 = "doubao-seedance-2-0-260128"
FAST20 = "doubao-seedance-2-0-fast-260128"
V15 = "doubao-seedance-1-5-pro-251215"
V10 = "doubao-seedance-1-0-pro-250528"
FAST10 = "doubao-seedance-1-0-pro-fast-251015"
FILM = ["https://example.com/a.mp4"]
SOUND = ["https://example.com/a.mp3"]


def order(model: str | None, *fields: str, environment: dict[str, str] | None = None, **input_: Any) -> Prepared:
    """Prepare an order; *fields* hold a picture somewhere else each."""
    references = tuple(Reference(field=field, url=f"https://example.com/{field}.png") for field in fields)
    request = Request(
        provider="volcengine",
        type="video",
        model=model,
        input={"prompt": "a red fox runs", **input_},
        references=references,
    )
    return configured(environment).prepare(request)


def problems(model: str, *fields: str, **input_: Any) -> set[str]:
    """Return the fields that are refused."""
    try:
        order(model, *fields, **input_)
    except InvalidRequest as error:
        return {problem.field for problem in error.problems}
    return set()


class TestAccepted:
    """What each model takes."""

    @pytest.mark.parametrize("model", [one.id for one in configured().info.models if "video" in one.types])
    def test_every_choice(self, model: str) -> None:
        """Each enumerated value passes the check."""
        info = {one.id: one for one in configured().info.models}[model]
        for name, part in info.parameters["properties"].items():
            more = {"duration": -1} if name == "omni_reference_task_type" else {}
            for value in part.get("enum", ()):
                assert order(model, **more, **{name: value}).model == model

    @pytest.mark.parametrize(
        ("model", "name", "value"),
        [
            (V20, "service_tier", "default"),
            (V20, "camera_fixed", False),
            (V20, "draft", False),
            (V10, "draft", False),
            (V10, "priority", 0),
            (V10, "generate_audio", False),
        ],
    )
    def test_what_says_nothing_is_no_wish(self, model: str, name: str, value: Any) -> None:
        """Clients of Ark send the usual value of a field to each model; it is left out where Ark may refuse it."""
        assert order(model, **{name: value}).input == order(model).input

    @pytest.mark.parametrize(
        ("model", "name", "value"),
        [(V20, "camera_fixed", 0), (V10, "priority", False), (V10, "generate_audio", True), (V20, "draft", True)],
    )
    def test_what_says_something_is_refused(self, model: str, name: str, value: Any) -> None:
        """A wish that the model cannot fulfil, or a value of another kind."""
        assert problems(model, **{name: value}) == {name}

    def test_the_default(self) -> None:
        """A task that names no model gets Seedance 2.0; what the price depends on is written down."""
        done = order(None)
        assert (done.model, done.kind, done.outputs, done.single_call) == (V20, OutputKind.VIDEO, 1, True)
        assert done.input == {
            "prompt": "a red fox runs",
            "resolution": "720p",
            "ratio": "adaptive",
            "duration": 5,
        }

    def test_the_last_frame_is_an_output(self) -> None:
        """The video and a picture."""
        assert order(V20, return_last_frame=True).outputs == 2

    @pytest.mark.parametrize(
        ("model", "fields", "input_"),
        [
            (V20, ("image",), {}),
            (V20, ("image", "last_frame"), {}),
            (V20, ("reference_image[0]", "reference_image[1]"), {"reference_video": FILM}),
            (V20, ("reference_image",), {"reference_audio": SOUND}),
            (V25, (), {"reference_audio": SOUND}),
            (V25, (), {"reference_video": ["asset://asset-1"], "omni_reference_task_type": "extend"}),
            (V25, (), {"omni_reference_task_type": "edit", "duration": -1, "reference_video": FILM}),
            (V15, (), {"draft": True}),
            (V15, (), {"prompt": None, "draft_task": "cgt-1", "resolution": "1080p"}),
            (V20, ("image",), {"prompt": None}),
            (V10, (), {"frames": 29, "service_tier": "flex"}),
            (V20, (), {"tools": [{"type": "web_search"}]}),
        ],
    )
    def test_ways_to_order(self, model: str, fields: tuple[str, ...], input_: dict[str, Any]) -> None:
        """From words, a first frame, two frames, references, a draft."""
        assert problems(model, *fields, **input_) == set()


class TestRefused:
    """Before anything is queued, by field."""

    @pytest.mark.parametrize(
        ("model", "fields", "input_", "refused"),
        [
            (V20, (), {"prompt": None}, "prompt"),
            (V20, ("last_frame",), {}, "last_frame"),
            (V20, ("image", "reference_image"), {}, "image"),
            (V20, ("image",), {"reference_video": FILM}, "image"),
            (FAST10, ("image", "last_frame"), {}, "last_frame"),
            (V15, ("reference_image",), {}, "reference_image"),
            (V20, tuple(f"reference_image[{n}]" for n in range(10)), {}, "reference_image"),
            (V20, (), {"reference_video": FILM * 4}, "reference_video"),
            (V20, (), {"reference_video": ["data:video/mp4;base64,AAAA"]}, "reference_video"),
            (V20, (), {"reference_audio": SOUND}, "reference_audio"),
            (V20, (), {"duration": 3}, "duration"),
            (V20, (), {"duration": 16}, "duration"),
            (V10, (), {"duration": -1}, "duration"),
            (FAST20, (), {"resolution": "1080p"}, "resolution"),
            (V25, (), {"resolution": "4k"}, "resolution"),
            (V20, (), {"ratio": "5:4"}, "ratio"),
            (V10, (), {"frames": 30}, "frames"),
            (V10, (), {"frames": 29, "duration": 5}, "frames"),
            (V20, (), {"frames": 29}, "frames"),
            (V20, (), {"camera_fixed": True}, "camera_fixed"),
            (V20, (), {"service_tier": "flex"}, "service_tier"),
            (V10, (), {"generate_audio": True}, "generate_audio"),
            (V20, (), {"draft": True}, "draft"),
            (V15, (), {"draft": True, "return_last_frame": True}, "return_last_frame"),
            (V15, (), {"draft": True, "service_tier": "flex"}, "service_tier"),
            (V15, (), {"draft": True, "resolution": "720p"}, "resolution"),
            (V15, (), {"draft_task": "cgt-1"}, "prompt"),
            (V20, ("image",), {"tools": [{"type": "web_search"}]}, "tools"),
            (V25, ("image",), {"ratio": "1:1"}, "ratio"),
            (V25, (), {"omni_reference_task_type": "edit", "reference_video": FILM}, "duration"),
            (V20, (), {"seed": 2**32}, "seed"),
            (V20, (), {"execution_expires_after": 10}, "execution_expires_after"),
            (V20, (), {"priority": 10}, "priority"),
            (V20, (), {"aspect_ratio": "1:1"}, "aspect_ratio"),
        ],
    )
    def test_fields(self, model: str, fields: tuple[str, ...], input_: dict[str, Any], refused: str) -> None:
        """Each is named."""
        assert problems(model, *fields, **input_) == {refused}


class TestEstimates:
    """Tokens by the formula, times the price; a range where the model decides."""

    @pytest.mark.parametrize(
        ("model", "input_", "micro"),
        [
            # Examples of the price page of 2026-10: 4.97 and 2.31 yuan are of 24 s frames; measured is one more.
            (V20, {"ratio": "16:9"}, 108_900 * 46),
            (V20, {"ratio": "16:9", "resolution": "480p"}, 50_638 * 46),
            (V10, {"resolution": "720p"}, 103_818 * 15),
            (V10, {"resolution": "720p", "service_tier": "flex"}, 103_818 * 15 // 2),
            (V15, {"ratio": "16:9", "generate_audio": False}, 108_900 * 8),
            (V20, {"ratio": "16:9", "return_last_frame": True}, 108_900 * 46 // 2),
        ],
    )
    def test_exact(self, model: str, input_: dict[str, Any], micro: int) -> None:
        """Size and length are known."""
        assert order(model, **input_).price == Price(amount_micro=micro, currency="CNY")

    def test_ranges(self) -> None:
        """The ratio, the length, or the length of what is referred to are not."""
        for input_ in ({}, {"ratio": "16:9", "duration": -1}, {"ratio": "16:9", "reference_video": FILM}):
            price = order(V20, **input_).price
            assert price is not None
            assert price.most_micro is not None
            assert price.most_micro > price.amount_micro

    def test_own_prices(self) -> None:
        """A promotion is written down by the operator; null is unknown."""
        environment = {"DANQING_VOLCENGINE_TOKEN_PRICES": f'{{"{V20}": [20, 10], "{V10}": null}}'}
        assert order(V20, environment=environment, ratio="16:9").price == Price(
            amount_micro=108_900 * 20, currency="CNY"
        )
        assert order(V10, environment=environment).price is None
