"""The OpenAPI document: what each route's declaration says, gathered by sanic-ext."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import attrs
from sanic import Sanic
from sanic_ext import Extend
from sanic_ext.extensions.openapi.builders import OperationStore, SpecificationBuilder
from sanic_ext.extensions.openapi.definitions import Parameter
from sanic_ext.extensions.openapi.extension import OpenAPIExtension

from danqing_server.access.credentials import KEY_HEADERS
from danqing_server.doors.schemas import SCHEMAS
from danqing_server.http.cookies import COOKIE
from danqing_server.http.entry import SIGNED_IN_AT
from danqing_server.http.problem_shapes import ErrorShape
from danqing_server.http.problems import PROBLEMS
from danqing_server.http.reports import ProblemReport
from danqing_server.http.routing import PUBLIC, handler_of
from danqing_server.http.shapes import example_of, ref

__all__ = ["ANY_FILE", "Answer", "described", "install_openapi", "query", "undescribed"]

T = TypeVar("T", bound=Callable[..., Any])

DESCRIPTION = """\
A self-hosted task server for AI image generation: submit a prompt, get a task id, ask for the result.

A picture is never lost and never paid for twice. Send an `Idempotency-Key` with a submission, and repeating the
request returns the same task. Error codes are explained at [/docs/errors](/docs/errors). With `Accept-Language: en`
the answers are in English.
"""

ANY_FILE = "*/*"
"""The media type of a file that is whatever a task made: a picture, a video, a sound."""

DOCUMENT = "/openapi.json"
_SCHEMES: Mapping[str, Mapping[str, str]] = {
    "api_key": {"type": "http", "scheme": "bearer", "description": "needed as soon as this server has any key"},
    **{
        name.replace("-", "_"): {"type": "apiKey", "in": "header", "name": name, "description": "the same key"}
        for name in KEY_HEADERS
    },
    "basic": {"type": "http", "scheme": "basic", "description": "the same key, as password"},
}
_BY_COOKIE = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "who is signed in to the studio. By TLS its name begins with `__Host-`, and a port that the "
        "browser names stands at its end. Changes need an `Origin` that is the server's own, and the header "
        "`X-Danqing-Studio: 1`",
    }
}
_REFUSED_AS = "refused_as"
EXAMPLE_ID = str(example_of(ErrorShape)["request_id"])
_TITLES = {kind.status: kind for kind in reversed(tuple(PROBLEMS.values()))}


class _Document(OpenAPIExtension):  # type: ignore[no-untyped-call] # sanic-ext has no types here
    """sanic-ext's extension without its pages: they load their scripts from public hosts."""

    name = "document"

    def label(self) -> str:
        """Return nothing for the start-up banner; the link it would show is one of those pages."""
        return ""


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


CURSOR = query("cursor", "next_cursor of the page before", type="string")

KEY_HEADER: Mapping[str, Any] = {
    "name": "Idempotency-Key",
    "location": "header",
    "description": "repeating the request with the same key returns the same task",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\u0021-\u007e]+$"},
}


def described(
    summary: str,
    answers: Mapping[int, Answer],
    *,
    errors: Sequence[int] = (),
    body: type | None = None,
    file: str | None = None,
    parameters: Sequence[Mapping[str, Any]] = (),
    refused_as: type = ErrorShape,
) -> Callable[[T], T]:
    """Say what a route does, in the OpenAPI document. Who may call it is said by `routing`.

    *body* is a shape, and so is *refused_as*: that of the errors. *file*: the body is a picture, or a form that
    holds it under that name.
    """

    def describe(handler: T) -> T:
        operation = OperationStore()[handler]  # type: ignore[no-untyped-call] # sanic-ext has no types here
        operation.name(handler.__name__)
        operation.describe(summary, handler.__doc__)
        operation.disable_autodoc()
        for parameter in parameters:
            operation.parameters.append(Parameter(**parameter))
        if body is not None:
            operation.requestBody = {"required": True, "content": _content(body)}
        if file is not None:
            operation.requestBody = {"required": True, "content": _picture_content(file)}
        operation.responses = {
            **{str(status): _error(status, refused_as) for status in sorted({*errors, 503})},
            **{str(status): _answer(answer) for status, answer in answers.items()},
            "default": _error(500, refused_as),
        }
        setattr(handler, _REFUSED_AS, refused_as)
        return handler

    return describe


def undescribed(handler: T) -> T:
    """Leave a route out of the OpenAPI document: it is for people."""
    OperationStore()[handler].exclude()  # type: ignore[no-untyped-call] # sanic-ext has no types here
    return handler


