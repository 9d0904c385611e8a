"""What a model of DashScope is: where it is asked for, what it takes, what it costs.

Sources: the pages named in `image_models` and `video_models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import attrs

from danqing_plugins import OutputKind, Text
from danqing_plugins.kit.parameters import Choice, References, Size, Whole

__all__ = ["LARGE_PIXELS", "Frames", "Model", "Route"]

LARGE_PIXELS = 2_250_000
"""Qwen-Image 3.0 charges its second price above 2.25 million pixels (`qima_output_2k`)."""


class Route(Enum):
    """How a model is asked: the path behind `/api/v1`, and whether it answers with an order's id.

    A model that can be asked both ways is asked for an order: what is under way then outlives our death.
    """

    MESSAGES = ("multimodal-generation/generation", False)
    IMAGE_GENERATION = ("image-generation/generation", True)
    TEXT_TO_IMAGE = ("text2image/image-synthesis", True)
    VIDEO = ("video-generation/video-synthesis", True)

    def __init__(self, path: str, orders: bool) -> None:
        self.path = f"/services/aigc/{path}"
        self.orders = orders

    @property
    def echoes_prompt(self) -> bool:
        """Whether a finished order tells the prompt it was given (`orig_prompt`)."""
        return self in (Route.TEXT_TO_IMAGE, Route.VIDEO)


class Frames(Enum):
    """How a video model is given its pictures."""

    NONE = "none"
    IMG_URL = "img_url"
    MEDIA = "media"


@attrs.frozen(kw_only=True)
class Model:
    """One model and its own table of limits.

    `snapshots` are its dated versions, which are models of their own with the same table; `base` is what such a
    one is a version of. `takes` names the optional parameters it knows beside those that have a field here,
    `defaults` what the service does where they are left out. `most_sequential` is how many pictures there may be
    with `enable_sequential`, 0 where it is not known. `text_tiers` are sizes for requests without pictures only;
    `one_size`: a size is taken only when one picture is asked for. `longest_prompt` is in characters, None where
    it is counted otherwise. `price_micro` is in millionths of CNY for a picture; `large_micro`
    for one of more than `LARGE_PIXELS`. None: not known. `second_micro` is that of a video's second, by resolution.
    """

    id: str
    title: Text
    route: Route
    snapshots: tuple[str, ...] = ()
    base: str | None = None
    kind: OutputKind = OutputKind.IMAGE
    size: Size | None = None
    text_tiers: tuple[str, ...] = ()
    one_size: bool = False
    most_images: int = 1
    most_sequential: int = 0
    sends_count: bool = True
    pictures: References | None = None
    frames: Frames = Frames.NONE
    resolutions: tuple[str, ...] = ()
    duration: Choice | Whole | None = None
    longest_prompt: int | None = None
    takes: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = attrs.field(factory=dict)
    price_micro: int | None = None
    second_micro: Mapping[str, int] = attrs.field(factory=dict)
    large_micro: int | None = None
    lane: str | None = None

    @property
    def versions(self) -> tuple[Model, ...]:
        """It, and its snapshots."""
        dated = (attrs.evolve(self, id=id_, base=self.id, snapshots=()) for id_ in self.snapshots)
        return (self, *dated)

    @property
    def is_video(self) -> bool:
        return self.kind is OutputKind.VIDEO

    @property
    def needs_prompt(self) -> bool:
        """Whether it does nothing without a prompt: a video may come of its first frame alone."""
        return self.frames is Frames.NONE

    @property
    def finds_orders(self) -> bool:
        """Whether an order whose id was lost can be told from others; see `finding`."""
        return self.route.echoes_prompt and self.needs_prompt
