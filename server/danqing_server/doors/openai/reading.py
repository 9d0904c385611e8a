"""A request for pictures as OpenAI's clients send it, read leniently: what is not known is noted, not refused.

Source: what Open WebUI, LibreChat, LobeHub, Cherry Studio, Dify, n8n, NextChat and the libraries send, read and
tried 2026-11-28. They send constants of OpenAI's models whatever model they ask for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

import attrs

from danqing_plugins import Message, Problem, Text
from danqing_server.access.caller import Caller
from danqing_server.codec.bodies import shorten
from danqing_server.desk.request import Submission
from danqing_server.doors.body_shapes import LONGEST_USER_ID
from danqing_server.doors.fields import NOT_TEXT, NOT_WHOLE, REQUIRED
from danqing_server.doors.fitting import AUTOMATIC, fit_choice, fit_size
from danqing_server.doors.offers import Offer, Offers
from danqing_server.errors import InvalidSubmission
from danqing_server.records.tasks import JsonObject

__all__ = ["Form", "Manner", "Wish", "link_of", "number_of", "read_wish", "typed", "user_of", "wrong"]

UNNAMED_USER = "openai"
USER_HEADER = "x-openwebui-user-id"
USER_FIELDS = ("safety_identifier", "user")
FITTED = ("quality", "background", "output_format", "output_compression", "moderation", "style", "input_fidelity")
NOT_PASSED = frozenset({"model", "n", "size", "response_format", "stream", "image", "images", "mask", *USER_FIELDS})
IMAGES, MASK = "image", "mask"
REFERENCES = (IMAGES, "images", MASK)
COMPRESSION, LOSSY = "output_compression", ("jpeg", "webp")
PREVIEWS = "partial_images"
ONE_AT_A_TIME = Message(
    key="one_picture_at_a_time",
    en="{model} makes one picture for each request",
    zh="{model} 每次请求只能生成一张图片",
)
TAKES_NONE = Message(key="takes_no_field", en="{model} does not take it", zh="{model} 不支持此参数")
NOT_USED = Message(
    key="openai_fields_not_used", en="not used by {model}: {names}", zh="{model} 未使用这些参数：{names}"
)
BECAME = Message(
    key="openai_field_became",
    en="{name}: {value} became {fitted}",
    zh="{name}：{value} 已调整为 {fitted}",
)

_NO_LABEL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and bytes of a header that are no UTF-8."""
MOST_LOOKED_AT = 1024
"""Characters of what is to name a user: a body of 64 MB of control characters would stop everybody for seconds."""


class Form(StrEnum):
    """How an answer carries its pictures."""

    B64 = "b64"
    URL = "url"
    BOTH = "both"
    CHAT = "chat"


@attrs.frozen(kw_only=True)
class Manner:
    """How a client wants its answer. `output_format` None: as the service made it."""

    form: Form = Form.BOTH
    output_format: str | None = None
    edit: bool = False
    stream: bool = False
    partial_images: int = 0

    @property
    def event(self) -> str:
        """What its events are called: the libraries make classes of it."""
        return "image_edit" if self.edit else "image_generation"


@attrs.frozen(kw_only=True)
class Wish:
    """A request that was read: what is submitted, and how it is answered."""

    submission: Submission
    manner: Manner


def read_wish(
    body: JsonObject,
    headers: Mapping[str, str],
    caller: Caller,
    offers: Offers,
    *,
    edit: bool = False,
) -> Wish:
    """Read the body of a request for pictures; a null is absent. Multipart has been made such a body before.

    Raises:
        NotFound: no such model.
        InvalidSubmission: a field whose meaning decides what is bought makes no sense.
    """
    given = {name: value for name, value in body.items() if value is not None and not _is_blank(name, value)}
    model = given.get("model")
    if model is not None and not isinstance(model, str):
        raise wrong("model", NOT_TEXT(), model)
    offer = offers.find(model)
    if edit and not any(given.get(name) for name in (IMAGES, "images")):
        raise wrong(IMAGES, REQUIRED(), None)
    input_, notes = _input(given, offer)
    submission = Submission(
        provider=offer.provider,
        type="image",
        model=offer.model,
        input=input_,
        user_id=user_of(given, headers),
        caller=caller,
        notes=notes,
    )
    return Wish(submission=submission, manner=_manner(given, model, edit=edit))


