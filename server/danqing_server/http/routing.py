"""How routes are declared: paths are unquoted, bodies are left to the route, and GET answers HEAD."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sanic import Blueprint, HTTPResponse

__all__ = ["on_delete", "on_get", "on_post", "on_put"]

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[HTTPResponse | None]])


def on_get(routes: Blueprint, path: str) -> Callable[[Handler], Handler]:
    """Answer GET and HEAD."""
    return _on(routes, path, ("GET", "HEAD"))


def on_post(routes: Blueprint, path: str) -> Callable[[Handler], Handler]:
    """Answer POST."""
    return _on(routes, path, ("POST",))


def on_put(routes: Blueprint, path: str) -> Callable[[Handler], Handler]:
    """Answer PUT."""
    return _on(routes, path, ("PUT",))


def on_delete(routes: Blueprint, path: str) -> Callable[[Handler], Handler]:
    """Answer DELETE."""
    return _on(routes, path, ("DELETE",))


def _on(routes: Blueprint, path: str, methods: tuple[str, ...]) -> Callable[[Handler], Handler]:
    def declare(handler: Handler) -> Handler:
        # Sanic keeps a body it is not told to ignore in memory, uncounted, before the route may refuse it.
        name = f"{methods[0].lower()} {path}"
        declared = routes.route(path, methods=methods, unquote=True, ignore_body=True, name=name)
        declared(handler)
        return handler

    return declare
