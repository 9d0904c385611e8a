"""Lines of a batch, read into submissions: bodies of single tasks, of either form, over what all have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs

from danqing_server.access.caller import Caller
from danqing_server.codec.bodies import without_nulls
from danqing_server.desk.request import Submission
from danqing_server.desk.staging import Staging
from danqing_server.doors.bodies import (
    PASSED_ON,
    SERVER_OPTIONS,
    Parameters,
    image_meaning,
    image_submission,
    task_meaning,
    task_submission,
)
from danqing_server.doors.body_shapes import LONGEST_NAME
from danqing_server.doors.fields import Fields
from danqing_server.doors.webhook_bodies import task_webhook
from danqing_server.http.receiving import read_object
from danqing_server.records.tasks import JsonObject

__all__ = ["LineReader", "merged"]

LONGEST_CUSTOM_ID = 128
NESTED = ("input", "options")
BESIDE = ("type", "provider", "delay", "webhook")
"""What a line with a prompt has no place for, and a batch says of all its lines."""


def merged(defaults: JsonObject, line: JsonObject) -> dict[str, Any]:
    """Return *line* over *defaults*; so are the members of `input` and `options`."""
    both = {**defaults, **line}
    for name in NESTED:
        inner, outer = line.get(name), defaults.get(name)
        if isinstance(inner, Mapping) and isinstance(outer, Mapping):
            both[name] = {**outer, **inner}
    return both


def _for_short(defaults: JsonObject) -> dict[str, Any]:
    """Return *defaults* in the words of a line with a prompt: the parameters beside it, or in `options`."""
    inner = defaults.get("input", {})
    if not isinstance(inner, Mapping):
        return dict(defaults)  # refused where the line is read
    named = {name: value for name, value in inner.items() if name in PASSED_ON}
    others = {name: value for name, value in inner.items() if name not in PASSED_ON}
    ours = {name: value for name, value in defaults.items() if name in SERVER_OPTIONS}
    rest = {name: value for name, value in defaults.items() if name not in ("input", *SERVER_OPTIONS)}
    return merged({**named, **_inside("options", {**others, **ours})}, rest)


def _for_whole(defaults: JsonObject) -> dict[str, Any]:
    """Return *defaults* in the words of a line with an input: the parameters in there."""
    options = defaults.get("options", {})
    if not isinstance(options, Mapping):
        return dict(defaults)
    named = {name: value for name, value in defaults.items() if name in PASSED_ON}
    others = {name: value for name, value in options.items() if name not in SERVER_OPTIONS}
    ours = {name: value for name, value in options.items() if name in SERVER_OPTIONS}
    rest = {name: value for name, value in defaults.items() if name not in ("options", *PASSED_ON)}
    return merged({**ours, **_inside("input", {**named, **others})}, rest)


def _inside(name: str, members: JsonObject) -> dict[str, Any]:
    return {name: members} if members else {}


def _is_short(body: JsonObject) -> bool:
    return "prompt" in body and "input" not in body


class LineReader:
    """Gives the lines of one batch to its staging."""

    def __init__(
        self,
        staging: Staging,
        caller: Caller,
        defaults: JsonObject,
        max_delay_s: int,
        parameters: Parameters,
        base: str,
    ) -> None:
        self.staging = staging
        self._caller = caller
        common = dict(image_meaning(task_meaning(defaults)))
        self._custom_id = common.pop("custom_id", None)
        short = _for_short(common)
        self._short = {name: value for name, value in short.items() if name not in BESIDE}
        self._beside = {name: value for name, value in short.items() if name in BESIDE}
        self._whole, self._is_short = _for_whole(common), _is_short(common)
        self._max_delay_s = max_delay_s
        self._parameters = parameters
        self._base = base

    async def take_text(self, line: int, text: bytes) -> None:
        """Take a line of JSON, as large and as rich as the body of one task may be."""
        await self._take(line, lambda: read_object(text))

    async def take_value(self, line: int, value: Any) -> None:
        """Take a line that was read already."""

        async def read() -> JsonObject:
            fields = Fields(members={"task": value})
            body = fields.json_object("task", required=True)
            fields.finish()
            return body

        await self._take(line, read)

    async def _take(self, line: int, read: Callable[[], Awaitable[JsonObject]]) -> None:
        async def named() -> tuple[str | None, Callable[[], Submission]]:
            body = without_nulls(await read())
            fields = Fields(members={"custom_id": body.get("custom_id", self._custom_id)})
            custom_id = fields.text("custom_id", 1, LONGEST_CUSTOM_ID)
            fields.finish()
            body = {name: value for name, value in body.items() if name != "custom_id"}
            is_short = _is_short(body) or (self._is_short and "input" not in body)
            return custom_id, lambda: self._of_short(body) if is_short else self._of_whole(body)

        await self.staging.take(line, named)

    def _of_short(self, line: JsonObject) -> Submission:
        """Read a line as `/ai/image/task` does; what that has no place for is as the batch says of all."""
        own = {name: value for name, value in line.items() if name != "webhook"}
        beside = {name: value for name, value in line.items() if name == "webhook"}
        fields = Fields(members={**self._beside, **beside})
        type_, provider = fields.text("type", 1, LONGEST_NAME), fields.text("provider", 1, LONGEST_NAME)
        delay_s, webhook = fields.whole("delay", 0, self._max_delay_s), task_webhook(fields, self._base)
        fields.finish()
        submission = image_submission(merged(self._short, image_meaning(own)), self._caller, self._parameters)
        return attrs.evolve(
            submission, type=type_ or submission.type, provider=provider, delay_s=delay_s or 0, webhook=webhook
        )

    def _of_whole(self, line: JsonObject) -> Submission:
        body = merged(self._whole, task_meaning(line))
        return task_submission(body, self._caller, self._max_delay_s, self._parameters, base=self._base)
