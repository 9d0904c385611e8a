"""What is sent of projects, keys and limits, read. The command line says the same words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import attrs

from danqing_plugins import Message, Problem
from danqing_plugins.currencies import COMMON_CURRENCIES, CURRENCIES, currency_meant
from danqing_server.codec.bodies import shorten
from danqing_server.doors.access_shapes import (
    LARGEST_COUNT,
    LONGEST_GRACE_S,
    LONGEST_LABEL,
    LONGEST_PATTERN,
    MOST_ENTRIES,
    KeyChange,
    KeyRequest,
    LimitsFields,
    ProjectChange,
    ProjectRequest,
)
from danqing_server.doors.fields import RANGE, Fields
from danqing_server.errors import InvalidSubmission
from danqing_server.http.shapes import members_of
from danqing_server.records.tasks import JsonObject
from danqing_server.records.tenancy import KEY_SCOPES, NO_LIMITS, Limits, Scope
from danqing_server.settings.values import amount_micro

__all__ = [
    "NewKey",
    "NewProject",
    "grace_of",
    "key_change",
    "limits_of",
    "new_key",
    "new_project",
    "project_change",
]

NOT_LIST = Message(
    key="not_list_of_text", zh="必须是字符串数组，最多 {most} 项", en="must be an array of at most {most} strings"
)
NOT_AMOUNTS = Message(
    key="not_amounts",
    zh='必须是币种到金额的对象，例如 {{"CNY": "100.00"}}',
    en='must be amounts by currency, {{"CNY": "100.00"}}',
)
NOT_AMOUNT = Message(
    key="not_an_amount",
    zh='必须是十进制数字文本，例如 "100.00"：整数部分最多 9 位，小数部分最多 6 位',
    en='must be text in decimal digits, "100.00": up to 9 before the point and 6 behind it',
)
NO_CURRENCY = Message(
    key="no_currency",
    zh="没有代码为 `{value}` 的货币，请使用 ISO 4217 代码；常用：{common}",
    en="no currency has the code `{value}`; write one of ISO 4217, such as {common}",
)
MEANT_CURRENCY = Message(
    key="meant_currency",
    zh="没有代码为 `{value}` 的货币，请写作 `{code}`",
    en="no currency has the code `{value}`; write `{code}`",
)
NOT_NETWORK = Message(
    key="not_network", zh="不是有效的地址或网段：{value}", en="is no address and no network: {value}"
)
NOT_MOMENT = Message(
    key="not_moment",
    zh="必须是带时区的 RFC 3339 时间，例如 2027-01-01T00:00:00Z",
    en="must be an RFC 3339 moment with its zone, 2027-01-01T00:00:00Z",
)
NO_SCOPE = Message(key="no_scope", zh="只能是：{allowed}", en="must be among: {allowed}")


@attrs.frozen(kw_only=True)
class NewProject:
    """What a client says of a new project."""

    name: str
    id: str | None
    limits: Limits


@attrs.frozen(kw_only=True)
class NewKey:
    """What a client says of a new key; None is not said."""

    name: str
    project: str | None
    scopes: tuple[Scope, ...] | None
    limits: Limits


def new_project(body: JsonObject) -> NewProject:
    """Read the body of `POST /api/v1/projects`. Raises InvalidSubmission."""
    fields = Fields(members=body)
    fields.check_known(tuple(members_of(ProjectRequest)))
    name = fields.text("name", 1, LONGEST_LABEL, required=True)
    id_ = fields.text("id", 1, 64)
    limits = _limits(fields)
    fields.finish()
    return NewProject(name=name or "", id=id_, limits=limits or NO_LIMITS)


def project_change(body: JsonObject) -> dict[str, Any]:
    """Read what is to be set of a project. Raises InvalidSubmission."""
    fields = Fields(members=body)
    fields.check_known(tuple(members_of(ProjectChange)))
    said = {"name": fields.text("name", 1, LONGEST_LABEL), "limits": _limits(fields)}
    fields.finish()
    return {name: value for name, value in said.items() if value is not None}


def new_key(body: JsonObject) -> NewKey:
    """Read the body of `POST /api/v1/keys`. Raises InvalidSubmission."""
    fields = Fields(members=body)
    fields.check_known(tuple(members_of(KeyRequest)))
    name = fields.text("name", 1, LONGEST_LABEL, required=True)
    project = fields.text("project", 1, LONGEST_LABEL)
    scopes, limits = _scopes(fields), _limits(fields)
    fields.finish()
    return NewKey(name=name or "", project=project, scopes=scopes, limits=limits or NO_LIMITS)


def key_change(body: JsonObject) -> dict[str, Any]:
    """Read what is to be set of a key. Raises InvalidSubmission."""
    fields = Fields(members=body)
    fields.check_known(tuple(members_of(KeyChange)))
    said = {"name": fields.text("name", 1, LONGEST_LABEL), "scopes": _scopes(fields), "limits": _limits(fields)}
    fields.finish()
    return {name: value for name, value in said.items() if value is not None}


def grace_of(raw: str) -> int:
    """Read how many seconds the secret before stays good. Raises InvalidSubmission."""
    if re.fullmatch(r"[0-9]{1,9}", raw) and int(raw) <= LONGEST_GRACE_S:
        return int(raw)
    raise InvalidSubmission(
        [Problem(field="grace_s", message=RANGE(low=0, high=LONGEST_GRACE_S), value=shorten(raw))]
    )


def limits_of(body: JsonObject) -> Limits:
    """Read limits, for a project or a key. Raises InvalidSubmission; every name begins with `limits.`."""
    fields = Fields(members={"limits": body})
    limits = _limits(fields)
    fields.finish()
    return limits or NO_LIMITS


def _limits(outer: Fields) -> Limits | None:
    """Return the member `limits`; None when it is absent or wrong."""
    if outer.given("limits") is None:
        return None
    fields = Fields(members=outer.json_object("limits"), prefix="limits.")
    fields.check_known(tuple(members_of(LimitsFields)))
    limits = Limits(
        models=_texts(fields, "models", LONGEST_PATTERN),
        spend_per_day_micro=_amounts(fields, "spend_per_day"),
        spend_per_month_micro=_amounts(fields, "spend_per_month"),
        requests_per_minute=fields.whole("requests_per_minute", 0, LARGEST_COUNT),
        pictures_in_flight=fields.whole("pictures_in_flight", 0, LARGEST_COUNT),
        waiting_tasks=fields.whole("waiting_tasks", 0, LARGEST_COUNT),
        addresses=_networks(fields),
        expires_at=_moment(fields, "expires_at"),
    )
    outer.problems += fields.problems
    return limits


def _texts(fields: Fields, name: str, longest: int) -> tuple[str, ...] | None:
    value = fields.given(name)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MOST_ENTRIES:
        fields.report(name, NOT_LIST, most=MOST_ENTRIES)
        return None
    sound = fields.are_sound(
        name,
        value,
        lambda each: isinstance(each, str) and 1 <= len(each) <= longest,
        NOT_LIST,
        most=MOST_ENTRIES,
    )
    return tuple(value) if sound else None


def _scopes(fields: Fields) -> tuple[Scope, ...] | None:
    given = _texts(fields, "scopes", LONGEST_LABEL)
    if given is None:
        return None
    if not fields.are_among("scopes", given, sorted(KEY_SCOPES), NO_SCOPE):
        return None
    return tuple(Scope(each) for each in given)


def _networks(fields: Fields) -> tuple[str, ...] | None:
    found = []
    for text in _texts(fields, "addresses", 50) or ():
        try:
            found.append(str(ip_network(text, strict=False)))
        except ValueError:
            fields.report_entry("addresses", text, NOT_NETWORK, value=text)
    return tuple(found) if fields.given("addresses") is not None else None


def _amounts(fields: Fields, name: str) -> Mapping[str, int]:
    value = fields.given(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        fields.report(name, NOT_AMOUNTS)
        return {}
    inner, amounts = Fields(members=value, prefix=f"{fields.prefix}{name}."), {}
    for currency, amount in value.items():
        try:
            amounts[currency] = amount_micro(amount)
        except (ValueError, TypeError):
            inner.report(currency, NOT_AMOUNT)
    fields.problems += inner.problems
    for currency in value.keys() - CURRENCIES:
        _report_currency(fields, name, currency)
    return amounts


def _report_currency(fields: Fields, name: str, said: str) -> None:
    code = currency_meant(said)
    if code is None:
        fields.report_entry(name, said, NO_CURRENCY, value=shorten(said), common=", ".join(COMMON_CURRENCIES))
    else:
        fields.report_entry(name, said, MEANT_CURRENCY, value=shorten(said), code=code)


def _moment(fields: Fields, name: str) -> datetime | None:
    value = fields.given(name)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
            return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    except (ValueError, TypeError, OverflowError):
        pass
    fields.report(name, NOT_MOMENT)
    return None
