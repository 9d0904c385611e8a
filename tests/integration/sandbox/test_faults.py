"""Faults on the wire, and what was billed."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from tests.integration.sandbox.serving import Served, served


class TestBeforeBilling:
    """Faults that cost nothing."""

    async def test_status(self, ark: Served) -> None:
        """Any status and code, once, with Retry-After when told."""
        await ark.rule(kind="status", status=429, code="ServerOverloaded", message="Busy.", retry_after_s=3)
        async with ark.post() as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
            error = (await answer.json())["error"]
        assert (error["code"], error["type"]) == ("ServerOverloaded", "TooManyRequests")
        assert error["message"].startswith("Busy. Request id: 02")
        assert (await ark.generate())[0] == 200
        assert len(await ark.ledger()) == 1

    async def test_unwrapped(self, ark: Served) -> None:
        """The bare object of BytePlus."""
        await ark.rule(kind="status", unwrapped=True)
        status, answer = await ark.generate()
        assert (status, answer["code"]) == (500, "InternalServiceError")

    async def test_html(self, ark: Served) -> None:
        """A gateway's page."""
        async with ark.post("x [sandbox:html502]") as answer:
            assert (answer.status, answer.content_type) == (502, "text/html")

    async def test_reset(self, ark: Served) -> None:
        """The connection breaks, nothing is billed."""
        await ark.rule(kind="reset_before_billing")
        with pytest.raises(aiohttp.ClientConnectionError):
            await ark.generate()
        assert await ark.ledger() == []

    async def test_moderation(self, ark: Served) -> None:
        """The prompt is refused."""
        status, answer = await ark.generate("x [sandbox:moderation]")
        assert (status, answer["error"]["code"]) == (400, "InputTextSensitiveContentDetected")

    async def test_reference_timeout(self, ark: Served) -> None:
        """The reference's URL is in the message."""
        await ark.rule(kind="download_timeout_reference")
        status, answer = await ark.generate(image="https://example.com/a.png")
        assert (status, answer["error"]["code"]) == (400, "InvalidParameter")
        assert "Timeout while downloading url=https://example.com/a.png" in answer["error"]["message"]

    async def test_latency(self, ark: Served) -> None:
        """The answer comes late, and the rule is used up: a client that waits less gets nothing."""
        await ark.rule(kind="latency", seconds=30)
        with pytest.raises(TimeoutError):
            async with ark.session.post(
                f"{ark.url}/api/v3/images/generations",
                json={"model": "doubao-seedream-4-0-250828", "prompt": "x"},
                timeout=aiohttp.ClientTimeout(total=0.1),
            ):
                pass
        assert (await ark.generate())[0] == 200

    async def test_mistaken_word(self, ark: Served) -> None:
        """A mistyped word is told, with where those stand that there are, and not painted."""
        status, answer = await ark.generate("x [sandbox:fial]")
        assert status == 400
        assert "docs/sandbox.md" in answer["error"]["message"]


class TestAfterBilling:
    """Faults in which the client cannot know that it has paid."""

    async def test_reset(self, ark: Served) -> None:
        """The connection breaks; the image is in the ledger."""
        await ark.rule(kind="reset_after_billing")
        with pytest.raises(aiohttp.ClientConnectionError):
            await ark.generate()
        assert len(await ark.ledger()) == 1

    async def test_truncate(self, ark: Served) -> None:
        """The body ends in the middle; the image is in the ledger."""
        await ark.rule(kind="truncate")
        with pytest.raises(aiohttp.ClientPayloadError):
            await ark.generate()
        assert len(await ark.ledger()) == 1

    async def test_stall(self, ark: Served) -> None:
        """Headers arrive, then nothing; the image is in the ledger."""
        await ark.rule(kind="stall", seconds=0.05)
        async with ark.post() as answer:
            assert answer.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
        assert len(await ark.ledger()) == 1

    async def test_slow(self, ark: Served) -> None:
        """The body comes byte by byte, and whole."""
        await ark.rule(kind="slow", seconds=0)
        status, answer = await ark.generate()
        assert (status, len(answer["data"])) == (200, 1)


class TestControl:
    """The rules over HTTP."""

    async def test_list_and_drop(self, ark: Served) -> None:
        """Rules are listed with what they did, and dropped together."""
        await ark.rule(kind="html_502", prompt="cat", times=2)
        async with ark.post("a cat"), ark.session.get(f"{ark.url}/sandbox/faults") as answer:
            (rule,) = await answer.json()
        assert (rule["kind"], rule["struck"], rule["left"]) == ("html_502", 1, 1)
        async with ark.session.delete(f"{ark.url}/sandbox/faults"):
            assert (await ark.generate("a cat"))[0] == 200

    @pytest.mark.parametrize("body", [b"{}", b"[{}]", b"no", b'[{"kind":"slow","x":1}]'])
    async def test_mistakes(self, ark: Served, body: bytes) -> None:
        """A rule that is not understood is 400, and none of its list is in force."""
        async with ark.session.post(f"{ark.url}/sandbox/faults", data=body) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]

    async def test_switched_off(self, tmp_path: Path) -> None:
        """With `--no-control` there is neither ledger nor fault to be seen; magic words still work."""
        async with served(tmp_path, control=False) as ark:
            for path in ("ledger", "faults"):
                assert (await ark.get(f"{ark.url}/sandbox/{path}"))[0] == 404
            assert (await ark.generate("x [sandbox:fail]"))[0] == 500
