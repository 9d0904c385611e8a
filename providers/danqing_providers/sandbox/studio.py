"""The work behind the API: looks at references, makes the pictures of an order in turn, and bills them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import io
import os
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

import attrs
from PIL import Image

from danqing_providers.sandbox.ark import errors
from danqing_providers.sandbox.ark.catalogue import Catalogue
from danqing_providers.sandbox.ark.errors import ArkError
from danqing_providers.sandbox.ark.oddities import Oddities
from danqing_providers.sandbox.ark.orders import Order
from danqing_providers.sandbox.ark.references import Reference, inspect_reference, thumbnail
from danqing_providers.sandbox.ark.validation import GenerationRequest
from danqing_providers.sandbox.config import SandboxConfig
from danqing_providers.sandbox.faults import ODD_ANSWERS, Fault, FaultKind, FaultRules
from danqing_providers.sandbox.gallery import Gallery, Picture
from danqing_providers.sandbox.ledger import BilledImage, Ledger
from danqing_providers.sandbox.links import PICTURE_PATH, LinkRefused, Links, load_secret
from danqing_providers.sandbox.magic import MagicCounts, has_magic
from danqing_providers.sandbox.rate import ImageRate

__all__ = ["Made", "Refused", "Studio"]

_LAYER_IMAGES: Final = 17
"""What a request for layers takes off the images per minute."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@attrs.frozen
class Made:
    """A picture that was made, not billed yet."""

    picture: Picture


@attrs.frozen
class Refused:
    """A picture that was not made."""

    index: int
    error: ArkError


