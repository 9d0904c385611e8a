"""Projects, keys, their limits and the audit log, as they are sent and taken."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from danqing_plugins.currencies import CURRENCIES
from danqing_server.doors.body_shapes import PLAIN
from danqing_server.http.shapes import Moment, closed, said
from danqing_server.records.tenancy import KEY_SCOPES
from danqing_server.settings.values import AMOUNT

__all__ = [
    "LARGEST_COUNT",
    "LONGEST_GRACE_S",
    "LONGEST_LABEL",
    "MOST_ENTRIES",
    "AuditListShape",
    "AuditShape",
    "KeyChange",
    "KeyListShape",
    "KeyRequest",
    "KeyShape",
    "LimitsFields",
    "LimitsShape",
    "NewKeyShape",
    "ProjectChange",
    "ProjectListShape",
    "ProjectRequest",
    "ProjectShape",
    "SecretShape",
]

LONGEST_LABEL = 100
LONGEST_PATTERN = 200
LARGEST_COUNT = 10**9
MOST_ENTRIES = 100
LONGEST_GRACE_S = 30 * 86400

_SCOPES = sorted(KEY_SCOPES)
_PROJECT = "prj_019ab3f2c1d40123456789abcdef0123"
_KEY = "key_019ab3f2c1d40123456789abcdef0123"

_Label = Annotated[
    str,
    said(
        "what people call it",
        "web shop",
        minLength=1,
        maxLength=LONGEST_LABEL,
        **PLAIN,
    ),
]
_Amounts = Annotated[
    dict[str, Annotated[str, said("", pattern=AMOUNT)]],
    said(
        "decimal text by currency; one that is not named is not limited",
        {"CNY": "100.00"},
        propertyNames={"enum": sorted(CURRENCIES)},
    ),
]
_Count = Annotated[int, said("0: none", 60, minimum=0, maximum=LARGEST_COUNT)]
_Scopes = Annotated[
    list[Annotated[str, said("", "generate", enum=_SCOPES)]],
    said("`admin` and `generate` exclude each other", ["generate", "read"], minItems=1, maxItems=20),
]
_Patterns = Annotated[
    list[Annotated[str, said("", "doubao-*", minLength=1, maxLength=LONGEST_PATTERN)]],
    said("patterns, of which a model has to match one; empty: no model", maxItems=MOST_ENTRIES),
]
_BYTE, _GROUP = "(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])", "[0-9A-Fa-f]{1,4}"
_IPV4 = rf"({_BYTE}\.){{3}}{_BYTE}(/([12]?[0-9]|3[0-2]))?"
_SHORTENED = "|".join(
    f"({_GROUP}:){{1,{before}}}(:{_GROUP}){{1,{7 - before}}}" for before in range(1, 7)
)  # each with `::` somewhere inside
_IPV6 = (
    f"(({_GROUP}:){{7}}{_GROUP}|{_SHORTENED}|({_GROUP}:){{1,7}}:|:(:{_GROUP}){{1,7}}|::)"
    "(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?"
)
_Networks = Annotated[
    list[Annotated[str, said("an address, or a network", "10.0.0.0/8", pattern=f"^({_IPV4}|{_IPV6})$")]],
    said("of which the client's address has to be in one; empty: nowhere", maxItems=MOST_ENTRIES),
]


class LimitsShape(TypedDict):
    """What bounds a project or a key; what is null is not limited."""

    models: _Patterns | None
    spend_per_day: _Amounts | None
    spend_per_month: _Amounts | None
    requests_per_minute: _Count | None
    pictures_in_flight: _Count | None
    waiting_tasks: _Count | None
    addresses: _Networks | None
    expires_at: Moment | None


@closed
class LimitsFields(TypedDict):
    """What is to bound a project or a key; what is left out is not limited."""

    models: NotRequired[_Patterns | None]
    spend_per_day: NotRequired[_Amounts | None]
    spend_per_month: NotRequired[_Amounts | None]
    requests_per_minute: NotRequired[_Count | None]
    pictures_in_flight: NotRequired[_Count | None]
    waiting_tasks: NotRequired[_Count | None]
    addresses: NotRequired[_Networks | None]
    expires_at: NotRequired[Moment | None]


class ProjectShape(TypedDict):
    """Who owns tasks, users and webhooks, and has keys."""

    id: Annotated[str, said("the owner of its tasks", _PROJECT)]
    name: _Label
    limits: LimitsShape
    created_at: Moment
    created_by: Annotated[str, said("a key, or a person at the command line", "cli:root")]
    archived_at: Annotated[Moment | None, said("null while its keys are good")]


class ProjectListShape(TypedDict):
    """A page of projects, in the order they were made."""

    projects: list[ProjectShape]
    next_cursor: Annotated[str | None, said("null on the last page", None)]


@closed
class ProjectRequest(TypedDict):
    """A new project."""

    name: _Label
    id: NotRequired[
        Annotated[
            str | None,
            said(
                "a name of DANQING_API_KEYS that this record is to be of",
                pattern=r"^(?!(prj|key)_[0-9a-f]{32}$)[A-Za-z0-9_.-]{1,64}$",
            ),
        ]
    ]
    limits: NotRequired[LimitsFields | None]


@closed
class ProjectChange(TypedDict):
    """What is to change of a project; `limits` takes the place of all that were."""

    name: NotRequired[Annotated[str | None, said("another name", minLength=1, maxLength=LONGEST_LABEL, **PLAIN)]]
    limits: NotRequired[LimitsFields | None]


class SecretShape(TypedDict):
    """One secret of a key, as far as it is shown."""

    shown: Annotated[str, said("its beginning and end", "dq_key_4Q3x…X2pq")]
    created_at: Moment
    good_until: Annotated[Moment | None, said("null for the newest")]


class KeyShape(TypedDict):
    """A key of a project. Its secret is shown once, when it is made."""

    id: Annotated[str, said("stays the same when the key is rotated", _KEY)]
    project: Annotated[str, said("its id", _PROJECT)]
    name: _Label
    scopes: _Scopes
    secrets: Annotated[list[SecretShape], said("the newest first")]
    limits: LimitsShape
    state: Annotated[str, said("", "active", enum=["active", "expired", "revoked"])]
    created_at: Moment
    created_by: Annotated[str, said("a key, or a person at the command line", "cli:root")]
    revoked_at: Annotated[Moment | None, said("null: it is not")]
    last_used_at: Annotated[Moment | None, said("to the minute; null: never")]


class NewKeyShape(TypedDict):
    """A key with its new secret: keep it, it is shown only here."""

    key: KeyShape
    secret: Annotated[
        str, said("send it as `Authorization: Bearer`", "dq_key_4Q3xR0vN7mZk2WcT9hYb5LsP1dJg8FaE0kX2pq")
    ]


class KeyListShape(TypedDict):
    """A page of keys, in the order they were made."""

    keys: list[KeyShape]
    next_cursor: Annotated[str | None, said("null on the last page", None)]


@closed
class KeyRequest(TypedDict):
    """A new key."""

    name: _Label
    project: NotRequired[
        Annotated[
            str | None,
            said(
                "id or name; an administrator's own when missing",
                "shop",
                minLength=1,
                maxLength=LONGEST_LABEL,
                **PLAIN,
            ),
        ]
    ]
    scopes: NotRequired[_Scopes | None]
    limits: NotRequired[LimitsFields | None]


@closed
class KeyChange(TypedDict):
    """What is to change of a key; `limits` takes the place of all that were."""

    name: NotRequired[Annotated[str | None, said("another name", minLength=1, maxLength=LONGEST_LABEL, **PLAIN)]]
    scopes: NotRequired[_Scopes | None]
    limits: NotRequired[LimitsFields | None]


class AuditShape(TypedDict):
    """Something an administrator did, or tried to."""

    id: Annotated[str, said("sorts by time", "019ab3f2c1d40123456789abcdef0123")]
    at: Moment
    actor: Annotated[str, said("a key's id, or a person at the command line", "cli:root")]
    action: Annotated[str, said("", "key.rotated")]
    subject: Annotated[str, said("what was changed", _KEY)]
    project: Annotated[str | None, said("its id", _PROJECT)]
    changed: Annotated[dict[str, Any], said("what was set, as it is stored", {})]


class AuditListShape(TypedDict):
    """A page of the audit log, newest first."""

    entries: list[AuditShape]
    next_cursor: Annotated[str | None, said("null on the last page", None)]
