"""The OpenAPI document: what each route says of itself (`documentation`), put together with sanic-ext.

`docs_pages` loads this when somebody first asks for the document: sanic-ext and the schemas would be a quarter of a
start's processor time, and few ever ask.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any

from sanic import Sanic
from sanic_ext.extensions.openapi import definitions as untyped

from danqing_server.access.credentials import KEY_HEADERS
from danqing_server.doors.documentation import Answer, Description, description_of
from danqing_server.doors.schemas import SCHEMAS
from danqing_server.http.cookies import COOKIE
from danqing_server.http.entry import SIGNED_IN_AT
from danqing_server.http.problem_shapes import ErrorShape
from danqing_server.http.problems import PROBLEMS
from danqing_server.http.reports import ProblemReport
from danqing_server.http.routing import PUBLIC, handler_of
from danqing_server.http.shapes import example_of, ref

__all__ = ["document_of"]

definitions: Any = untyped  # sanic-ext says that it has types, and has none here

DESCRIPTION = """\
A self-hosted task server for AI image generation: submit a prompt, get a task id, ask for the result.

A picture is never lost and never paid for twice. Send an `Idempotency-Key` with a submission, and repeating the
request returns the same task. Error codes are explained at [/docs/errors](/docs/errors). With `Accept-Language: en`
the answers are in English.
"""

_PARAMETER = re.compile(r"<(\w+)[^>]*>")
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
EXAMPLE_ID = str(example_of(ErrorShape)["request_id"])
_TITLES = {kind.status: kind for kind in reversed(tuple(PROBLEMS.values()))}


def document_of(app: Sanic[Any, Any]) -> dict[str, Any]:
    """Return the document of an application's routes, as JSON; the same for the same routes."""
    by_cookie = app.ctx.settings.studio
    paths: dict[str, dict[str, Any]] = {}
    for path, method, operation in sorted(_operations(app, by_cookie=by_cookie), key=itemgetter(0, 1)):
        paths.setdefault(path, {})[method] = operation
    tags = {tag for operations in paths.values() for each in operations.values() for tag in each.fields["tags"]}
    document: dict[str, Any] = definitions.OpenAPI(
        definitions.Info(
            "丹青 danqing",
            importlib.metadata.version("danqing"),
            description=DESCRIPTION,
            license=definitions.License("MIT"),
        ),
        {path: definitions.PathItem(**operations) for path, operations in paths.items()},
        tags=[definitions.Tag(name) for name in app.blueprints if name in tags],
        components=definitions.Components(
            schemas=SCHEMAS, securitySchemes={**_SCHEMES, **(_BY_COOKIE if by_cookie else {})}
        ),
    ).serialize()
    return document


def _operations(app: Sanic[Any, Any], *, by_cookie: bool) -> Iterator[tuple[str, str, Any]]:
    """Yield each described operation with its path and method."""
    for route in app.router.routes:
        handler = handler_of(route)
        description = description_of(handler)
        if description is None:
            continue
        path = _PARAMETER.sub(r"{\1}", f"/{route.path}")
        fields = _described(description, route.params.values())
        if route.ctx.needs != PUBLIC:
            cookies = _BY_COOKIE if by_cookie and path.startswith(SIGNED_IN_AT) else ()
            fields["security"] = [*({name: []} for name in (*_SCHEMES, *cookies)), {}]
            fields["responses"] = {**_errors((401, 403, 429), description.refused_as), **fields["responses"]}
        _, blueprint, _ = route.name.split(".", 2)
        names = {"operationId": handler.__name__, "description": handler.__doc__, "tags": [blueprint]}
        for method in route.methods - {"HEAD"}:
            yield path, method.lower(), definitions.Operation(**names, **fields)


def _described(description: Description, in_path: Iterable[Any]) -> dict[str, Any]:
    """Return the fields of an operation whose path has the parameters *in_path*, as Sanic knows them."""
    refused_as = description.refused_as
    told = [definitions.Parameter(**parameter) for parameter in description.parameters]
    named = {parameter.fields["name"] for parameter in told}
    told += [definitions.Parameter.make(each.name, each.cast, "path") for each in in_path if each.name not in named]
    fields: dict[str, Any] = {
        "summary": description.summary,
        "responses": {
            **_errors(sorted({*description.errors, 503}), refused_as),
            **{str(status): _answer(answer) for status, answer in description.answers.items()},
            "default": _error(500, refused_as),
        },
    }
    if told:
        fields["parameters"] = told
    if description.body is not None:
        fields["requestBody"] = {"required": not description.body_optional, "content": _content(description.body)}
    if description.file is not None:
        fields["requestBody"] = {"required": True, "content": _picture_content(description.file)}
    return fields


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


def _errors(statuses: Iterable[int], shape: type) -> dict[str, Any]:
    return {str(status): _error(status, shape) for status in statuses}


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
