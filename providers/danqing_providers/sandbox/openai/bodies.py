"""Reads what comes in: JSON, or the parts of a form, into fields and files.

A form as the official client sends it: texts first, one picture as `image`, several as `image[]`, `mask` last; the
parts' order and media types are not relied on.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

import attrs
from aiohttp import web

from danqing_providers.sandbox.openai.errors import OpenAIError, invalid_value

__all__ = ["Incoming", "read_form", "read_incoming", "read_json"]

MOST_PICTURES: Final = 16
MOST_PICTURE_BYTES: Final = 50 * 1024 * 1024
LONGEST_PICTURE_URL: Final = 20_971_520
_IMAGES: Final = ("image", "image[]")
_NUMBERS: Final = frozenset({"n", "output_compression", "partial_images"})
_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "application/octet-stream")


@attrs.frozen(kw_only=True)
class Incoming:
    """The fields of a request; each picture as its bytes, or as a URL elsewhere."""

    fields: Mapping[str, Any] = attrs.field(repr=False)
    images: tuple[bytes | str, ...] = attrs.field(default=(), repr=False)
    mask: bytes | str | None = attrs.field(default=None, repr=False)


async def read_incoming(request: web.Request, *, edits: bool) -> Incoming:
    """Return what *request* asks for. Raises: OpenAIError."""
    if request.content_type == "multipart/form-data":
        if not edits:
            message = (
                "Unsupported content type: 'multipart/form-data'. This API method only accepts 'application/json'"
            )
            raise OpenAIError(400, f"{message} requests.", code="unsupported_content_type")
        return await read_form(request)
    fields = read_json(await request.read())
    return _read_pictures(fields) if edits else Incoming(fields=fields)


def read_json(body: bytes) -> dict[str, Any]:
    """Return the object that *body* is. Raises: OpenAIError."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise OpenAIError(400, "We could not parse the JSON body of your request.")
    return fields


async def read_form(request: web.Request) -> Incoming:
    """Return what the form of *request* holds. Raises: OpenAIError."""
    fields: dict[str, Any] = {}
    images: list[bytes | str] = []
    mask = None
    form = await request.post()
    for name, value in form.items():
        if isinstance(value, web.FileField):
            content = value.file.read()
            if name in _IMAGES:
                images.append(_checked(content, value.content_type, "image"))
            elif name == "mask":
                mask = _checked(content, value.content_type, "mask")
        else:
            fields[name] = _typed(name, str(value))
    return Incoming(fields=fields, images=tuple(images), mask=mask)


def _typed(name: str, text: str) -> Any:
    """Return a form's text as JSON has it."""
    if name in _NUMBERS and text.lstrip("-").isdigit():
        return int(text)
    return {"true": True, "false": False}.get(text, text) if name == "stream" else text


def _checked(content: bytes, content_type: str, param: str) -> bytes:
    if content_type not in _TYPES:
        message = f"Invalid file '{param}': unsupported mimetype ('{content_type}'). Supported file formats are "
        raise OpenAIError(
            400,
            f"{message}'image/jpeg', 'image/png', and 'image/webp'.",
            code="unsupported_file_mimetype",
            param=param,
        )
    if len(content) > MOST_PICTURE_BYTES:
        raise invalid_value(param, "The image is larger than 50 MB.", code="invalid_image_file")
    return content


def _read_pictures(fields: dict[str, Any]) -> Incoming:
    """Take `images` and `mask` out of a JSON edit: `{"image_url": …}` or `{"file_id": …}`, one key each."""
    entries = fields.pop("images", None)
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_PICTURES:
        raise invalid_value("images", f"Invalid 'images': expected 1 to {MOST_PICTURES} images.")
    images = tuple(_of_entry(entry, f"images[{number}]") for number, entry in enumerate(entries))
    mask = fields.pop("mask", None)
    return Incoming(fields=fields, images=images, mask=None if mask is None else _of_entry(mask, "mask"))


def _of_entry(entry: Any, param: str) -> bytes | str:
    if not isinstance(entry, dict) or set(entry) not in ({"image_url"}, {"file_id"}):
        raise invalid_value(param, f"Invalid '{param}': expected exactly one of 'image_url' and 'file_id'.")
    if "file_id" in entry:
        return f"file:{entry['file_id']}"
    url = entry["image_url"]
    if not isinstance(url, str) or len(url) > LONGEST_PICTURE_URL:
        raise invalid_value(
            param, f"Invalid '{param}.image_url': expected a string of at most 20971520 characters."
        )
    if not url.startswith("data:"):
        return url
    try:
        return base64.b64decode(url.partition(",")[2], validate=True)
    except binascii.Error as error:
        raise invalid_value(param, "The image data is not valid base64.", code="invalid_image_file") from error
