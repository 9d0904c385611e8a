"""What goes out: the fields of a request by the service's names, as JSON or as a form."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import orjson

from danqing_plugins import Reference, ReferenceData
from danqing_plugins.kit.http import Part
from danqing_plugins.kit.links import data_uri
from danqing_providers.openai_images.forms import AUTO
from danqing_providers.openai_images.values import Knobs, Model

__all__ = ["Order", "Pictures", "fingerprint_of", "order_of"]

_OURS: Final = frozenset({"prompt", "size", "n", "partial_images"})
_ENDINGS: Final = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


@attrs.frozen(kw_only=True)
class Pictures:
    """The reference pictures of a task: each its bytes, or the URL it has elsewhere where the service takes one."""

    images: tuple[ReferenceData | str, ...] = attrs.field(default=(), repr=False)
    mask: ReferenceData | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class Order:
    """One request: `body` is sent as JSON to `path`, unless there are `parts` of a form."""

    path: str
    body: Mapping[str, Any] | None = attrs.field(repr=False)
    parts: tuple[Part, ...] = attrs.field(default=(), repr=False)
    streamed: bool = False


def order_of(knobs: Knobs, model: Model, input_: Mapping[str, Any], count: int, pictures: Pictures) -> Order:
    """Return the request for *count* pictures of *input_*."""
    body = _fields(knobs, model, input_, count)
    streamed = bool(body.get("stream"))
    edits = bool(pictures.images) and knobs.references in ("multipart", "json_images", "json_image")
    path = (knobs.edits_path if edits else knobs.generations_path).replace("{model}", model.upstream)
    if edits and knobs.references == "multipart":
        return Order(path=path, body=None, parts=_form(body, pictures), streamed=streamed)
    return Order(path=path, body={**body, **_inline(knobs, pictures)}, streamed=streamed)


def _fields(knobs: Knobs, model: Model, input_: Mapping[str, Any], count: int) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "model": model.upstream,
        "prompt": input_["prompt"],
        **_size(knobs, input_.get("size")),
    }
    if count > 1:
        plain["n"] = count
    plain |= {name: value for name, value in input_.items() if name not in _OURS}
    if knobs.streams and input_.get("partial_images"):
        plain |= {"stream": True, "partial_images": input_["partial_images"]}
    kept = {knobs.rename.get(name, name): value for name, value in plain.items() if name not in knobs.drop}
    return {**kept, **knobs.constants}


def _size(knobs: Knobs, size: str | None) -> dict[str, Any]:
    if size is None:
        return {}
    if knobs.size_form == "aspect_ratio":
        return {"aspect_ratio": size}
    if knobs.size_form == "width_height":
        width, _, height = size.partition("x")
        return {} if size == AUTO else {"width": int(width), "height": int(height)}
    return {"size": size}


def _form(body: Mapping[str, Any], pictures: Pictures) -> tuple[Part, ...]:
    """Return the parts as the official client sends them: fields, `image` or several `image[]`, `mask`."""
    parts = [Part(name=name, body=_written(value)) for name, value in body.items()]
    name = "image[]" if len(pictures.images) > 1 else "image"
    for number, picture in enumerate(pictures.images):
        assert isinstance(picture, ReferenceData)
        parts.append(_file(name, f"image{number}", picture))
    if pictures.mask is not None:
        parts.append(_file("mask", "mask", pictures.mask))
    return tuple(parts)


def _file(name: str, stem: str, picture: ReferenceData) -> Part:
    media_type = picture.media_type.lower()
    filename = f"{stem}.{_ENDINGS.get(media_type, 'png')}"
    return Part(name=name, body=picture.body, filename=filename, media_type=media_type)


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _inline(knobs: Knobs, pictures: Pictures) -> dict[str, Any]:
    texts = [_text(knobs, picture) for picture in pictures.images]
    if not texts:
        return {}
    if knobs.references == "json_images":
        mask = {} if pictures.mask is None else {"mask": {"image_url": _text(knobs, pictures.mask)}}
        return {"images": [{"image_url": text} for text in texts], **mask}
    if knobs.references == "json_image":
        named = [{"url": text, "type": "image_url"} for text in texts]
        return {"image": named[0]} if len(named) == 1 else {"images": named}
    if knobs.references == "json_list":
        return {knobs.reference_names[0]: texts}
    return dict(zip(knobs.reference_names, texts, strict=False))


def _text(knobs: Knobs, picture: ReferenceData | str) -> str:
    if isinstance(picture, str):
        return picture
    return base64.b64encode(picture.body).decode("ascii") if knobs.raw_base64 else data_uri(picture)


def fingerprint_of(model: Model, input_: Mapping[str, Any], count: int, references: Sequence[Reference]) -> str:
    """Return a hash of the request, with its references by name instead of by their bytes."""
    named = [reference.asset or reference.url for reference in references]
    text = orjson.dumps([model.upstream, dict(input_), count, named], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()
