"""Reference pictures as clients send them: a URL, a data URI, an upload, or one of our own pictures.

Whoever knows one of our own keys may use that picture: the key is the capability (see `keys`), so nobody's
ownership is asked for here. An upload's id is none: `desk.uploads` asks whose it is.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Collection, Sequence
from urllib.parse import SplitResult, urlsplit

import attrs

from danqing_plugins import Message, Problem, Reference
from danqing_server.assets import texts
from danqing_server.assets.decoding import decode_base64
from danqing_server.assets.inspection import Inspection, inspect_header
from danqing_server.assets.keys import key_in_path, upload_of
from danqing_server.assets.storage import Assets
from danqing_server.assets.urls import is_private, split_url
from danqing_server.codec.bodies import CUT, shorten
from danqing_server.errors import InvalidSubmission, NotFound, PictureRejected
from danqing_server.settings.server import MOST_PICTURE_PIXELS

__all__ = ["UPLOAD_SCHEME", "ParsedReference", "find_own", "parse_references", "shortened"]

MOST_REFERENCES = 100
SHOWN_CHARACTERS = 80
UPLOAD_SCHEME = "upload://"
NOT_PUBLIC = Message(
    key="url_not_public",
    en="{host} is reached from this network only; the service that paints needs a public URL, or the picture "
    "itself as data:image/<format>;base64,...",
    zh="{host} 只能在本地网络访问；请提供公网 URL，或以 data:image/<格式>;base64,... 直接发送图片",
)
# The latter two are what browsers call a file of a kind they do not know, HEIC for one.
_DATA_TYPES = ("image/", "application/octet-stream", ";base64")


@attrs.frozen(kw_only=True)
class ParsedReference:
    """One reference, before its task has an id.

    Exactly one holds: `reference.url` is set; `reference.asset` is set (one of ours); `upload` is, the id of one
    still to be resolved; or `body` and `inspection` are, to be stored with `Assets.keep_input` and then named by
    `kept_as`.
    """

    reference: Reference
    body: bytes | None = attrs.field(default=None, repr=False)
    inspection: Inspection | None = None
    upload: str | None = None

    def kept_as(self, key: str) -> Reference:
        """Return the reference once its bytes are stored at *key*."""
        return attrs.evolve(self.reference, asset=key)


def parse_references(
    field: str,
    value: object,
    *,
    max_bytes: int = 128 * 1024 * 1024,
    max_pixels: int = MOST_PICTURE_PIXELS,
) -> list[ParsedReference]:
    """Read the references in one field: a string, bytes (a file of a form), a list of those, or None for none.

    Decoding takes about 1 ms per MB, so large values belong in a thread. A data URI's media type is corrected to
    what its bytes are, since clients often call every picture a PNG. Whether our own pictures exist is left to
    `find_own`.

    Raises:
        InvalidSubmission: with every problem, named `image` or `image[1]`; their values hold no picture data,
            no credentials and no query.
    """
    if value is None:
        return []
    if isinstance(value, str | bytes):
        named = [(field, value)]
    elif isinstance(value, list) and len(value) <= MOST_REFERENCES:
        named = [(f"{field}[{number}]", item) for number, item in enumerate(value)]
    else:
        raise InvalidSubmission([_wrong_shape(field, value)])
    parsed: list[ParsedReference] = []
    problems: list[Problem] = []
    for name, item in named:
        try:
            parsed.append(_parse(name, item, max_bytes, max_pixels))
        except (ValueError, PictureRejected) as error:
            problems.append(Problem(field=name, message=error.args[0], value=shortened(item)))
    if problems:
        raise InvalidSubmission(problems)
    return parsed


def _wrong_shape(field: str, value: object) -> Problem:
    if isinstance(value, list):
        return Problem(field=field, message=texts.TOO_MANY(most=MOST_REFERENCES), value=len(value))
    return Problem(field=field, message=texts.WRONG_SHAPE(forms=texts.FORMS), value=shortened(value))


def _parse(field: str, value: object, max_bytes: int, max_pixels: int) -> ParsedReference:
    if isinstance(value, bytes):
        return _inspected(field, value, max_bytes, max_pixels)
    if not isinstance(value, str):
        raise ValueError(texts.NOT_TEXT(forms=texts.FORMS))
    value = value.strip()
    if value[:5].lower() == "data:":
        return _parse_data(field, value, max_bytes, max_pixels)
    parts = split_url(value)
    upload_id = upload_of(value if not parts.scheme else f"{parts.netloc}{parts.path}")
    if upload_id is not None and value in (upload_id, f"{UPLOAD_SCHEME}{upload_id}"):
        return ParsedReference(reference=Reference(field=field), upload=upload_id)
    if not parts.scheme and not parts.netloc:
        return ParsedReference(reference=Reference(field=field, asset=_own_key(parts)))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(texts.NOT_A_REFERENCE(forms=texts.FORMS))
    if parts.username is not None or parts.password is not None:
        raise ValueError(texts.URL_WITH_PASSWORD())
    if is_private(parts.hostname) and key_in_path(parts.path) is None:  # a picture of ours has many names
        raise ValueError(NOT_PUBLIC(host=parts.hostname))
    return ParsedReference(reference=Reference(field=field, url=value))


def _own_key(parts: SplitResult) -> str:
    key = key_in_path(parts.path)
    if key is None:
        raise ValueError(texts.NOT_A_REFERENCE(forms=texts.FORMS))
    return key


def _parse_data(field: str, value: str, max_bytes: int, max_pixels: int) -> ParsedReference:
    comma = value.find(",", 0, 256)
    header = value[5 : max(comma, 5)].lower()
    if not (header.startswith(_DATA_TYPES) and header.endswith(";base64")):
        raise ValueError(texts.NOT_A_DATA_URI())
    return _inspected(field, _decoded(value, comma + 1, max_bytes), max_bytes, max_pixels)


def _inspected(field: str, body: bytes, max_bytes: int, max_pixels: int) -> ParsedReference:
    if len(body) > max_bytes:
        raise ValueError(texts.TOO_MANY_BYTES(most=max_bytes))
    found = inspect_header(body, max_pixels=max_pixels)
    reference = Reference(
        field=field,
        media_type=found.media_type,
        width=found.width,
        height=found.height,
        size_bytes=len(body),
    )
    return ParsedReference(reference=reference, body=body, inspection=found)


def _decoded(value: str, start: int, max_bytes: int) -> bytes:
    with io.BytesIO() as body:  # unlike a list of pieces, it never holds the picture twice
        for piece in decode_base64(value, start):
            if body.tell() + len(piece) > max_bytes:
                raise ValueError(texts.TOO_MANY_BYTES(most=max_bytes))
            body.write(piece)
        return body.getvalue()


async def find_own(
    assets: Assets, parsed: Sequence[ParsedReference], *, own_hosts: Collection[str] = ()
) -> list[ParsedReference]:
    """Turn references to our own pictures into their keys, checked to exist; the rest stays as it is.

    An absolute URL with one of our paths is ours when the picture is here, whatever its host: a server has many
    names. When it is not here, it is a stranger's URL, unless its host (with the port, as in `Host`) is in
    *own_hosts*.

    Raises:
        InvalidSubmission: with every picture of ours that does not exist.
        StorageUnavailable: nothing can be said.
    """
    found = await asyncio.gather(*(_find(assets, each, own_hosts) for each in parsed))
    problems = [each for each in found if isinstance(each, Problem)]
    if problems:
        raise InvalidSubmission(problems)
    return [each for each in found if isinstance(each, ParsedReference)]


async def _find(assets: Assets, parsed: ParsedReference, own_hosts: Collection[str]) -> ParsedReference | Problem:
    reference = parsed.reference
    parts = urlsplit(reference.url or "")
    key = reference.asset or key_in_path(parts.path)
    if key is None:
        return parsed
    try:
        stat = await assets.describe(key)
    except NotFound:
        if reference.asset is None and parts.netloc not in own_hosts and not is_private(parts.hostname or ""):
            return parsed
        return Problem(field=reference.field, message=texts.NOT_HERE(), value=None)
    own = attrs.evolve(reference, url=None, asset=key, media_type=stat.media_type, size_bytes=stat.size_bytes)
    return ParsedReference(reference=own)


def shortened(value: object) -> object:
    """Return what an error may show of a reference: enough to recognise it, never its data, query or password."""
    if not isinstance(value, str):
        return shorten(value)
    if value[:5].lower() == "data:":
        return CUT(beginning=value[: min(value.find(",", 0, 64) + 1, 64)] or "data:", count=len(value))
    beginning = value.partition("?")[0].partition("#")[0]
    scheme, mark, rest = beginning.partition("://")
    authority, slash, path = rest.partition("/")
    beginning = f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}"
    return beginning if len(beginning) <= SHOWN_CHARACTERS else f"{beginning[:SHOWN_CHARACTERS]}…"
