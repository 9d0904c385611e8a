"""Requests for videos, read into submissions.

Source: volcengine.com/docs/82379/1520757, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from danqing_plugins import Message, OutputKind
from danqing_server.access.caller import Caller
from danqing_server.delivery.webhooks.targets import LONGEST_TARGET
from danqing_server.desk.checking import LONGEST_STRING, Checker
from danqing_server.desk.request import Submission
from danqing_server.doors.ark.addressing import Address, address_of
from danqing_server.doors.ark.commands import split_commands
from danqing_server.doors.ark.reading import NOT_TAKEN, read_model, read_user, told_model
from danqing_server.doors.ark.telling import ARK_FORM, CALLBACK_EVENTS
from danqing_server.doors.fields import Fields
from danqing_server.errors import InvalidSubmission
from danqing_server.records.tasks import JsonObject, TaskWebhook

__all__ = ["Content", "read_content", "video_submission"]

OUTSIDE = ("model", "content", "safety_identifier", "callback_url")
"""What is not for the model, or not as it stands."""

MOST_PARTS = 100

NOT_A_LIST = Message(key="ark.not_a_list", en="must be a list of objects", zh="必须是对象的列表")
TOO_MANY = Message(key="ark.too_many_parts", en="has more than {most} parts", zh="超过 {most} 项")
ODD_PART = Message(
    key="ark.odd_part",
    en="must be a text, image_url, video_url, audio_url or draft_task with what it is called after",
    zh="必须是 text、image_url、video_url、audio_url 或 draft_task，并包含同名字段",
)
ODD_ROLE = Message(key="ark.odd_role", en="must be one of: {allowed}", zh="必须是以下之一：{allowed}")
TWO_FRAMES = Message(key="ark.two_frames", en="is given twice", zh="重复")

_ROLES: Mapping[str, Mapping[str, str]] = {
    "image_url": {"first_frame": "image", "last_frame": "last_frame", "reference_image": "reference_image"},
    "video_url": {"reference_video": "reference_video"},
    "audio_url": {"reference_audio": "reference_audio"},
}
"""Under which name of the input a part stands, by its kind and role; the first is that of a part without one."""

_SINGLE = ("image", "last_frame")


@attrs.define
class Content:
    """What the parts of `content` say: `given` is for the input, `places` is where each name of it stood."""

    texts: list[str] = attrs.field(factory=list)
    given: dict[str, Any] = attrs.field(factory=dict)
    places: dict[str, str] = attrs.field(factory=dict)

    def add(self, name: str, url: str, place: str) -> bool:
        """Take a reference; False when there may be one of its name only, and is."""
        if name in _SINGLE:
            if name in self.given:
                return False
            self.given[name], self.places[name] = url, place
            return True
        listed = self.given.setdefault(name, [])
        self.places.setdefault(name, place)
        self.places[f"{name}[{len(listed)}]"] = place
        listed.append(url)
        return True

    def as_sent(self, error: InvalidSubmission) -> InvalidSubmission:
        """Return *error* with its fields named as the client sent them; the server knows them by the input's."""
        places = {"prompt": "content", "webhook": "callback_url", **self.places}
        return InvalidSubmission(
            [attrs.evolve(problem, field=places.get(problem.field, problem.field)) for problem in error.problems]
        )


def video_submission(body: JsonObject, caller: Caller, checker: Checker, base: str) -> tuple[Submission, Content]:
    """Read the body of `POST /contents/generations/tasks`, without its nulls, and what its content says.

    *base* is how its client reaches this server: what its callback is told begins with it.

    Raises:
        InvalidSubmission: its shape is wrong; what the values mean is the provider's to judge.
    """
    fields = Fields(members=body)
    model = read_model(fields)
    user_id = read_user(fields, "safety_identifier")
    callback = fields.text("callback_url", 1, LONGEST_TARGET)
    content = read_content(fields)
    fields.finish()
    address = address_of(checker, model, OutputKind.VIDEO)
    text = "\n".join(content.texts)
    prompt, said = split_commands(text) if len(text) <= LONGEST_STRING else (text, {})  # which is refused as it is
    asked = {name: value for name, value in body.items() if name not in OUTSIDE}
    for name in content.given:
        if not _is_taken(name, address):
            fields.report(content.places.get(name, "content"), NOT_TAKEN)
    fields.finish()
    words = {"prompt": prompt} if prompt else {}
    submission = Submission(
        provider=address.provider,
        type=address.type,
        model=model,
        input={**told_model({**said, **asked}, address), **content.given, **words},
        user_id=user_id,
        caller=caller,
        webhook=None if callback is None else _webhook(callback, base),
    )
    return submission, content


def _webhook(url: str, base: str) -> TaskWebhook:
    return TaskWebhook(url=url, events=CALLBACK_EVENTS, base=base, form=ARK_FORM)


def _is_taken(name: str, address: Address) -> bool:
    return not address.names or name in address.names


def read_content(fields: Fields) -> Content:
    """Read `content`; what is wrong with it is noted."""
    content = Content()
    parts = fields.given("content", required=True)
    if parts is None:
        return content
    if not isinstance(parts, list):
        fields.report("content", NOT_A_LIST)
        return content
    if len(parts) > MOST_PARTS:
        fields.report("content", TOO_MANY, most=MOST_PARTS)
        return content
    for number, part in enumerate(parts):
        _read_part(fields, content, part, f"content[{number}]")
    return content


def _read_part(fields: Fields, content: Content, part: object, place: str) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    read = _READERS.get(kind) if isinstance(kind, str) else None
    held = part.get(kind) if isinstance(part, dict) and isinstance(kind, str) else None
    if read is None or held is None or not isinstance(part, dict) or not read(fields, content, part, place):
        fields.report(place, ODD_PART)


def _read_text(_fields: Fields, content: Content, part: dict[str, Any], _place: str) -> bool:
    if not isinstance(part["text"], str):
        return False
    content.texts.append(part["text"])
    return True


def _read_reference(fields: Fields, content: Content, part: dict[str, Any], place: str) -> bool:
    kind = part["type"]
    url = part[kind].get("url") if isinstance(part[kind], dict) else None
    if not isinstance(url, str) or not url:
        return False
    roles = _ROLES[kind]
    role = part.get("role") or next(iter(roles))
    if not isinstance(role, str) or role not in roles:
        fields.report(f"{place}.role", ODD_ROLE, allowed=", ".join(roles))
    elif not content.add(roles[role], url, f"{place}.{kind}.url"):
        fields.report(f"{place}.role", TWO_FRAMES)
    return True


def _read_draft(_fields: Fields, content: Content, part: dict[str, Any], place: str) -> bool:
    held = part["draft_task"]
    id_ = held.get("id") if isinstance(held, dict) else None
    if not isinstance(id_, str) or not id_:
        return False
    content.given["draft_task"] = id_
    content.places["draft_task"] = f"{place}.draft_task.id"
    return True


_READERS: Mapping[str, Callable[[Fields, Content, dict[str, Any], str], bool]] = {
    "text": _read_text,
    "image_url": _read_reference,
    "video_url": _read_reference,
    "audio_url": _read_reference,
    "draft_task": _read_draft,
}
