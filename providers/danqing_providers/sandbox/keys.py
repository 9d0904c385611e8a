"""Where handlers find what belongs to the application and to the request."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from danqing_providers.sandbox.dialect import Dialect
from danqing_providers.sandbox.house import House

__all__ = ["DIALECT", "HOUSE", "RECEIVED_S"]

HOUSE: Final = web.AppKey("house", House)
DIALECT: Final = web.RequestKey("dialect", Dialect)
RECEIVED_S: Final = web.RequestKey("received_s", float)
