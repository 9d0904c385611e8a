"""Lines of a batch, read into submissions: bodies of single tasks, of either form, over what all have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from danqing_server.access.caller import Caller
from danqing_server.codec.bodies import parse_json_object
from danqing_server.desk.request import Submission
from danqing_server.desk.staging import Staging
from danqing_server.doors.bodies import (
    Parameters,
    image_meaning,
    image_submission,
    task_meaning,
    task_submission,
)
from danqing_server.doors.fields import Fields
from danqing_server.doors.webhook_bodies import task_webhook
from danqing_server.records.tasks import JsonObject

__all__ = ["LineReader", "merged"]

LONGEST_CUSTOM_ID = 128
NESTED = ("input", "options")


def merged(defaults: JsonObject, line: JsonObject) -> dict[str, Any]:
    """Return *line* over *defaults*; so are the members of `input` and `options`."""
    both = {**defaults, **line}
    for name in NESTED:
        inner, outer = line.get(name), defaults.get(name)
        if isinstance(inner, Mapping) and isinstance(outer, Mapping):
            both[name] = {**outer, **inner}
    return both


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
        self._defaults = defaults
        self._max_delay_s = max_delay_s
        self._parameters = parameters
        self._base = base

    async def take_text(self, line: int, text: bytes) -> None:
        """Take a line of JSON."""
        await self._take(line, lambda: parse_json_object(text))

    async def take_value(self, line: int, value: Any) -> None:
        """Take a line that was read already."""

        def read() -> JsonObject:
            fields = Fields(members={"task": value})
            body = fields.json_object("task", required=True)
            fields.finish()
            return body

        await self._take(line, read)

    async def _take(self, line: int, read: Callable[[], JsonObject]) -> None:
        def named() -> tuple[str | None, Callable[[], Submission]]:
            body = merged(self._defaults, read())
            fields = Fields(members={"custom_id": body.pop("custom_id", None)})
            custom_id = fields.text("custom_id", 1, LONGEST_CUSTOM_ID)
            fields.finish()
            return custom_id, lambda: self._submission(body)

        await self.staging.take(line, named)

    def _submission(self, body: dict[str, Any]) -> Submission:
        if "prompt" in body and "input" not in body:
            fields = Fields(members={"webhook": body.pop("webhook", None)})
            webhook = task_webhook(fields, self._base)
            fields.finish()
            return attrs.evolve(
                image_submission(image_meaning(body), self._caller, self._parameters), webhook=webhook
            )
        return task_submission(
            task_meaning(body), self._caller, self._max_delay_s, self._parameters, base=self._base
        )
