"""The work behind Ark's images: looks at references, makes the pictures of an order in turn, and bills them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import attrs
from aiohttp import web
from PIL import Image

from danqing_providers.sandbox.ark import errors
from danqing_providers.sandbox.ark.catalogue import Catalogue
from danqing_providers.sandbox.ark.errors import ArkError
from danqing_providers.sandbox.ark.links import FILE_PATH, tos_links
from danqing_providers.sandbox.ark.oddities import Oddities
from danqing_providers.sandbox.ark.orders import Order
from danqing_providers.sandbox.ark.references import TakesPictures, inspect_reference
from danqing_providers.sandbox.ark.video.models import VIDEO_MODELS
from danqing_providers.sandbox.faults import ODD_ANSWERS, Fault, FaultKind
from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.links import LinkRefused
from danqing_providers.sandbox.magic import has_magic
from danqing_providers.sandbox.references import Reference, thumbnail

__all__ = ["Made", "Refused", "Studio"]

_LAYER_IMAGES: Final = 17
"""What a request for layers takes off the images per minute."""

_LEAST_KEPT_S: Final = 86_400
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@attrs.frozen
class Made:
    """A picture that was made, not billed yet."""

    picture: Work


@attrs.frozen
class Refused:
    """A picture that was not made."""

    index: int
    error: ArkError


class Studio:
    """Where Ark's pictures are made. Raises: ValueError for a bad `endpoints` entry."""

    def __init__(self, house: House) -> None:
        self.house = house
        films = {name for model in VIDEO_MODELS for name in (model.id, *model.aliases)}
        endpoints = {name: to for name, to in house.config.endpoints.items() if to not in films}
        self.catalogue = Catalogue(enable_3_0=house.config.enable_3_0, endpoints=endpoints)

    def check_key(self, request: web.Request) -> str:
        """Return the fingerprint of the bearer of *request*. Raises: Trouble for a missing or unknown one."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return self.house.check_key(key.strip() if scheme.lower() == "bearer" else "")

    async def look_at(self, model: TakesPictures, images: Iterable[str], host: str) -> list[Reference]:
        """Return the references *images*, checked; *host* is the sandbox's own. Raises: ArkError 400."""
        references = []
        for text in images:
            reference = await self.house.in_thread(inspect_reference, model, text)
            if reference.url is not None:
                reference = await self._own_picture(reference, reference.url, host)
            await self.house.keep_reference(reference)
            references.append(reference)
        return references

    async def _own_picture(self, reference: Reference, url: str, host: str) -> Reference:
        picture = await self.own_work(url, host)
        if picture is None or not picture.content_type.startswith("image/"):
            return reference
        content = await self.house.gallery.bytes_of(picture)
        preview = await asyncio.to_thread(_preview, content)
        token = hashlib.sha256(content).hexdigest()
        return attrs.evolve(reference, token=token, ratio=picture.width / picture.height, preview=preview)

    async def own_work(self, url: str, host: str) -> Work | None:
        """Return the work that *url* leads to; None when it is somebody else's.

        Raises: ArkError 400 for a link of ours that is not good.
        """
        path = _own_path(url, host)
        if path is None:
            return None
        query = dict(parse_qsl(urlsplit(url).query))
        try:
            tos_links(self.house).check("GET", path, query, self.house.clock())
        except LinkRefused as error:
            reason = f"Error while connecting: {error.code}, url={url}"
            raise errors.invalid_parameter("image", reason, verb="are") from error
        form = FILE_PATH.fullmatch(path)
        work = await self.house.gallery.find(form["name"]) if form else None
        if work is None:
            raise errors.invalid_parameter("image", f"Error while connecting: NoSuchKey, url={url}", verb="are")
        return work

    def admit(self, order: Order) -> None:
        """Count the order's images in this minute. Raises: Trouble, rate limited."""
        model = order.request.model.id
        images = _LAYER_IMAGES if order.request.layers else order.count
        self.house.rate.take(f"ark/{model}", images, self.house.config.images_per_minute)

    def strike(
        self, kinds: Collection[FaultKind], order: Order, image_index: int | None = None, stage: str | None = None
    ) -> Fault | None:
        """Return the fault of *kinds* that strikes *order*, or its picture of *image_index*."""
        return self.house.strike(kinds, order.target, image_index=image_index, stage=stage)

    def oddities(self, order: Order) -> Oddities:
        """Return what is odd about the answer to *order*."""
        if not self.house.rules and not has_magic(order.request.prompt):
            return Oddities()
        struck = [self.strike({kind}, order) for kind in ODD_ANSWERS]
        return Oddities(fault for fault in struck if fault is not None)

    async def produce(self, order: Order) -> AsyncIterator[Made | Refused]:
        """Yield the outcome of each picture in turn; after an InternalServiceError the rest is not tried."""
        kept_s = max(self.house.config.url_ttl_s, _LEAST_KEPT_S)
        for index in range(order.count):
            await self.house.take_time()
            trouble = self.house.output_trouble(order.target, index)
            if trouble is None:
                yield Made(order.picture(index, self.house.clock(), kept_s))
                continue
            error = errors.worded(trouble)
            yield Refused(index, error)
            if error.code == "InternalServiceError":
                return

    async def bill(self, order: Order, pictures: Sequence[Work]) -> None:
        """Keep *pictures* and write them into the ledger; returns when they are on disk. Raises: OSError."""
        await self.house.bill([order.purchase(picture) for picture in pictures], pictures)

    async def item(self, order: Order, picture: Work, oddities: Oddities) -> dict[str, Any]:
        """Return the picture's entry in an answer: its link or its bytes, and what the model reports."""
        item: dict[str, Any] = {}
        inline = order.request.inline or oddities.asks_for_bytes
        content = await self.house.gallery.bytes_of(picture) if inline else b""
        if order.request.inline:
            item["b64_json"] = base64.b64encode(content).decode()
        else:
            item["url"] = order.caller.base_url + tos_links(self.house).sign(picture.path, self.house.clock())
        reports = order.request.model.reports
        if "size" in reports:
            item["size"] = str(order.size)
        if "output_format" in reports:
            item["output_format"] = picture.form
        if order.request.layers:
            item |= _layer(order, picture.index)
        return oddities.item(item, content, order.caller.base_url) if oddities else item


def _layer(order: Order, index: int) -> dict[str, Any]:
    """Return what is said of a layer.

    Source: `types/images` of volcengine-ark-runtime 5.0.54 (the base picture has neither name nor box); read
    2026-11-28.
    """
    region = order.region(index)
    if region is None:
        return {"z_index": index}
    sides = (order.size.width, order.size.height) * 2
    box = {
        "absolute": [round(share * side) for share, side in zip(region, sides, strict=True)],
        "normalized": [round(share * 1000) for share in region],
    }
    return {"z_index": index, "name": f"layer {index}", "description": f"图层 {index}", "bounding_box": box}


def _preview(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as picture:
        return thumbnail(picture)


def _own_path(url: str, host: str) -> str | None:
    """Return the path of *url* when it is one of our own links; None when it is somebody else's."""
    parts = urlsplit(url)
    is_ours = parts.netloc == host or parts.hostname in _LOOPBACK
    path = parts.path.removeprefix("/ark")
    return path if is_ours and FILE_PATH.fullmatch(path) else None