def _input(given: JsonObject, offer: Offer) -> tuple[dict[str, Any], tuple[Text, ...]]:
    """Return what the provider is given, and what to note of the rest."""
    takes, found = offer.takes, dict[str, Any]()
    notes: list[Text] = []
    if "n" in given:
        found |= _count(given["n"], offer)
    size = given.get("size")
    if size is not None and size != AUTOMATIC:
        found |= fit_size(size, takes) if isinstance(size, str) and takes else {"size": size}
    found |= _pictures(given, offer)
    for name in given.keys() - NOT_PASSED:
        value = given[name]
        if name in FITTED and value == AUTOMATIC:
            continue
        fitted = value if name == "prompt" else None
        if name in takes and name != "prompt" and not _says_nothing(name, given):
            fitted = fit_choice(name, typed(value, takes[name]), takes[name])
        if fitted is not None:
            found[name] = fitted
        if fitted is not None and name in FITTED and fitted != value:
            notes.append(BECAME(name=name, value=shorten(value), fitted=fitted))
    if "size" in found and found["size"] != size:
        notes.append(BECAME(name="size", value=size, fitted=found["size"]))
    unused = sorted(str(shorten(name)) for name in given.keys() - NOT_PASSED - found.keys())
    if unused:
        notes.append(NOT_USED(model=offer.model, names=", ".join(unused[:20])))
    return found, tuple(notes)


def _is_blank(name: str, value: object) -> bool:
    """Tell whether a field was sent without being filled in. An empty reference is none such: it was to be one."""
    return value == "" and name not in REFERENCES


def _says_nothing(name: str, given: JsonObject) -> bool:
    """Tell whether a parameter that clients send as a constant has no effect: of a PNG, or where nothing is shown.

    Previews that nobody is shown are charged for all the same.
    """
    if name == COMPRESSION:
        return given.get("output_format") not in LOSSY
    return name == PREVIEWS and not _flag(given.get("stream"))


def _count(value: object, offer: Offer) -> dict[str, int]:
    count = number_of(value)
    if not isinstance(count, int) or isinstance(count, bool):
        raise wrong("n", NOT_WHOLE(), value)
    if not offer.takes or offer.count_name is not None:
        return {offer.count_name or "n": count}
    if count != 1:
        raise wrong("n", ONE_AT_A_TIME(model=offer.model), value)
    return {}


def _pictures(given: JsonObject, offer: Offer) -> dict[str, Any]:
    """Return the references. One that a model does not take is refused: without it, it is another picture."""
    found: dict[str, Any] = {}
    pictures = [link_of(each) for name in (IMAGES, "images") for each in _as_list(given.get(name))]
    if pictures:
        found[IMAGES] = pictures
    if given.get(MASK) is not None:
        found[MASK] = link_of(given[MASK])
    for name in found:
        if name not in offer.reference_fields or (offer.takes and name not in offer.takes):
            raise wrong(name, TAKES_NONE(model=offer.model), None)
    return found


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def link_of(value: Any) -> Any:
    """Return what a reference refers to: OpenAI's JSON form wraps it in an object, once or twice."""
    while isinstance(value, Mapping) and "image_url" in value:
        value = value["image_url"]
    if isinstance(value, Mapping):
        return value.get("url", value.get("file_id", value))
    return value


def _manner(given: JsonObject, model: str | None, *, edit: bool) -> Manner:
    wanted = given.get("response_format")
    form = Form.BOTH
    if wanted == "b64_json" or (
        wanted not in ("url", Form.CHAT) and (model or "").startswith(("gpt-image", "chatgpt-image"))
    ):
        form = Form.B64
    elif wanted == "url":
        form = Form.URL
    if wanted == Form.CHAT:
        form = Form.CHAT
    format_ = given.get("output_format")
    partial = number_of(given.get("partial_images"))
    return Manner(
        form=form,
        output_format=format_ if format_ in ("png", "jpeg", "webp") else None,
        edit=edit,
        stream=_flag(given.get("stream")),
        partial_images=partial if isinstance(partial, int) else 0,
    )


def user_of(given: JsonObject, headers: Mapping[str, str]) -> str:
    """Return the label that turns and reports go by; it is nobody's permission."""
    told: Collection[object] = (*(given.get(name) for name in USER_FIELDS), headers.get(USER_HEADER))
    for value in told:
        label = (
            _NO_LABEL.sub("", value[:MOST_LOOKED_AT]).strip()[:LONGEST_USER_ID] if isinstance(value, str) else ""
        )
        if label:
            return label
    return UNNAMED_USER


def typed(value: object, schema: Mapping[str, Any]) -> object:
    """Return what the text of a form's field says, of a parameter that is no text."""
    kind = schema.get("type")
    if not isinstance(value, str) or kind == "string" or value in schema.get("enum", ()):
        return value
    if kind == "boolean":
        return {"true": True, "false": False}.get(value.lower(), value)
    if kind == "number" and re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", value, re.ASCII):
        return float(value)
    return number_of(value)


def number_of(value: object) -> object:
    """Return *value*, a number when it is the text of one: multipart knows nothing else."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value, re.ASCII) else value


def _flag(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() in ("true", "1"))


def wrong(name: str, message: Text, value: object) -> InvalidSubmission:
    return InvalidSubmission([Problem(field=name, message=message, value=shorten(value))])