class Studio:
    """Everything one sandbox holds, for as long as it runs. Raises: ValueError for a bad `endpoints` entry."""

    def __init__(self, config: SandboxConfig, clock: Callable[[], float]) -> None:
        self.config = config
        self.clock = clock
        self.catalogue = Catalogue(enable_3_0=config.enable_3_0, endpoints=config.endpoints)
        self.rules = FaultRules()
        self.counters: Counter[str] = Counter()
        self._magic = MagicCounts()
        self._rate = ImageRate(config.images_per_minute, clock)
        self._resources = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        data_dir = self._data_dir()
        self._workers = self._resources.enter_context(ThreadPoolExecutor(os.cpu_count(), "sandbox-painter"))
        self.links = Links(secret=load_secret(data_dir), ttl_s=self.config.url_ttl_s)
        gallery = Gallery(data_dir, self._workers, kept_s=self.config.url_ttl_s, clock=self.clock)
        self.gallery = await self._resources.enter_async_context(gallery)
        self.ledger = await self._resources.enter_async_context(Ledger(data_dir))
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._resources.aclose()

    def _data_dir(self) -> Path:
        if self.config.data_dir is None:
            return Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="ark-sandbox-")))
        self.config.data_dir.mkdir(parents=True, exist_ok=True)
        return self.config.data_dir

    def check_key(self, authorization: str) -> str:
        """Return the bearer in the header *authorization*. Raises: ArkError 401."""
        scheme, _, key = authorization.partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise errors.missing_key()
        if key in self.config.bad_keys or (self.config.api_keys and key not in self.config.api_keys):
            raise errors.unknown_key()
        return key

    async def look_at(self, request: GenerationRequest, host: str) -> list[Reference]:
        """Return the references of *request*, checked; *host* is the sandbox's own. Raises: ArkError 400."""
        references = []
        for text in request.images:
            run = asyncio.get_running_loop().run_in_executor
            reference = await run(self._workers, inspect_reference, request.model, text)
            if reference.url is not None and (path := _own_path(reference.url, host)):
                reference = await self._own_picture(reference, path)
            await run(self._workers, self.gallery.keep_reference, reference)
            references.append(reference)
        return references

    async def _own_picture(self, reference: Reference, path: str) -> Reference:
        url = reference.url or ""
        try:
            self.links.check("GET", path, dict(parse_qsl(urlsplit(url).query)), self.clock())
        except LinkRefused as error:
            reason = f"Error while connecting: {error.code}, url={url}"
            raise errors.invalid_parameter("image", reason, verb="are") from error
        picture = await self._by_path(path)
        if picture is None:
            raise errors.invalid_parameter("image", f"Error while connecting: NoSuchKey, url={url}", verb="are")
        content = await self.gallery.bytes_of(picture)
        preview = await asyncio.to_thread(_preview, content)
        token = hashlib.sha256(content).hexdigest()
        return attrs.evolve(reference, token=token, ratio=picture.width / picture.height, preview=preview)

    async def _by_path(self, path: str) -> Picture | None:
        form = PICTURE_PATH.fullmatch(path)
        return await self.gallery.find(form["name"]) if form else None

    def admit(self, order: Order) -> None:
        """Count the order's images in this minute. Raises: ArkError 429."""
        images = _LAYER_IMAGES if order.request.layers else order.count
        self._rate.take(order.request.model.id, images)

    def strike(
        self,
        kinds: Collection[FaultKind],
        prompt: str,
        models: Collection[str],
        *,
        image_index: int | None = None,
        stage: str | None = None,
    ) -> Fault | None:
        """Return the fault of *kinds* that strikes here, by a rule or by a magic word; None when there is none."""
        fault = self.rules.take(kinds, prompt, models, image_index, stage)
        return fault or self._magic.take(kinds, prompt, image_index, stage)

    def strike_order(
        self, kinds: Collection[FaultKind], order: Order, image_index: int | None = None, stage: str | None = None
    ) -> Fault | None:
        """Return the fault of *kinds* that strikes *order*, or its picture of *image_index*."""
        model = order.request.model
        models = {model.id, order.request.model_name, *model.aliases}
        return self.strike(kinds, order.request.prompt, models, image_index=image_index, stage=stage)

    def oddities(self, order: Order) -> Oddities:
        """Return what is odd about the answer to *order*."""
        if not self.rules and not has_magic(order.request.prompt):
            return Oddities()
        struck = [self.strike_order({kind}, order) for kind in ODD_ANSWERS]
        return Oddities(fault for fault in struck if fault is not None)

    async def produce(self, order: Order) -> AsyncIterator[Made | Refused]:
        """Yield the outcome of each picture in turn; after an InternalServiceError the rest is not tried."""
        for index in range(order.count):
            await self._take_time()
            error = self._image_error(order, index)
            if error is None:
                yield Made(order.picture(index, self.clock()))
                continue
            yield Refused(index, error)
            if error.code == "InternalServiceError":
                return

    async def _take_time(self) -> None:
        seconds = self.config.latency_s + random.uniform(0, self.config.jitter_s)
        if seconds > 0:
            await asyncio.sleep(seconds)

    def _image_error(self, order: Order, index: int) -> ArkError | None:
        if fault := self.strike_order({FaultKind.IMAGE_ERROR}, order, index):
            return fault.error()
        if self.strike_order({FaultKind.MODERATION}, order, index, "output"):
            return errors.image_refused()
        return None

    async def bill(self, order: Order, pictures: Sequence[Picture]) -> None:
        """Keep *pictures* and write them into the ledger; returns when they are on disk. Raises: OSError."""
        await self.gallery.keep(pictures)
        await self.ledger.bill([_billed(order, picture) for picture in pictures])
        self.counters["images"] += len(pictures)

    async def item(self, order: Order, picture: Picture, oddities: Oddities) -> dict[str, Any]:
        """Return the picture's entry in an answer: its link or its bytes, and what the model reports."""
        item: dict[str, Any] = {}
        inline = order.request.inline or oddities.asks_for_bytes
        content = await self.gallery.bytes_of(picture) if inline else b""
        if order.request.inline:
            item["b64_json"] = base64.b64encode(content).decode()
        else:
            item["url"] = order.caller.base_url + self.links.sign(picture.path, self.clock())
        reports = order.request.model.reports
        if "size" in reports:
            item["size"] = str(order.size)
        if "output_format" in reports:
            item["output_format"] = picture.output_format
        return oddities.item(item, content, order.caller.base_url) if oddities else item


def _preview(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as picture:
        return thumbnail(picture)


def _own_path(url: str, host: str) -> str | None:
    """Return the path of *url* when it is one of our own links; None when it is somebody else's."""
    parts = urlsplit(url)
    is_ours = parts.netloc == host or parts.hostname in _LOOPBACK
    return parts.path if is_ours and PICTURE_PATH.fullmatch(parts.path) else None


def _billed(order: Order, picture: Picture) -> BilledImage:
    return BilledImage(
        time_s=picture.made_s,
        request_id=order.caller.request_id,
        client_request_id=order.caller.client_request_id,
        model=order.request.model.id,
        prompt=order.request.prompt,
        image_index=picture.index,
        size=str(order.size),
        api_key=order.caller.api_key,
    )
