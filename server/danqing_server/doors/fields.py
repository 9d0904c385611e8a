"""One JSON object, read field by field: nothing is coerced, and every problem is gathered."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import attrs

from danqing_plugins import Message, Problem, Text
from danqing_server.codec.bodies import shorten
from danqing_server.doors.unknown import Inner, UnknownFields
from danqing_server.errors import InvalidSubmission
from danqing_server.records.tasks import JsonObject

__all__ = ["Fields"]

NOTHING = Inner("", {})

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DIGITS = re.compile(r"[0-9]{1,18}")

REQUIRED = Message(key="required", zh="必填", en="is required")
NOT_TEXT = Message(key="not_text", zh="必须是字符串", en="must be a string")
NOT_WHOLE = Message(key="not_whole", zh="必须是整数", en="must be a whole number")
NOT_OBJECT = Message(key="not_object", zh="必须是 JSON 对象", en="must be a JSON object")
NOT_BOOLEAN = Message(key="not_true_or_false", zh="只能是 true 或 false", en="must be true or false")
NOT_LIST = Message(key="not_list", zh="必须是列表", en="must be a list")
LENGTH = Message(key="length", zh="长度必须为 {low} 到 {high} 个字符", en="must have {low} to {high} characters")
CONTROL = Message(key="control_characters", zh="不能包含控制字符", en="may not contain control characters")
RANGE = Message(key="out_of_range", zh="必须在 {low} 到 {high} 之间", en="must be between {low} and {high}")
CHOICE = Message(key="not_one_of", zh="只能是：{allowed}", en="must be one of: {allowed}")


@attrs.define(kw_only=True)
class Fields:
    """The members of an object a client sent. A null counts as absent. `prefix` stands before every name."""

    members: JsonObject = attrs.field(repr=False)
    prefix: str = ""
    problems: list[Problem] = attrs.field(factory=list)

    def report(self, name: str, message: Message, **values: object) -> None:
        """Note that the member *name* is wrong."""
        self._report(name, message(**values), self.members.get(name))

    def report_entry(self, name: str, entry: object, message: Message, **values: object) -> None:
        """Note that *entry*, one of those that the member *name* lists, is wrong."""
        self._report(name, message(**values), entry)

    def are_sound(
        self,
        name: str,
        entries: Iterable[Any],
        is_sound: Callable[[Any], bool],
        message: Message,
        **values: object,
    ) -> bool:
        """Report each of *entries*, which the member *name* lists, that is not sound; return whether all are."""
        wrong = [each for each in entries if not is_sound(each)]
        for each in wrong:
            self.report_entry(name, each, message, **values)
        return not wrong

    def are_among(self, name: str, entries: Iterable[Any], allowed: Collection[str], message: Message) -> bool:
        """Report each of *entries* that is not *allowed*, which *message* names; return whether all are."""
        return self.are_sound(
            name,
            entries,
            lambda each: isinstance(each, str) and each in allowed,
            message,
            allowed=", ".join(allowed),
        )

    def _report(self, name: str, text: Text, value: object) -> None:
        field = self.prefix + str(shorten(name))
        self.problems.append(Problem(field=field, message=text, value=shorten(value)))

    def check_known(self, known: Sequence[str], inner: Callable[[], Inner] = lambda: NOTHING) -> None:
        """Report every member that is not among *known*; *inner*, asked for then, is where it may belong."""
        unknown = [name for name in self.members if name not in known]
        if unknown:
            speaker = UnknownFields(known, inner())
            for name in unknown:
                self._report(name, speaker.told(name), self.members[name])

    def given(self, name: str, *, required: bool = False) -> Any:
        """Return a member whatever it is; None when it is absent."""
        value = self.members.get(name)
        if value is None and required:
            self.report(name, REQUIRED)
        return value

    def text(self, name: str, low: int, high: int, *, required: bool = False) -> str | None:
        """Return a string of *low* to *high* characters, none of them a control character."""
        value = self.members.get(name)
        if value is None:
            if required:
                self.report(name, REQUIRED)
            return None
        if not isinstance(value, str):
            self.report(name, NOT_TEXT)
        elif not value and required:
            self.report(name, REQUIRED)
        elif not low <= len(value) <= high:
            self.report(name, LENGTH, low=low, high=high)
        elif not value.isprintable() and _CONTROL.search(value):
            self.report(name, CONTROL)
        else:
            return value
        return None

    def whole(self, name: str, low: int, high: int) -> int | None:
        """Return a whole number between *low* and *high*; `true` and `1.0` are none."""
        value = self.given(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self.report(name, NOT_WHOLE)
        elif not low <= value <= high:
            self.report(name, RANGE, low=low, high=high)
        else:
            return value
        return None

    def whole_text(self, name: str, low: int, high: int) -> int | None:
        """Return a whole number between *low* and *high* that is written as text, as in a query string."""
        value = self.given(name)
        if value is None:
            return None
        if not isinstance(value, str) or not _DIGITS.fullmatch(value):
            self.report(name, NOT_WHOLE)
        elif not low <= int(value) <= high:
            self.report(name, RANGE, low=low, high=high)
        else:
            return int(value)
        return None

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """Return one of the words in *allowed*."""
        value = self.members.get(name)
        if value is None:
            return None
        if isinstance(value, str) and value in allowed:
            return value
        self.report(name, CHOICE, allowed=", ".join(allowed))
        return None

    def json_object(self, name: str, *, required: bool = False) -> JsonObject:
        """Return an object; an empty one when it is absent."""
        value = self.given(name, required=required)
        if isinstance(value, dict):
            return value
        if value is not None:
            self.report(name, NOT_OBJECT)
        return {}

    def boolean(self, name: str) -> bool | None:
        """Return true or false."""
        value = self.given(name)
        if value is None or isinstance(value, bool):
            return value
        self.report(name, NOT_BOOLEAN)
        return None

    def json_list(self, name: str, *, required: bool = False) -> list[Any]:
        """Return a list; an empty one when it is absent."""
        value = self.given(name, required=required)
        if isinstance(value, list):
            return value
        if value is not None:
            self.report(name, NOT_LIST)
        return []

    def finish(self) -> None:
        """Raise InvalidSubmission when anything was wrong."""
        if self.problems:
            raise InvalidSubmission(self.problems)
