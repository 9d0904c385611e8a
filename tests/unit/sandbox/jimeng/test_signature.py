"""The simulator's check of signatures, against what the vendor's own signer made."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from danqing_providers.sandbox.jimeng.signature import key_id_of, matches

SECRET = "exampleSecretKey+/0123456789abcdefghij=="
QUERY = "Action=CVSync2AsyncSubmitTask&Version=2022-08-31"
CAT = '{"req_key":"jimeng_t2i_v40","prompt":"a cat"}'
ALL = "content-type;host;x-content-sha256;x-date"
SIGNED = "c202ff7d79cd4398b62f186e8ed7db8d15d07384dd6d34474844365c3ff0ea4e"
SHA256 = "ddcc4dcb0991020b69b5bf1e2c912f4e7bc139c7e3d8522da59d83db09fb9fcc"


def headers(signature: str, names: str, sha256: str = SHA256) -> CIMultiDict[str]:
    """Return the headers of a signed request."""
    scope = "AKLTexampleAccessKeyId0001/20260102/cn-north-1/cv/request"
    return CIMultiDict(
        {
            "Content-Type": "application/json",
            "Host": "visual.volcengineapi.com",
            "X-Date": "20260102T030405Z",
            "X-Content-Sha256": sha256,
            "Authorization": f"HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}",
        }
    )


class TestVectors:
    """Of `volcengine` 1.0.229."""

    @pytest.mark.parametrize(
        ("body", "sha256", "names", "signature"),
        [
            (CAT, SHA256, ALL, SIGNED),
            (
                '{"req_key":"jimeng_t2i_v40","prompt":"一只猫"}',
                "bd3d463a0f82af44b7c9709777ef246cc1ebc9fb04e116d28d1fda308d076fcb",
                ALL,
                "ea669c18a0680b07e1175623c25949316ea6b670db8b75f0d5fc514c2133ed54",
            ),
            (
                CAT,
                SHA256,
                "content-type;x-content-sha256;x-date",
                "730ddc183e20b655fd40054908651542b85c2a4a3e06af7a5d40d3193ec91bf2",
            ),
        ],
    )
    def test_it_is_accepted(self, body: str, sha256: str, names: str, signature: str) -> None:
        """Whichever headers are signed."""
        signed = headers(signature, names, sha256)
        assert matches("POST", "/", QUERY, signed, body.encode(), secret=SECRET)

    def test_another_body_is_not(self) -> None:
        """Nor another secret, query or header."""
        signed = headers(SIGNED, ALL)
        assert not matches("POST", "/", QUERY, signed, b"{}", secret=SECRET)
        assert not matches("POST", "/", QUERY, signed, CAT.encode(), secret="another")
        assert not matches("POST", "/", f"{QUERY}&x=1", signed, CAT.encode(), secret=SECRET)
        signed["Host"] = "example.com"
        assert not matches("POST", "/", QUERY, signed, CAT.encode(), secret=SECRET)

    def test_the_key_is_named(self) -> None:
        """By its id; nothing that is no signature names one."""
        assert key_id_of(headers(SIGNED, ALL)["Authorization"]) == "AKLTexampleAccessKeyId0001"
        assert key_id_of("Bearer key") == ""
