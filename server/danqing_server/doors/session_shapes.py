"""Signing in to the studio, as it is sent and taken."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from danqing_server.doors.body_shapes import LONGEST_USER_ID, PLAIN
from danqing_server.http.shapes import Moment, said
from danqing_server.records.tenancy import Scope

__all__ = ["MeShape", "SessionListShape", "SessionShape", "SignInRequest"]

_SESSION = f"ses_{'9f86d081884c7d659a2feaa0c55ad015' * 2}"


class SignInRequest(TypedDict):
    """Who signs in."""

    key: Annotated[str, said("an API key", "dq_key_4Q3xR0vN7mZk2WcT9hYb5LsP1dJg8FaE0kX2pq")]
    user_id: NotRequired[
        Annotated[
            str,
            said(
                "who makes what is made; `studio` unless said",
                "lin",
                minLength=1,
                maxLength=LONGEST_USER_ID,
                **PLAIN,
            ),
        ]
    ]


class SessionShape(TypedDict):
    """A browser that is signed in."""

    id: Annotated[str, said("good for ending it, and for nothing else", _SESSION)]
    user_id: Annotated[str, said("who signed in", "lin")]
    key: Annotated[str, said("with which key", "shop")]
    project: Annotated[str, said("whose key it is", "shop")]
    created_at: Moment
    seen_at: Annotated[Moment, said("its last use, to the minute")]
    expires_at: Annotated[Moment, said("its end, unless it is used before")]
    address: Annotated[str, said("where it was signed in from; of IPv6 the network", "10.0.0.7")]
    agent: Annotated[str | None, said("what the browser called itself", "Mozilla/5.0")]
    current: Annotated[bool, said("it is the one that asks", True)]


class SessionListShape(TypedDict):
    """Who is signed in with the same key; for an administrator with any."""

    sessions: list[SessionShape]


class MeShape(TypedDict):
    """Who asks, and what it may do here."""

    needs_key: Annotated[bool, said("this server asks for a key", True)]
    signed_in: Annotated[bool, said("there is somebody: by cookie, by key, or because no key is asked for", True)]
    name: Annotated[str | None, said("the `user_id` of what the studio makes", "lin")]
    project: Annotated[str | None, said("what people call the project", "shop")]
    key: Annotated[str | None, said("what people call the key", "till")]
    scopes: Annotated[list[Scope], said("what it may do", ["generate", "read"])]
    operator: Annotated[bool, said("it keeps the lanes running", False)]
    viewer: Annotated[bool, said("it sees costs alone", False)]
    sandbox: Annotated[bool, said("all providers are simulated: nothing costs anything", False)]
    zone: Annotated[
        str | None, said("by whose days spending is counted; null: nobody chose one, it is UTC", "Asia/Shanghai")
    ]
    idempotency_kept_s: Annotated[
        float, said("for how long an `Idempotency-Key` is remembered, in seconds", 86400.0)
    ]
    session: Annotated[SessionShape | None, said("null: not by cookie", None)]
