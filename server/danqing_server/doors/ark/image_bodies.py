"""Requests for pictures, read into submissions.

Source: Volcengine's page 82379/1541523, read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from danqing_plugins import Message, OutputKind
from danqing_server.access.caller import Caller
from danqing_server.desk.checking import Checker
from danqing_server.desk.request import Submission
from danqing_server.doors.ark.addressing import Address, address_of
from danqing_server.doors.ark.reading import NOT_TAKEN, read_model, read_user, told_model
from danqing_server.doors.fields import Fields
from danqing_server.records.tasks import JsonObject

__all__ = ["FORMATS", "Wanted", "image_submission"]

FORMATS = ("url", "b64_json")
GROUP, GROUP_OPTIONS, MOST = "sequential_image_generation", "sequential_image_generation_options", "max_images"

OURS = frozenset({"model", "user", "response_format", "stream", "image"})
"""What is not for the model as it stands: the door's own, and what is looked at first."""

NOT_ARKS = frozenset({"n", "quality", "style"})
"""What our provider takes and Ark does not know: Ark ignores it."""

MOST_IN_GROUP = 15

NOT_A_FLAG = Message(key="ark.not_a_flag", en="must be true or false", zh="必须是 true 或 false")


@attrs.frozen(kw_only=True)
class Wanted:
    """A request for pictures. `in_base64`: each is answered whole; `streamed`: each as soon as it is made."""

    submission: Submission
    in_base64: bool
    streamed: bool


def image_submission(body: JsonObject, caller: Caller, checker: Checker) -> Wanted:
    """Read the body of `POST /images/generations`, without its nulls.

    Raises:
        InvalidSubmission: its shape is wrong; what the values mean is the provider's to judge.
    """
    fields = Fields(members=body)
    model = read_model(fields)
    user_id = read_user(fields, "user")
    in_base64 = fields.choice("response_format", FORMATS) == "b64_json"
    streamed = fields.given("stream")
    if streamed not in (None, True, False):
        fields.report("stream", NOT_A_FLAG)
    fields.finish()
    address = address_of(checker, model, OutputKind.IMAGE)
    input_ = _input(fields, address)
    if streamed is True and address.names.get("stream") and input_.get(GROUP) == "auto":
        input_["stream"] = True  # so that each picture of the group comes here, too, as soon as it is made
    fields.finish()
    submission = Submission(
        provider=address.provider,
        type=address.type,
        model=model,
        input=input_,
        user_id=user_id,
        caller=caller,
    )
    return Wanted(submission=submission, in_base64=in_base64, streamed=streamed is True)


def _input(fields: Fields, address: Address) -> dict[str, Any]:
    given = {name: value for name, value in fields.members.items() if name not in OURS | NOT_ARKS}
    if not address.names:
        return dict(given)
    if given.get("prompt") == "":
        del given["prompt"]  # to Ark it is missing then
    told = told_model(given, address)
    if "prompt" in given:  # which every model takes, whether it describes what it takes or not
        told["prompt"] = given["prompt"]
    if not address.speaks_ark:
        _drop_strange_size(told, address.schemas.get("size", {}))
        told |= _count(fields, address)
    images = fields.given("image")
    if images is not None:
        told |= _references(fields, images, address)
    return told


def _references(fields: Fields, images: object, address: Address) -> dict[str, Any]:
    """Return the pictures under the name that the model has for them."""
    if "image" in address.references and "image" in address.names:
        return {"image": images}
    taken = [name for name in address.references if address.names.get(name)]
    if not taken:
        fields.report("image", NOT_TAKEN)
        return {}
    return {taken[0]: images}


def _drop_strange_size(told: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """Leave out a tier (`2K`) that the model does not have: it makes what it makes by itself."""
    size = told.get("size")
    known = [*schema.get("enum", ()), *schema.get("examples", ())]
    if isinstance(size, str) and size not in known and size[:-1].isdigit() and size[-1:] in "kK":
        del told["size"]


def _count(fields: Fields, address: Address) -> dict[str, int]:
    """Return how many pictures stand for a group, at a model that makes none: as many as it may have, if said."""
    options = fields.json_object(GROUP_OPTIONS)
    most = options.get(MOST)
    if fields.given(GROUP) != "auto" or type(most) is not int or not address.names.get("n"):
        return {}
    if not 1 <= most <= MOST_IN_GROUP:
        return {"n": most}  # the provider says what is wrong with it
    return {"n": min(most, int(address.schemas.get("n", {}).get("maximum", MOST_IN_GROUP)))}
