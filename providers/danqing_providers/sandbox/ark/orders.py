"""An order: an accepted request with everything settled that the model would settle by itself."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from danqing_providers.sandbox.ark.references import Reference
from danqing_providers.sandbox.ark.sizes import Size, adaptive_size, tier_size
from danqing_providers.sandbox.ark.validation import GenerationRequest
from danqing_providers.sandbox.gallery import Picture
from danqing_providers.sandbox.prompts import named_count, named_ratio, unnamed_count

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

    def picture(self, index: int, made_s: float) -> Picture:
        """Return the description of the picture of *index*."""
        return Picture(
            request_id=self.caller.request_id,
            index=index,
            folder=f"doubao-{self.request.model.family}",
            model=self.request.model.id,
            prompt=self.request.prompt,
            seed=self.seed,
            width=self.size.width,
            height=self.size.height,
            output_format=self.request.output_format,
            watermark=self.request.watermark,
            tokens=tuple(reference.token for reference in self.references),
            made_s=made_s,
        )


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
