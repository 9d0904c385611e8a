"""An order: an accepted request with everything settled that the model would settle by itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

import attrs

from danqing_providers.sandbox.ark.sizes import Size, adaptive_size, tier_size
from danqing_providers.sandbox.ark.validation import GenerationRequest
from danqing_providers.sandbox.faults import Target
from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.ledger import Purchase
from danqing_providers.sandbox.prompts import named_count, named_ratio, unnamed_count
from danqing_providers.sandbox.references import Reference

_MOST_LAYERS: Final = 5
"""Ark makes up to 16 and the base; these take less time to paint."""

LARGE_PIXELS: Final = 2_610_000
"""Above so many pixels a picture of a model with two prices costs the second."""

__all__ = ["Caller", "Order", "settle"]


@attrs.frozen(kw_only=True)
class Caller:
    """Who asks: the ids of the request, the key's fingerprint, and the base URL they reached us by."""

    request_id: str
    client_request_id: str
    api_key: str
    base_url: str


@attrs.frozen(kw_only=True)
class Order:
    """What will be made: `count` pictures of `size`, painted with `seed` (None: by the prompt alone)."""

    request: GenerationRequest
    caller: Caller
    references: tuple[Reference, ...]
    size: Size
    count: int
    seed: int | None

    @property
    def target(self) -> Target:
        """What faults are matched against."""
        model = self.request.model
        names = (model.id, self.request.model_name, *model.aliases)
        return Target(prompt=self.request.prompt, models=names, dialect="ark")

    def region(self, index: int) -> tuple[float, float, float, float] | None:
        """Return what of the picture of *index* is not transparent, in shares; None for all of it."""
        if self.request.transparent:
            return (0.08, 0.06, 0.92, 0.94)
        if not self.request.layers or index == 0:
            return None
        dice = random.Random(f"{self.request.prompt} {index}")
        left, top = dice.uniform(0.04, 0.5), dice.uniform(0.04, 0.5)
        return (left, top, left + dice.uniform(0.25, 0.45), top + dice.uniform(0.25, 0.45))

    def picture(self, index: int, made_s: float, kept_s: float) -> Work:
        """Return the description of the picture of *index*."""
        name, form = f"{self.caller.request_id}_{index}", self.request.output_format
        return Work(
            name=name,
            dialect="ark",
            model=self.request.model.id,
            prompt=self.request.prompt,
            form=form,
            made_s=made_s,
            index=index,
            seed=self.seed,
            width=self.size.width,
            height=self.size.height,
            watermark=self.request.watermark,
            cutout=self.region(index),
            tokens=tuple(reference.token for reference in self.references),
            place=f"/doubao-{self.request.model.family}/{name}.{form}",
            kept_s=kept_s,
        )

    def purchase(self, picture: Work) -> Purchase:
        """Return what the ledger says of *picture*."""
        return Purchase(
            time_s=picture.made_s,
            dialect="ark",
            model=self.request.model.id,
            prompt=self.request.prompt,
            request_id=self.caller.request_id,
            client_request_id=self.caller.client_request_id,
            api_key=self.caller.api_key,
            image_index=picture.index,
            size=str(self.size),
            cost_micro=self._cost_micro(),
            currency="CNY",
            work="" if self.request.inline else picture.name,
        )

    def _cost_micro(self) -> int | None:
        prices = self.request.model.prices_micro
        if not prices:
            return None
        large = prices[-1] if self.size.pixels > LARGE_PIXELS else prices[0]
        return large + self.request.model.reference_micro * max(0, len(self.references) - 1)


def settle(request: GenerationRequest, caller: Caller, references: Sequence[Reference], *, vary: bool) -> Order:
    """Return the order for *request*; with *vary* a request without a seed gets one of its own."""
    seed = request.seed
    if seed is None and vary:
        seed = int(caller.request_id[-8:], 16)
    return Order(
        request=request,
        caller=caller,
        references=tuple(references),
        size=_size(request, references),
        count=_count(request),
        seed=seed,
    )


def _count(request: GenerationRequest) -> int:
    if request.layers:
        return 1 + unnamed_count(request.prompt, _MOST_LAYERS)
    if not request.group:
        return 1
    named = named_count(request.prompt)
    return min(named, request.most_images) if named else unnamed_count(request.prompt, request.most_images)


def _size(request: GenerationRequest, references: Sequence[Reference]) -> Size:
    if isinstance(request.size, Size):
        return request.size
    seen = next((reference.ratio for reference in references if reference.ratio is not None), None)
    if request.size == "adaptive":
        return adaptive_size(seen or 1.0)
    return tier_size(request.model, request.size, named_ratio(request.prompt) or seen or 1.0)
