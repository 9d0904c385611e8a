"""How routes are declared: what each needs, paths are unquoted, bodies are left to the route, and GET answers HEAD.

Who may call a route is said where it is declared, as a scope or as `public`, and seen to before the route runs. One
that says neither cannot be declared, and an application with a route that was not declared here cannot be made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar, cast

import attrs
from sanic import Blueprint, HTTPResponse, Sanic

from danqing_server.errors import DanqingError
from danqing_server.http.entry import let_in, let_in_to_events, let_on
from danqing_server.http.requests import ApiRequest
from danqing_server.records.tenancy import Scope

__all__ = [
    "PUBLIC",
    "DeclaredRoute",
    "declared_routes",
    "handler_of",
    "on_delete",
    "on_get",
    "on_patch",
    "on_post",
    "on_put",
]

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[HTTPResponse | None]])

Enter = Callable[[ApiRequest, Scope], Awaitable[None]]
"""Lets a request in, or refuses it, before its route sees it."""

WhenRefused = Callable[[ApiRequest, DanqingError], Awaitable[None]]
"""Is told of an error that a route, or who lets in, raised, before that is answered."""

PUBLIC = "public"


@attrs.frozen(order=True)
class DeclaredRoute:
    """One route of an application: `path` as `/api/v1/tasks/<task_id>`; `needs` None: it is public."""

    path: str
    method: str
    needs: Scope | None


def on_get(
    routes: Blueprint,
    path: str,
    *,
    needs: Scope | None = None,
    public: bool = False,
    tokens: bool = False,
    goes_on: bool = False,
) -> Callable[[Handler], Handler]:
    """Answer GET and HEAD. *tokens*: an event stream, where a token of the query is taken for a key.

    *goes_on*: whoever comes was sent here by another route, which counted the request.
    """
    enter = let_in_to_events if tokens else let_on if goes_on else let_in
    return _on(routes, path, ("GET", "HEAD"), needs, public, enter)


def on_post(
    routes: Blueprint,
    path: str,
    *,
    needs: Scope | None = None,
    public: bool = False,
    goes_on: bool = False,
    when_refused: WhenRefused | None = None,
) -> Callable[[Handler], Handler]:
    """Answer POST; *goes_on* as with GET."""
    return _on(routes, path, ("POST",), needs, public, let_on if goes_on else let_in, when_refused)


def on_put(
    routes: Blueprint, path: str, *, needs: Scope | None = None, public: bool = False
) -> Callable[[Handler], Handler]:
    """Answer PUT."""
    return _on(routes, path, ("PUT",), needs, public)


def on_patch(
    routes: Blueprint, path: str, *, needs: Scope | None = None, public: bool = False
) -> Callable[[Handler], Handler]:
    """Answer PATCH."""
    return _on(routes, path, ("PATCH",), needs, public)


def on_delete(
    routes: Blueprint, path: str, *, needs: Scope | None = None, public: bool = False
) -> Callable[[Handler], Handler]:
    """Answer DELETE."""
    return _on(routes, path, ("DELETE",), needs, public)


def _on(
    routes: Blueprint,
    path: str,
    methods: tuple[str, ...],
    needs: Scope | None,
    public: bool,
    enter: Enter = let_in,
    when_refused: WhenRefused | None = None,
) -> Callable[[Handler], Handler]:
    if public == (needs is not None):
        raise TypeError(f"{methods[0]} {path}: a route says what scope it needs, or that it is public")

    def declare(handler: Handler) -> Handler:
        # Sanic keeps a body it is not told to ignore in memory, uncounted, before the route may refuse it.
        declared = routes.route(
            path,
            methods=methods,
            unquote=True,
            ignore_body=True,
            name=f"{methods[0].lower()} {path}",
            error_format="json",  # else Sanic reads the handler's source and guesses
            ctx_needs=PUBLIC if needs is None else needs,
        )
        declared(handler if needs is None else _guarded(handler, needs, enter, when_refused))
        return handler

    return declare


def _guarded(handler: Handler, needs: Scope, enter: Enter, when_refused: WhenRefused | None) -> Handler:
    @wraps(handler)
    async def guarded(request: ApiRequest, **named: Any) -> HTTPResponse | None:
        try:
            await enter(request, needs)
            return await handler(request, **named)
        except DanqingError as error:
            if when_refused is not None:
                await when_refused(request, error)
            raise

    return cast("Handler", guarded)


def handler_of(route: Any) -> Callable[..., Any]:
    """Return the function that was declared to answer *route*, one of Sanic's own untyped ones."""
    handler: Callable[..., Any] = getattr(route.handler, "__wrapped__", route.handler)
    return handler


def declared_routes(app: Sanic[Any, Any]) -> tuple[DeclaredRoute, ...]:
    """Return every route of *app*. Raises TypeError for one that was not declared here."""
    found = []
    for route in app.router.routes:
        needs = getattr(route.ctx, "needs", None)
        if needs is None:
            raise TypeError(f"/{route.path} says neither what scope it needs nor that it is public")
        scope = None if needs == PUBLIC else Scope(needs)
        found += [DeclaredRoute(f"/{route.path}", method, scope) for method in route.methods]
    return tuple(sorted(found, key=lambda each: (each.path, each.method)))
