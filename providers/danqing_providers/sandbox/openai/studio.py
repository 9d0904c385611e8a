"""The work behind the routes: settles an order, looks at its pictures, makes and bills it."""

from __future__ import annotations

import base64
from typing import Any, Final

from aiohttp import web

from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.openai.bodies import MOST_PICTURES, Incoming
from danqing_providers.sandbox.openai.errors import invalid_value, missing
from danqing_providers.sandbox.openai.keys import REQUEST_ID
from danqing_providers.sandbox.openai.orders import Order
from danqing_providers.sandbox.openai.repeats import Repeats
from danqing_providers.sandbox.openai.sizes import settled_size
from danqing_providers.sandbox.openai.validation import validated
from danqing_providers.sandbox.references import Reference, look_at

__all__ = ["Studio"]

_FORMS: Final = ("PNG", "JPEG", "WEBP")
_BAD_FILE: Final = "invalid_image_file"


class Studio:
    """Makes what OpenAI's routes ask for, in *house*."""

    def __init__(self, house: House, dialect: str) -> None:
        self.house = house
        self._dialect = dialect
        self._repeats = Repeats()

    async def settle(self, request: web.Request, incoming: Incoming, key: str, *, edits: bool) -> Order:
        """Return the order for *incoming*. Raises: OpenAIError."""
        now_s = self.house.clock()
        wish = validated(incoming.fields, edits=edits, now_s=now_s)
        references = await self._look_at_all(incoming) if edits else []
        ratio = next((seen.ratio for seen in references if seen.ratio is not None), None)
        width, height = settled_size(wish.model, wish.size, wish.prompt, ratio)
        tokens = tuple(seen.token for seen in references)
        return Order(
            wish=wish,
            dialect=self._dialect,
            request_id=request[REQUEST_ID],
            key=key,
            edits=edits,
            width=width,
            height=height,
            tokens=tokens,
            seed=self._repeats.seed_of(wish.model.id, wish.prompt, tokens),
            now_s=now_s,
        )

    async def _look_at_all(self, incoming: Incoming) -> list[Reference]:
        if not incoming.images:
            raise missing("image")
        if len(incoming.images) > MOST_PICTURES:
            raise invalid_value("image", f"Too many images: at most {MOST_PICTURES} are supported.")
        seen = [await self._look_at(picture, "image") for picture in incoming.images]
        if incoming.mask is not None:
            mask, extent = await self._look_at(incoming.mask, "mask")
            if extent is not None and seen[0][1] not in (None, extent):
                message = "Invalid mask image format - mask size does not match image size."
                raise invalid_value("mask", message, code=_BAD_FILE)
            seen.append((mask, extent))
        for reference, _ in seen:
            await self.house.keep_reference(reference)
        return [reference for reference, _ in seen]

    async def _look_at(self, picture: bytes | str, param: str) -> tuple[Reference, tuple[int, int] | None]:
        if isinstance(picture, str):
            return Reference.elsewhere(picture), None
        try:
            reference, extent, form = await self.house.in_thread(look_at, picture)
        except ValueError as error:
            raise invalid_value(param, f"Invalid image file: {error}.", code=_BAD_FILE) from error
        if form not in _FORMS or (param == "mask" and form != "PNG"):
            raise invalid_value(param, f"Invalid image file: {form} is not supported here.", code=_BAD_FILE)
        return reference, extent

    def admit(self, order: Order) -> None:
        """Count the order's pictures in this minute. Raises: Trouble, rate limited."""
        most = self.house.config.images_per_minute
        self.house.rate.take(f"{order.dialect}/{order.wish.model.id}", order.wish.count, most=most)

    async def make(self, order: Order) -> list[Work]:
        """Return what was made, not billed yet. Raises: Trouble, when one picture is refused: all are."""
        works = order.works()
        for work in works:
            await self.house.take_time()
            if trouble := self.house.output_trouble(order.target, work.index):
                raise trouble
        return works

    async def bill(self, order: Order, works: list[Work]) -> None:
        """Write *works* into the ledger. Raises: OSError."""
        await self.house.bill(order.purchases(works))

    async def encoded(self, work: Work) -> str:
        """Return *work* in base64."""
        return base64.b64encode(await self.house.gallery.bytes_of(work)).decode()

    async def answer(self, order: Order, works: list[Work]) -> dict[str, Any]:
        """Return the JSON answer with *works*."""
        data = [{"b64_json": await self.encoded(work)} for work in works]
        return {"created": int(order.now_s), **described(order), "data": data, "usage": order.usage(len(works))}


def described(order: Order) -> dict[str, Any]:
    """Return what answers and events say of an order: never `auto`."""
    background = order.wish.background
    return {
        "background": "opaque" if background == "auto" else background,
        "output_format": order.wish.form,
        "quality": order.quality,
        "size": order.size,
        **({} if order.wish.user is None else {"safety_identifier": order.wish.user}),
    }
