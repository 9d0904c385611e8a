"""What 即梦 refuses: its simulator refuses it too."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from danqing_plugins import InvalidRequest
from danqing_providers.jimeng import plugin
from danqing_providers.jimeng.orders import action, service_at
from tests.integration.sandbox.serving import Served, served
from tests.support.providers import picture

EDIT, FILM = "jimeng_i2i_v30", "jimeng_ti2v_v30_pro"


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Served]:
    """A simulator that takes no time."""
    async with served(tmp_path, queued_s=0.0, running_s=0.0) as running:
        yield running


async def submit(sandbox: Served, **body: Any) -> None:
    """Submit a task. Raises InvalidRequest: it is refused."""
    service = service_at(f"{sandbox.url}/jimeng", *plugin.SANDBOX_KEYS, 20)
    await service.post(sandbox.session, "/", {"prompt": "山水", **body}, params=action("CVSync2AsyncSubmitTask"))


def sent(width: int, height: int) -> list[str]:
    """Return a picture as it is sent."""
    return [base64.b64encode(picture(width, height)).decode()]


class TestRefusals:
    """By `Input invalid for this service`."""

    @pytest.mark.parametrize(
        "body",
        [
            {"req_key": EDIT, "binary_data_base64": sent(64, 64), "width": 511, "height": 1024},
            {"req_key": EDIT, "binary_data_base64": sent(64, 64), "width": 1024, "height": 2017},
            {"req_key": EDIT, "binary_data_base64": sent(64, 64), "scale": 1.5},
            {"req_key": EDIT, "binary_data_base64": sent(64, 200)},
            {"req_key": EDIT, "binary_data_base64": ["not a picture"]},
            {"req_key": "jimeng_t2i_v40", "scale": -0.1},
            {"req_key": "jimeng_seedream46_cvtob", "scale": 0.5},
            {"req_key": "jimeng_seedream46_cvtob", "scale": 101},
            {"req_key": FILM, "binary_data_base64": sent(640, 319)},
        ],
    )
    async def test_each_limit_is_kept(self, sandbox: Served, body: dict[str, Any]) -> None:
        """No task is made."""
        with pytest.raises(InvalidRequest) as caught:
            await submit(sandbox, **body)
        assert caught.value.code == "50215"
        assert await sandbox.ledger() == []

    async def test_what_is_within_them_is_taken(self, sandbox: Served) -> None:
        """To the pixel."""
        await submit(sandbox, req_key=EDIT, binary_data_base64=sent(64, 192), width=512, height=2016, scale=1)
        await submit(sandbox, req_key="jimeng_seedream46_cvtob", scale=100, force_single=True)
        await submit(sandbox, req_key=FILM, binary_data_base64=sent(640, 320))
