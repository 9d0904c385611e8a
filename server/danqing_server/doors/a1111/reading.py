"""Requests for pictures, read into submissions: leniently, as their clients send all that a web UI has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from danqing_plugins import Message, Problem
from danqing_server.access.caller import Caller
from danqing_server.assets.keys import ASSET_PATH, upload_of
from danqing_server.assets.references import UPLOAD_SCHEME
from danqing_server.desk.request import Submission
from danqing_server.doors.body_shapes import LONGEST_NAME
from danqing_server.doors.fields import Fields
from danqing_server.doors.fitting import fit_size
from danqing_server.doors.offers import Offer, Offers
from danqing_server.errors import InvalidSubmission
from danqing_server.records.tasks import JsonObject

__all__ = ["CHECKPOINT", "named_model", "read_images"]

CHECKPOINT = "sd_model_checkpoint"
USER = "a1111"
"""Whose a task is: their requests have no field for it."""

LONGEST_SIDE = 16_384
MOST_PICTURES = 15
PASSED = ("negative_prompt", "steps", "seed", "cfg_scale", "sampler_name", "scheduler", "denoising_strength")
OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "cfg_scale": ("cfg", "guidance_scale"),
    "denoising_strength": ("denoise",),
}
"""What a model may call it instead."""

SLIDERS = ("steps", "cfg_scale", "denoising_strength")
"""What web UIs send with every request, whatever the model: Open WebUI 50 steps (02530d50, read 2026-11-28)."""

NUMBERS = ("width", "height", "batch_size", "n_iter", "seed", *SLIDERS)
"""What may also be the text of a number, or 512.0: AUTOMATIC1111 reads it with pydantic."""

NAMED = ("data:", "http://", "https://", UPLOAD_SCHEME, ASSET_PATH)
"""How what is no bare base64 begins."""

NO_PICTURES = Message(
    key="a1111.no_pictures", en="this model takes no pictures here", zh="所选模型不支持在此处使用图片"
)


def named_model(body: JsonObject) -> str | None:
    """Return the model that a request names itself, None when its key's choice holds. Raises InvalidSubmission."""
    fields = Fields(members=body)
    settings = Fields(members=fields.json_object("override_settings"), prefix="override_settings.")
    model = settings.text(CHECKPOINT, 1, LONGEST_NAME)
    fields.problems += settings.problems
    fields.finish()
    return model


def read_images(body: JsonObject, caller: Caller, offers: Offers, model: str | None) -> Submission:
    """Read the body of `txt2img` or `img2img`, without its nulls.

    Raises:
        NotFound: no such model.
        InvalidSubmission: a field that decides what is bought makes no sense.
    """
    body = {name: _number(value) if name in NUMBERS else value for name, value in body.items()}
    fields = Fields(members=body)
    offer = offers.find(model)
    input_: dict[str, Any] = {name: body[name] for name in ("prompt",) if name in body}
    for part in (_size(fields, offer), _count(fields, offer), _passed(body, offer), _pictures(fields, offer)):
        input_.update(part)
    fields.finish()
    return Submission(
        provider=offer.provider,
        type="image",
        model=offer.model,
        input=input_,
        user_id=USER,
        caller=caller,
    )


def _number(value: object) -> object:
    """Return the number that *value* is, or that it says; itself when it is none."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _size(fields: Fields, offer: Offer) -> Mapping[str, object]:
    width, height = fields.whole("width", 1, LONGEST_SIDE), fields.whole("height", 1, LONGEST_SIDE)
    if width is None or height is None:
        return {}
    if "width" in offer.takes and "height" in offer.takes:
        return {"width": width, "height": height}
    return fit_size(f"{width}x{height}", offer.takes)


def _count(fields: Fields, offer: Offer) -> dict[str, int]:
    count = (fields.whole("batch_size", 1, MOST_PICTURES) or 1) * (fields.whole("n_iter", 1, MOST_PICTURES) or 1)
    return {} if count == 1 or offer.count_name is None else {offer.count_name: count}


def _passed(body: JsonObject, offer: Offer) -> dict[str, Any]:
    """Return what the model takes of the rest; a seed of -1 and an empty text say nothing."""
    found: dict[str, Any] = {}
    for name in PASSED:
        value = body.get(name)
        if value in (None, "") or (name == "seed" and value == -1):
            continue
        taken = next((each for each in (name, *OTHER_NAMES.get(name, ())) if each in offer.takes), None)
        if taken is not None and value in offer.takes[taken].get("enum", [value]):
            found[taken] = _within(value, offer.takes[taken]) if name in SLIDERS else value
    return found


def _within(value: object, schema: Mapping[str, Any]) -> object:
    """Return the number nearest to *value* that a model takes: web UIs send where their sliders stand."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    return min(max(value, schema.get("minimum", value)), schema.get("maximum", value))


def _pictures(fields: Fields, offer: Offer) -> dict[str, Any]:
    """Return the references. One that a model does not take is refused: without it, it is another picture."""
    found: dict[str, Any] = {}
    images = fields.given("init_images")
    if images:
        links = [_link(each) for each in images] if isinstance(images, list) else [images]
        found["image"] = links if len(links) > 1 else links[0]
    if fields.given("mask"):
        found["mask"] = _link(fields.given("mask"))
    sent = {"image": "init_images", "mask": "mask"}
    problems = [
        Problem(field=sent[name], message=NO_PICTURES())
        for name in found
        if name not in offer.reference_fields or (offer.takes and name not in offer.takes)
    ]
    if problems:
        raise InvalidSubmission(problems)
    return found


def _link(value: object) -> object:
    """Return bare base64 as a data URI: what it is, its bytes say. What names a picture is left as it is."""
    if not isinstance(value, str) or value.startswith(NAMED) or upload_of(value) == value:
        return value
    return f"data:image/png;base64,{value}"
