"""What a dialect is: one service's paths and words over the house that all share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from aiohttp import web

from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.troubles import Refusal

__all__ = ["Dialect"]


class Dialect(ABC):
    """One service as it answers on the wire. How to write one: README.md beside this file.

    A dialect is the module `danqing_providers.sandbox.<name>.dialect` with a function `create(house) -> Dialect`;
    it is imported by the first request under `/<name>`.
    """

    name: ClassVar[str]
    """Its folder, its prefix, and what the ledger calls it."""

    root_paths: ClassVar[tuple[str, ...]] = ()
    """The beginnings of paths that it answers without its prefix too."""

    def __init__(self, house: House) -> None:
        self.house = house

    @abstractmethod
    def routes(self) -> Iterable[web.RouteDef]:
        """Return its routes, paths without the prefix."""

    @abstractmethod
    def refuse(self, request: web.Request, refusal: Refusal) -> web.Response:
        """Return the answer that says *refusal*, a `Trouble` or an error of the dialect's own, in its words."""

    def receive(self, request: web.Request) -> None:  # noqa: B027 - nothing is what most dialects prepare
        """Prepare *request* before its handler: give it ids. Also called for paths that do not exist."""

    def headers(self, request: web.Request) -> Mapping[str, str]:
        """Return the headers that every answer to *request* carries."""
        return {}

    async def close(self) -> None:  # noqa: B027 - nothing runs in most dialects
        """Stop what runs beside the requests; the sandbox ends."""

    def describe(self) -> Mapping[str, Any]:
        """Return what `GET /sandbox` says of it."""
        return {}
