"""Which tasks are meant: filters, as members of an object or of a query string, and cursors."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from danqing_plugins import Message, OutputKind
from danqing_server.clock import from_ms, to_ms
from danqing_server.doors.body_shapes import LONGEST_NAME, LONGEST_USER_ID
from danqing_server.doors.fields import Fields
from danqing_server.http.requests import ApiRequest
from danqing_server.records.tasks import Billed, Status
from danqing_server.store.listing import TaskFilter
from danqing_server.store.newest import Place

__all__ = [
    "BILLED",
    "CURSOR",
    "FILTERS",
    "NO_CURSOR",
    "cursor_of",
    "members_of_query",
    "moment_of",
    "read_cursor",
    "read_filter",
    "until_of",
]

FILTERS = (
    "status",
    "provider",
    "model",
    "user_id",
    "type",
    "kind",
    "code",
    "billed",
    "partial",
    "sandbox",
    "from",
    "to",
    "q",
    "batch",
)
LONGEST_SEARCH = 200
LONGEST_CODE = 100
STATUSES = tuple(status.value for status in Status)
BILLED = tuple(each.value for each in Billed)
KINDS = tuple(kind.value for kind in OutputKind)

NO_CURSOR = Message(
    key="no_cursor",
    zh="不是有效的游标，请使用上一页返回的 next_cursor",
    en="is no cursor; use next_cursor of the page before",
)
NO_STATUS = Message(
    key="no_status", zh="只能是以下状态中的一个或多个：{allowed}", en="must be one or more of: {allowed}"
)
NO_BILL = Message(key="no_bill", zh="只能是 `yes`、`no` 或 `unknown`", en="must be `yes`, `no` or `unknown`")
NO_MOMENT = Message(
    key="no_moment",
    zh="不是有效的时间，请使用 RFC 3339，例如 2026-11-24T02:00:00Z 或 2026-11-24",
    en="is no time: use RFC 3339, as 2026-11-24T02:00:00Z or 2026-11-24",
)

_JUST_AFTER = timedelta(milliseconds=1)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)

CURSOR = re.compile(r"([0-9]{1,14})\.([A-Za-z0-9_.-]{1,200})")


def read_filter(fields: Fields, simulated: Collection[str] = ()) -> TaskFilter:
    """Read the members `FILTERS` of *fields*; what is wrong is reported there.

    *simulated* are the providers that `sandbox` means.
    """
    kind, sandbox = fields.choice("kind", KINDS), _flag(fields, "sandbox")
    return TaskFilter(
        statuses=_statuses(fields),
        provider=fields.text("provider", 1, LONGEST_NAME),
        model=fields.text("model", 1, LONGEST_NAME),
        user_id=fields.text("user_id", 1, LONGEST_USER_ID),
        type=fields.text("type", 1, LONGEST_NAME),
        kind=None if kind is None else OutputKind(kind),
        code=fields.text("code", 1, LONGEST_CODE),
        made_from=moment_of(fields, "from"),
        made_before=moment_of(fields, "to"),
        text=fields.text("q", 1, LONGEST_SEARCH),
        batch=fields.text("batch", 1, LONGEST_NAME),
        billed=_billed(fields),
        partial=_flag(fields, "partial"),
        sandbox=sandbox,
        simulated=() if sandbox is None else tuple(sorted(simulated)),
    )


def members_of_query(request: ApiRequest) -> dict[str, Any]:
    """Return the members that a query string names, as an object would hold them; the last of one that is twice.

    What is named and left empty is an empty text, not absent. `status` may stand there more than once, or with
    commas.
    """
    query: Mapping[str, Sequence[str]] = request.get_args(keep_blank_values=True)
    members: dict[str, Any] = {name: values[-1] for name, values in query.items() if values}
    if "status" in members:
        members["status"] = [word for value in query["status"] for word in value.split(",")]
    return members


def cursor_of(place: Place | None) -> str | None:
    """Return what a client sends to go on at *place*."""
    return None if place is None else f"{to_ms(place[0])}.{place[1]}"


def read_cursor(fields: Fields, name: str = "cursor") -> Place | None:
    """Return where to go on; one that is none of ours is reported."""
    cursor = fields.given(name)
    if cursor is None:
        return None
    found = CURSOR.fullmatch(cursor) if isinstance(cursor, str) else None
    if found is None:
        fields.report(name, NO_CURSOR)
        return None
    return from_ms(int(found[1])), found[2]


def _flag(fields: Fields, name: str) -> bool | None:
    """Return true or false, also as a word: a query string holds nothing else."""
    given = fields.given(name)
    if given is None or isinstance(given, bool):
        return given
    word = fields.choice(name, ("true", "false"))
    return None if word is None else word == "true"


def _billed(fields: Fields) -> Billed | None:
    given = fields.given("billed")
    if isinstance(given, str) and given in BILLED:
        return Billed(given)
    if given is not None:
        fields.report("billed", NO_BILL)
    return None


def _statuses(fields: Fields) -> tuple[Status, ...]:
    given = fields.given("status")
    words = given if isinstance(given, list) else [given]
    if given is None or not fields.are_among("status", words, STATUSES, NO_STATUS):
        return ()
    if not words:
        fields.report("status", NO_STATUS, allowed=", ".join(STATUSES))
    return tuple(Status(word) for word in dict.fromkeys(words))


def moment_of(fields: Fields, name: str, zone: tzinfo = UTC) -> datetime | None:
    """Return the moment of a member, in *zone* unless it says; None when there is none, or it is reported."""
    given = fields.text(name, 1, 40)
    if given is None:
        return None
    try:
        # A `+` that a client did not encode arrives as a space.
        found = datetime.fromisoformat(given.replace(" ", "+") if "T" in given else given)
    except ValueError:
        fields.report(name, NO_MOMENT)
        return None
    try:
        return (found.replace(tzinfo=zone) if found.tzinfo is None else found).astimezone(UTC)
    except OverflowError:  # in another zone it is a day before the first year, or after the last
        return found.replace(tzinfo=UTC)


def until_of(fields: Fields, since: datetime, now: datetime, zone: tzinfo = UTC) -> datetime:
    """Return the moment of the member `to`; without one that just after *now*, or *since* where that is later.

    Behind the calendar's last one there is none: it is *since* itself.
    """
    said = moment_of(fields, "to", zone)
    last = max(now, since)
    return last + min(_JUST_AFTER, _END_OF_TIME - last) if said is None else said
