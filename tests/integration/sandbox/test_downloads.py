"""The pictures' links over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest

from tests.integration.sandbox.serving import Served, served


class TestLinks:
    """Good for GET, for a while, for one picture."""

    async def test_expire(self, tmp_path: Path) -> None:
        """After its time a link answers 403 in XML."""
        async with served(tmp_path, url_ttl_s=60) as ark:
            (link,) = await ark.links()
            assert (await ark.get(link))[0] == 200
            ark.now_s[0] += 60
            status, body = await ark.get(link)
            assert status == 403
            assert b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in body

    @pytest.mark.parametrize("method", ["HEAD", "POST", "DELETE"])
    async def test_get_only(self, ark: Served, method: str) -> None:
        """Other methods are 403: the signature is for GET."""
        (link,) = await ark.links()
        async with ark.session.request(method, link) as answer:
            assert answer.status == 403

    async def test_bad_signature(self, ark: Served) -> None:
        """A changed signature, and none, are 403."""
        (link,) = await ark.links()
        assert b"SignatureDoesNotMatch" in (await ark.get(link[:-4] + "0000"))[1]
        assert (await ark.get(link.partition("?")[0]))[0] == 403

    async def test_outlive_a_restart_and_a_cleared_ledger(self, tmp_path: Path) -> None:
        """A second sandbox on the same folder serves the same bytes."""
        async with served(tmp_path) as ark:
            (link,) = await ark.links()
            before = await ark.get(link)
            async with ark.session.delete(f"{ark.url}/sandbox/ledger") as answer:
                assert answer.status == 200
        path = link.removeprefix(ark.url)
        async with served(tmp_path) as ark:
            assert await ark.get(ark.url + path) == before

    async def test_forgotten_after_their_time(self, tmp_path: Path) -> None:
        """A restart drops descriptions whose links have expired."""
        async with served(tmp_path) as ark:
            await ark.links("early")
            ark.now_s[0] += 86_000
            (link,) = await ark.links("late")
        async with served(tmp_path, later_s=87_000) as ark:
            assert (await ark.get(ark.url + link[link.index("/doubao") :]))[0] == 200
        kept = (tmp_path / "works.jsonl").read_text().splitlines()
        assert [json.loads(line)["prompt"] for line in kept] == ["late"]


class TestFaults:
    """Downloads that go wrong."""

    @pytest.mark.parametrize("status", [403, 404, 500])
    async def test_status(self, ark: Served, status: int) -> None:
        """The link answers the status, as often as told, and then the picture."""
        (link,) = await ark.links()
        await ark.rule(kind="download_status", status=status)
        assert (await ark.get(link))[0] == status
        assert (await ark.get(link))[0] == 200

    async def test_truncate(self, ark: Served) -> None:
        """The link announces all of the bytes, gives half, and the next time all."""
        (link,) = await ark.links()
        await ark.rule(kind="download_truncate")
        with pytest.raises(aiohttp.ClientPayloadError):
            await ark.get(link)
        assert (await ark.get(link))[0] == 200

    async def test_slow(self, ark: Served) -> None:
        """The first bytes come one by one; the client gives up before the end."""
        (link,) = await ark.links("山水 [sandbox:download-slow]")
        async with ark.session.get(link) as answer:
            assert answer.status == 200
            assert await answer.content.readany() == b"\xff"

    async def test_magic_status(self, ark: Served) -> None:
        """The word in the prompt works without a rule."""
        (link,) = await ark.links("山水 [sandbox:download-status=404 x1]")
        assert [(await ark.get(link))[0] for _ in range(2)] == [404, 200]
