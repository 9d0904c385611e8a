"""What a route says of itself, where it is declared: the OpenAPI document is made of it (`openapi`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import attrs

from danqing_server.doors.body_shapes import PLAIN
from danqing_server.http.problem_shapes import ErrorShape

__all__ = ["ANY_FILE", "Answer", "Description", "described", "description_of", "plain_query", "query"]

T = TypeVar("T", bound=Callable[..., Any])

ANY_FILE = "*/*"
"""The media type of a file that is whatever a task made: a picture, a video, a sound."""

_DESCRIPTION = "__danqing_description__"


@attrs.frozen(kw_only=True)
class Answer:
    """One kind of answer. `shape` is one of those in `schemas`, and stands in `data` when `enveloped`.

    None is bytes of *media_type*, or nothing at all when *empty*. *may_fail*: beside `data` there may
    be an `error`, in words. *streams*: it may be a stream of events instead; *is_stream*: it is one, and the
    data of each event is a shape. *listed*: a list of the shape. *tabular*: it may be a table as CSV instead.
    """

    description: str
    shape: type | None
    enveloped: bool = True
    empty: bool = False
    may_fail: bool = False
    media_type: str = "image/*"
    streams: bool = False
    is_stream: bool = False
    listed: bool = False
    tabular: bool = False


def query(name: str, description: str, *, required: bool = False, **schema: Any) -> dict[str, Any]:
    """Return a query parameter."""
    found = {"name": name, "location": "query", "description": description, "schema": schema}
    return {**found, "required": True} if required else found


def plain_query(name: str, description: str, most: int) -> dict[str, Any]:
    """Return a query parameter that is text of at most *most* characters, none of them a control character."""
    return query(name, description, type="string", minLength=1, maxLength=most, pattern=PLAIN["pattern"])


CURSOR = query("cursor", "next_cursor of the page before", type="string")

KEY_HEADER: Mapping[str, Any] = {
    "name": "Idempotency-Key",
    "location": "header",
    "description": "repeating the request with the same key returns the same task",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\u0021-\u007e]+$"},
}


@attrs.frozen(kw_only=True)
class Description:
    """What a route does: the answers and errors it gives by status, what it takes, and the shape of its errors."""

    summary: str
    answers: Mapping[int, Answer]
    errors: Sequence[int]
    body: type | None
    body_optional: bool
    file: str | None
    parameters: Sequence[Mapping[str, Any]]
    refused_as: type


def described(
    summary: str,
    answers: Mapping[int, Answer],
    *,
    errors: Sequence[int] = (),
    body: type | None = None,
    body_optional: bool = False,
    file: str | None = None,
    parameters: Sequence[Mapping[str, Any]] = (),
    refused_as: type = ErrorShape,
) -> Callable[[T], T]:
    """Say what a route does, in the OpenAPI document; one that is not described is not in it, being for people.

    Who may call a route is said by `routing`. *body* is a shape, and so is *refused_as*: that of the errors.
    *body_optional*: there may be none, as when it has no members.
    *file*: the body is a picture, or a form that holds it under that name.
    """
    description = Description(
        summary=summary,
        answers=answers,
        errors=errors,
        body=body,
        body_optional=body_optional,
        file=file,
        parameters=parameters,
        refused_as=refused_as,
    )

    def describe(handler: T) -> T:
        setattr(handler, _DESCRIPTION, description)
        return handler

    return describe


def description_of(handler: Callable[..., Any]) -> Description | None:
    """Return what the route that *handler* answers says of itself; None when it is not described."""
    return getattr(handler, _DESCRIPTION, None)
