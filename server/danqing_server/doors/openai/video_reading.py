"""A request for a video as OpenAI's clients send it, read leniently: what is not known is noted, not refused.

Sources: openai-python 3.57.0 (always a form) and LobeHub (JSON), read 2026-11-28.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from danqing_plugins import Message, OutputKind, Text
from danqing_server.access.caller import Caller
from danqing_server.codec.bodies import shorten
from danqing_server.desk.request import Submission
from danqing_server.doors.fields import NOT_TEXT, REQUIRED
from danqing_server.doors.fitting import AUTOMATIC, fit_choice
from danqing_server.doors.offers import Offer, Offers
from danqing_server.doors.openai.reading import (
    BECAME,
    NOT_USED,
    TAKES_NONE,
    USER_FIELDS,
    Manner,
    Wish,
    link_of,
    typed,
    user_of,
    wrong,
)
from danqing_server.doors.openai.video_fitting import LENGTHS, fit_length, fit_video_size
from danqing_server.records.tasks import JsonObject, Task

__all__ = [
    "FILMS",
    "became_length",
    "film_named",
    "kept_of",
    "read_remix",
    "read_video_wish",
    "seconds_of",
    "wish_of",
]

REFERENCE = "input_reference"
NOT_PASSED = frozenset({"model", "seconds", "size", REFERENCE, *USER_FIELDS})
LONGEST_S = 3600
FILMS = ("reference_video", "video", "video_url")
"""What models call a video that another is made of."""

NOT_A_LENGTH = Message(key="openai_not_seconds", en="must be a number of seconds above 0", zh="必须是大于 0 的秒数")

_OF_REFERENCE = re.compile(rf"{REFERENCE}\[(?:image_url|file_id|url)?\]")


def read_video_wish(body: JsonObject, headers: Mapping[str, str], caller: Caller, offers: Offers) -> Wish:
    """Read the body of a request for a video; a null is absent. A form has been made such a body before.

    Raises:
        NotFound: no such model.
        InvalidSubmission: a field whose meaning decides what is bought makes no sense.
    """
    given = {_plain(name): value for name, value in body.items() if value is not None and value != ""}
    model = given.get("model")
    if model is not None and not isinstance(model, str):
        raise wrong("model", NOT_TEXT(), model)
    offer = offers.find(model, OutputKind.VIDEO)
    input_, notes = _input(given, offer)
    return wish_of(offer, input_, notes, user_of(given, headers), caller)


def read_remix(
    body: JsonObject, headers: Mapping[str, str], caller: Caller, offers: Offers, *, source: Task, link: str
) -> Wish:
    """Read the body of a request for another video of *source*, which is to be had by *link*.

    It is asked of the model that made it, with what that was told, its pictures excepted.

    Raises:
        NotFound: nobody has that model any longer.
        InvalidSubmission: that model makes no videos of videos, or there is no prompt.
    """
    offer = offers.find(f"{source.provider}/{source.model}", OutputKind.VIDEO)
    film = film_named(offer, link)
    if not film:
        raise wrong("video_id", TAKES_NONE(model=offer.model), None)
    if body.get("prompt") is None:
        raise wrong("prompt", REQUIRED(), None)
    kept = kept_of(source, offer)
    return wish_of(offer, {**kept, "prompt": body["prompt"], **film}, (), user_of(body, headers), caller)


def film_named(offer: Offer, link: str) -> Mapping[str, object]:
    """Return *link* under the name by which the model takes a video; nothing when it takes none."""
    name = next((each for each in FILMS if each in offer.takes), None)
    if name is None:
        return {}
    is_list = offer.takes[name].get("type") == "array" or "items" in offer.takes[name]
    return {name: [link] if is_list else link}


def kept_of(source: Task, offer: Offer, *, without: Collection[str] = ()) -> JsonObject:
    """Return what *source* was told, its words, its pictures and what is named in *without* excepted."""
    left_out = {"prompt", *offer.reference_fields, *FILMS, *without}
    return {key: value for key, value in source.input.items() if key in offer.takes and key not in left_out}


def wish_of(offer: Offer, input_: JsonObject, notes: tuple[Text, ...], user_id: str, caller: Caller) -> Wish:
    """Return the wish for what *offer* makes of *input_*."""
    submission = Submission(
        provider=offer.provider,
        type=offer.info.types[0],
        model=offer.model,
        input=input_,
        user_id=user_id,
        caller=caller,
        notes=notes,
    )
    return Wish(submission=submission, manner=Manner())


def _input(given: JsonObject, offer: Offer) -> tuple[dict[str, Any], tuple[Text, ...]]:
    """Return what the provider is given, and what to note of the rest."""
    takes = offer.takes
    fitted = {"seconds": _length(given, takes), "size": _size(given, takes)}
    passed = {
        name: value
        if name == "prompt"
        else fit_choice(name, typed(value, takes.get(name, {})), takes.get(name, {}))
        for name, value in given.items()
        if name not in NOT_PASSED and (name in takes or name == "prompt")
    }
    own = {name: value for name, value in passed.items() if value is not None}
    found = {**fitted["seconds"], **fitted["size"], **_picture(given, offer), **own}
    used = {*own, *(name for name, values in fitted.items() if values)}
    notes = [_became(name, given[name], values) for name, values in fitted.items() if _differs(given, name, values)]
    unused = sorted(str(shorten(name)) for name in given.keys() - {"model", REFERENCE, *USER_FIELDS} - used)
    if unused:
        notes.append(NOT_USED(model=offer.model, names=", ".join(unused[:20])))
    return found, tuple(notes)


def _length(given: JsonObject, takes: Mapping[str, Any]) -> Mapping[str, object]:
    if "seconds" not in given:
        return {}
    return fit_length(seconds_of(given["seconds"]), takes) if takes else {"seconds": given["seconds"]}


def became_length(value: object, fitted: Mapping[str, object]) -> tuple[Text, ...]:
    """Return the note of what *value* seconds became, where that is something else."""
    return (_became("seconds", value, fitted),) if _differs({"seconds": value}, "seconds", fitted) else ()


def seconds_of(value: object) -> float:
    """Return a number of seconds. Raises InvalidSubmission: it is none."""
    try:
        found = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        found = 0.0
    if not math.isfinite(found) or not 0 < found <= LONGEST_S:
        raise wrong("seconds", NOT_A_LENGTH(), value)
    return found


def _size(given: JsonObject, takes: Mapping[str, Any]) -> Mapping[str, object]:
    size = given.get("size", AUTOMATIC)
    if not isinstance(size, str):
        raise wrong("size", NOT_TEXT(), size)
    if size == AUTOMATIC:
        return {}
    return fit_video_size(size, takes) if takes else {"size": size}


def _picture(given: JsonObject, offer: Offer) -> dict[str, Any]:
    """Return the picture to begin with. A model that takes none is not asked: it would be another video."""
    if REFERENCE not in given:
        return {}
    names = [name for name in ("image", *offer.reference_fields) if name in offer.takes or not offer.takes]
    if not names or not offer.reference_fields:
        raise wrong(REFERENCE, TAKES_NONE(model=offer.model), None)
    link = link_of(given[REFERENCE])
    return {names[0]: [link] if offer.takes.get(names[0], {}).get("type") == "array" else link}


def _differs(given: JsonObject, name: str, fitted: Mapping[str, object]) -> bool:
    """Tell whether a client gets something else than it asked for; a length in frames is the same length."""
    if name == "seconds":
        return any(key in LENGTHS[:2] and str(value) != str(given[name]) for key, value in fitted.items())
    return bool(fitted) and fitted.get(name) != given[name]


def _became(name: str, value: object, fitted: Mapping[str, object]) -> Text:
    told = ", ".join(str(each) for each in fitted.values())
    return BECAME(name=name, value=shorten(value), fitted=told)


def _plain(name: str) -> str:
    """Return the name of a form's field; an object comes in as `input_reference[image_url]`."""
    return REFERENCE if _OF_REFERENCE.fullmatch(name) else name
