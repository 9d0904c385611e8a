"""Where the dialects are: each found by its folder, imported by the first request for it."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NoReturn

from aiohttp import web
from aiohttp.web_urldispatcher import AbstractRoute, UrlDispatcher, UrlMappingMatchInfo

from danqing_providers.sandbox.dialect import Dialect
from danqing_providers.sandbox.files import send_file
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.keys import DIALECT
from danqing_providers.sandbox.links import FILES, PREFIX

__all__ = ["DIALECTS", "ROOT_DIALECT", "Dialects", "Mount"]

ROOT_DIALECT: Final = "ark"
"""The dialect of paths that have no prefix: the sandbox spoke no other one once."""

_PACKAGE: Final = "danqing_providers.sandbox"
_log = logging.getLogger(__name__)


class Dialects:
    """The dialects by name; *modules* are others than those found, for tests."""

    def __init__(self, house: House, modules: Mapping[str, str] | None = None) -> None:
        self._house = house
        folders = sorted(path.parent.name for path in Path(__file__).parent.glob("*/dialect.py"))
        self._modules = {name: f"{_PACKAGE}.{name}.dialect" for name in folders} | dict(modules or {})
        self.loaded: dict[str, Dialect] = {}

    @property
    def names(self) -> Collection[str]:
        """The names of all, loaded or not."""
        return self._modules.keys()

    def load(self, name: str) -> Dialect:
        """Return the dialect called *name*, imported when it is first asked for. Raises: whatever it raises."""
        if name not in self.loaded:
            module = importlib.import_module(self._modules[name])
            self.loaded[name] = module.create(self._house)
        return self.loaded[name]


DIALECTS: Final = web.AppKey("dialects", Dialects)


class Mount(web.AbstractResource):
    """The paths under one prefix: `/ark`, or the empty one of the root."""

    def __init__(self, dialects: Dialects, name: str, prefix: str) -> None:
        super().__init__()
        self._dialects = dialects
        self._dialect = name
        self._prefix = prefix

    @property
    def canonical(self) -> str:
        """The beginning of all its paths."""
        return self._prefix or "/"

    async def resolve(self, request: web.Request) -> tuple[UrlMappingMatchInfo | None, set[str]]:
        """Return what answers *request*: an error counts, so that it is in the dialect's words."""
        router = self._router
        if (dialect := self._dialects.loaded.get(self._dialect)) is not None:
            request[DIALECT], request[PREFIX] = dialect, self._prefix
            dialect.receive(request)
        return await router.resolve(request), set()

    @cached_property
    def _router(self) -> UrlDispatcher:
        router = UrlDispatcher()
        try:
            routes = list(self._dialects.load(self._dialect).routes())
        except Exception:  # noqa: BLE001 - a dialect that cannot be loaded must not stop the others
            _log.exception("dialect %s cannot be loaded", self._dialect)
            router.add_route("*", self._prefix + "/{path:.*}", _answer_broken)
            return router
        for route in [*routes, web.route("*", f"{FILES}/{{file}}", send_file)]:
            router.add_route(route.method, self._prefix + route.path, route.handler)
        return router

    def url_for(self, **kwargs: str) -> NoReturn:
        """Not for a resource that is many."""
        raise NotImplementedError

    def add_prefix(self, prefix: str) -> NoReturn:
        """Not for the sandbox's own application."""
        raise NotImplementedError

    def get_info(self) -> Any:
        """Return what it is, for a look inside."""
        return {"prefix": self._prefix}

    def raw_match(self, path: str) -> bool:
        """Say that it is no match for adding routes to."""
        return False

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[AbstractRoute]:
        return iter(())


async def _answer_broken(_request: web.Request) -> web.Response:
    return web.Response(status=500, text="This dialect cannot be loaded; the sandbox's log says why.")
