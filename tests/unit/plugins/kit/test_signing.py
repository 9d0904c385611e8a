"""Signatures, against what the vendors' own signers make of the same requests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from danqing_plugins.kit.http import Outgoing
from danqing_plugins.kit.signing import TencentTC3, VolcengineV4

VOLCENGINE = VolcengineV4(
    key_id="AKLTexampleAccessKeyId0001",
    secret="exampleSecretKey+/0123456789abcdefghij==",
    region="cn-north-1",
    service="cv",
    now=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)
TENCENT = TencentTC3(
    key_id="AKIDexampleSecretId0001",
    secret="exampleSecretKey0001",
    service="aiart",
    now=lambda: datetime.fromtimestamp(1767323045, UTC),
)
RESULT = (
    '{"req_key":"jimeng_t2i_v40","task_id":"7392616336519610409",'
    '"req_json":"{\\"return_url\\":true}"}'
)  # fmt: skip


def outgoing(url: str, body: str) -> Outgoing:
    """Return a request as it would be sent."""
    return Outgoing(method="POST", url=url, headers={"Content-Type": "application/json"}, body=body.encode())


class TestVolcengine:
    """Signature V4; vectors of `volcengine` 1.0.229's SignerV4."""

    @pytest.mark.parametrize(
        ("action", "body", "signature"),
        [
            (
                "CVSync2AsyncSubmitTask",
                '{"req_key":"jimeng_t2i_v40","prompt":"a cat"}',
                "c202ff7d79cd4398b62f186e8ed7db8d15d07384dd6d34474844365c3ff0ea4e",
            ),
            (
                "CVSync2AsyncSubmitTask",
                '{"req_key":"jimeng_t2i_v40","prompt":"一只猫"}',
                "ea669c18a0680b07e1175623c25949316ea6b670db8b75f0d5fc514c2133ed54",
            ),
            (
                "CVSync2AsyncGetResult",
                RESULT,
                "302ccc4d4a68235de71f2011d932187e4030b3c205488697b4bd8f275e43920e",
            ),
        ],
    )
    @pytest.mark.parametrize("port", ["", ":443"])
    def test_vector(self, action: str, body: str, signature: str, port: str) -> None:
        """The usual port is no part of the host."""
        url = f"https://visual.volcengineapi.com{port}/?Action={action}&Version=2022-08-31"
        added = VOLCENGINE(outgoing(url, body))
        assert added["X-Date"] == "20260102T030405Z"
        assert added["Authorization"] == (
            "HMAC-SHA256 Credential=AKLTexampleAccessKeyId0001/20260102/cn-north-1/cv/request, "
            f"SignedHeaders=content-type;host;x-content-sha256;x-date, Signature={signature}"
        )

    def test_secret_shows_nowhere(self) -> None:
        """Not even where the signer is logged."""
        assert "exampleSecretKey" not in repr(VOLCENGINE)


class TestTencent:
    """TC3; the vector was checked with Tencent's own signer."""

    def test_vector(self) -> None:
        """Its dates have dashes."""
        added = TENCENT(
            outgoing("https://aiart.tencentcloudapi.com/", '{"Prompt":"a cat","Resolution":"1024:1024"}')
        )
        assert added["X-TC-Timestamp"] == "1767323045"
        assert added["Authorization"] == (
            "TC3-HMAC-SHA256 Credential=AKIDexampleSecretId0001/2026-01-02/aiart/tc3_request, "
            "SignedHeaders=content-type;host, "
            "Signature=7c58180c4b4768a8a4a068977248f597e1223a0bb40a9bce40d5869d18812cbb"
        )