def install_openapi(app: Sanic[Any, Any], *, by_cookie: bool) -> None:
    """Serve the document of *app*'s routes at `/openapi.json`; *by_cookie*: people may sign in, too."""
    SpecificationBuilder.reset()  # type: ignore[no-untyped-call] # sanic-ext has no types here
    Extend(
        app,
        extensions=[_Document],
        built_in_extensions=False,
        config={
            "oas_url_prefix": "",
            "oas_uri_to_json": DOCUMENT,
            "oas_ui_redoc": False,
            "oas_ui_swagger": False,
            "oas_ui_default": None,
        },
    )
    document = SpecificationBuilder()
    document.describe("丹青 danqing", importlib.metadata.version("danqing"), DESCRIPTION)
    document.license("MIT")
    for name, schema in SCHEMAS.items():
        document.add_component("schemas", name, schema)
    schemes = {**_SCHEMES, **(_BY_COOKIE if by_cookie else {})}
    for name, scheme in schemes.items():
        document.add_component("securitySchemes", name, scheme)
    _describe_needs(app, by_cookie=by_cookie)


def _describe_needs(app: Sanic[Any, Any], *, by_cookie: bool) -> None:
    """Say of each route what its declaration does: who may call it, and how others are refused."""
    operations = OperationStore()  # type: ignore[no-untyped-call] # sanic-ext has no types here
    for route in app.router.routes:
        if f"/{route.path}" == DOCUMENT:
            route.ctx.needs = PUBLIC
        operation = operations[route.handler] = operations[handler_of(route)]
        if getattr(route.ctx, "needs", PUBLIC) != PUBLIC:
            cookies = _BY_COOKIE if by_cookie and f"/{route.path}".startswith(SIGNED_IN_AT) else ()
            operation.security = [*({name: []} for name in (*_SCHEMES, *cookies)), {}]
            shape = getattr(handler_of(route), _REFUSED_AS, ErrorShape)
            refused = {str(status): _error(status, shape) for status in (401, 403, 429)}
            operation.responses = {**refused, **operation.responses}


def _content(shape: type, *, listed: bool = False) -> dict[str, Any]:
    if listed:
        schema = {"type": "array", "items": ref(shape)}
        return {"application/json": {"schema": schema, "example": [example_of(shape)]}}
    return {"application/json": {"schema": ref(shape), "example": example_of(shape)}}


def _picture_content(file: str) -> dict[str, Any]:
    binary = {"type": "string", "format": "binary"}
    form = {"type": "object", "required": [file], "properties": {file: binary}}
    return {"image/*": {"schema": binary}, "multipart/form-data": {"schema": form}}


def _answer(answer: Answer) -> dict[str, Any]:
    if answer.empty:
        return {"description": answer.description}
    if answer.is_stream and answer.shape is not None:
        told = f"`data:` {answer.shape.__name__.removesuffix('Shape')}"
        streamed = {"schema": {"type": "string", "description": told}}
        return {"description": answer.description, "content": {"text/event-stream": streamed}}
    if answer.shape is None:
        binary = {"schema": {"type": "string", "format": "binary"}}
        return {"description": answer.description, "content": {answer.media_type: binary}}
    if not answer.enveloped:
        events = {"text/event-stream": {"schema": {"type": "string"}}} if answer.streams else {}
        return {
            "description": answer.description,
            "content": {**_content(answer.shape, listed=answer.listed), **events},
        }
    schema = {
        "type": "object",
        "required": ["success", "data", "message"],
        "properties": {
            "success": {"type": "boolean"},
            "data": ref(answer.shape),
            "message": {"type": "string"},
            **({"error": {"type": "string"}} if answer.may_fail else {}),
        },
    }
    example = {"success": True, "data": example_of(answer.shape), "message": answer.description}
    table = {"text/csv": {"schema": {"type": "string"}}} if answer.tabular else {}
    content = {"application/json": {"schema": schema, "example": example}, **table}
    return {"description": answer.description, "content": content}


def _error(status: int, shape: type) -> dict[str, Any]:
    kind = _TITLES[status]
    description = f"{kind.title.zh} · {kind.title.en}" if status != 500 else "其他错误 · any other error"
    report = ProblemReport(
        status=status,
        code=kind.code,
        title=kind.title.zh,
        message=kind.message.zh,
        retryable=kind.retryable,
    )
    example = report.body(EXAMPLE_ID) if shape is ErrorShape else example_of(shape)
    content = {"schema": ref(shape), "example": example}
    return {"description": description, "content": {"application/json": content}}
