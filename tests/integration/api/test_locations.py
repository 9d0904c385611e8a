"""Where answers lead, of a server that its proxy has under a path of its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

import pytest

from tests.integration.api.conftest import Open

PUBLIC = "https://images.example.com/danqing"
TASK = {"type": "image", "model": "one", "input": {"prompt": "a hill"}, "user_id": "u"}
HOOK = {"url": "http://127.0.0.1:9/hook"}


@pytest.mark.parametrize(
    ("path", "body", "led"),
    [
        ("/api/v1/ai/tasks", TASK, "/api/v1/tasks/"),
        ("/api/v1/ai/image/task", {"prompt": "a hill", "user_id": "u"}, "/api/v1/tasks/"),
        ("/api/v1/batches", {"tasks": [TASK]}, "/api/v1/batches/"),
        ("/api/v1/users", {"email": "a@example.com", "name": "Zhang"}, "/api/v1/users/"),
        ("/api/v1/webhooks", HOOK, "/api/v1/webhooks/"),
        ("/v1/images/generations/async", {"prompt": "a hill"}, "/v1/images/tasks/"),
    ],
)
async def test_what_was_made_is_found_there(open_api: Open, path: str, body: dict[str, Any], led: str) -> None:
    """As its client sees the server, and not outside of it."""
    async with open_api(PUBLIC_BASE_URL=PUBLIC, DANQING_WEBHOOK_TARGETS="127.0.0.1") as api:
        made = await api.ask("POST", path, json=body)
        assert made.status in (201, 202), made.body
        assert urljoin(PUBLIC + path, made.headers["Location"]).startswith(PUBLIC + led)


async def test_a_browser_is_led_to_the_studio_there(open_api: Open) -> None:
    """From the front page."""
    async with open_api(PUBLIC_BASE_URL=PUBLIC) as api:
        led = await api.ask("GET", "/", headers={"Accept": "text/html"}, allow_redirects=False)
        assert urljoin(f"{PUBLIC}/", led.headers["Location"]) == f"{PUBLIC}/studio/"
