"""The HTTP API, as for the tests of single tasks, and many tasks at once."""

from __future__ import annotations

from tests.integration.api.conftest import api, open_api

__all__ = ["api", "open_api"]
