"""The HTTP API, as for the tests of single tasks, and a shelf of pictures in the store."""

from __future__ import annotations

import pytest

from tests.integration.api.conftest import Client, api, open_api
from tests.support.shelf import Shelf

__all__ = ["api", "open_api"]


@pytest.fixture
def shelf(api: Client) -> Shelf:
    """The pictures of `api`'s server, to be filled."""
    return Shelf(api.services.store, api.services.assets)
