"""JSON with pictures inside, sent as they are read: four of 10 MB are 53 MB of it, and never in memory whole."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import attrs

from danqing_server.assets.storage import Assets
from danqing_server.http.answers import JSON, NO_STORE
from danqing_server.http.downloads import Downloads, begun
from danqing_server.http.entry import payer_of
from danqing_server.http.requests import ApiRequest
from danqing_server.records.outputs import Asset

__all__ = ["Encoded", "Piece", "place_for", "send_pieces", "written"]

STEP_BYTES = 48 * 1024


@attrs.frozen
class Encoded:
    """A picture as base64, in another format when one is named that it is not in."""

    asset: Asset
    wanted: str | None = None

    @property
    def length(self) -> int | None:
        """How many characters it is; None until it has been converted."""
        return None if self.is_converted else (self.asset.size_bytes + 2) // 3 * 4

    @property
    def is_converted(self) -> bool:
        """Whether it is put into another format."""
        return self.wanted is not None and self.asset.media_type != f"image/{self.wanted}"


Piece = bytes | Encoded


async def _encoded(assets: Assets, picture: Encoded) -> AsyncGenerator[bytes, None]:
    """Yield a picture as base64."""
    if picture.is_converted:
        made = await assets.read_as(picture.asset.key, picture.wanted or "")
        for at in range(0, len(made), STEP_BYTES):
            yield base64.b64encode(made[at : at + STEP_BYTES])
        return
    rest = b""
    async with aclosing(assets.stream(picture.asset.key, 0, picture.asset.size_bytes)) as chunks:
        async for chunk in chunks:
            whole = rest + chunk
            end = len(whole) - len(whole) % 3
            rest = whole[end:]
            yield base64.b64encode(whole[:end])
    if rest:
        yield base64.b64encode(rest)


@asynccontextmanager
async def place_for(request: ApiRequest, pieces: Sequence[Piece]) -> AsyncIterator[Downloads]:
    """Hold a place for sending *pieces*, and yield what sends them.

    There are few places for pictures that are put into another format: each is in memory, whole, until it is sent.
    Raises Overloaded.
    """
    downloads: Downloads = request.app.ctx.downloads
    conversions: Downloads = request.app.ctx.conversions
    async with AsyncExitStack() as held:
        if any(isinstance(each, Encoded) and each.is_converted for each in pieces):
            await held.enter_async_context(conversions.place(payer_of(request)))
        await held.enter_async_context(downloads.place(payer_of(request)))
        yield downloads


async def send_pieces(
    request: ApiRequest, assets: Assets, pieces: Sequence[Piece], headers: Mapping[str, str]
) -> None:
    """Send *pieces*, which are JSON together, as fast as the client reads; return when the last byte has left.

    Raises:
        Overloaded: too many are being sent; nothing was.
        NotFound, StorageUnavailable: nor was anything where the first picture cannot be had.
    """
    lengths = [len(piece) if isinstance(piece, bytes) else piece.length for piece in pieces]
    known = [length for length in lengths if length is not None]
    up_to_a_picture = 1 + next((at for at, piece in enumerate(pieces) if isinstance(piece, Encoded)), 0)
    sized = {"content-length": str(sum(known))} if len(known) == len(lengths) else {}
    async with place_for(request, pieces) as downloads, begun(written(assets, pieces), up_to_a_picture) as body:
        response = await request.respond(status=200, headers={**NO_STORE, **headers, **sized}, content_type=JSON)
        await downloads.send(request, response, body)
        await response.eof()


async def written(assets: Assets, pieces: Sequence[Piece]) -> AsyncGenerator[bytes, None]:
    """Yield *pieces* as they are sent."""
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
            continue
        async with aclosing(_encoded(assets, piece)) as chunks:
            async for chunk in chunks:
                yield chunk
