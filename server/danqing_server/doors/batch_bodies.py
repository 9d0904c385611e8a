"""Lines of a batch, read into submissions: bodies of single tasks, of either form, over what all have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.codec import parse_json_object
from danqing_server.desk.batches import Staging
from danqing_server.desk.request import Submission
from danqing_server.doors.bodies import (
    Parameters,
    image_meaning,
    image_submission,
    task_meaning,
    task_submission,
)
from danqing_server.doors.fields import Fields
from danqing_server.models import JsonObject

__all__ = ["LineReader", "merged"]

LONGEST_CUSTOM_ID = 128
NO_WEBHOOK = Message(
    key="no_webhook_in_batch",
    zh="批次中的任务不能自带 webhook，请为项目设置 webhook",
    en="tasks of a batch bring none of their own: set one up for the project",
)
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

    def _submission(self, body: JsonObject) -> Submission:
        if body.get("webhook") is not None:
            fields = Fields(members=body)
            fields.report("webhook", NO_WEBHOOK)
            fields.finish()
        if "prompt" in body and "input" not in body:
            return image_submission(image_meaning(body), self._caller, self._parameters)
        return task_submission(
            task_meaning(body), self._caller, self._max_delay_s, self._parameters, base=self._base
        )
