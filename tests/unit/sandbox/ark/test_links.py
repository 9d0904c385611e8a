"""Signed links."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from danqing_providers.sandbox.ark.links import TosLinks
from danqing_providers.sandbox.links import LinkRefused, load_secret

PATH = "/doubao-seedream-4-0/02ab_0.jpeg"
NOW_S = 1_795_489_044.9


def opened(links: TosLinks, link: str, *, method: str = "GET", now_s: float = NOW_S, **changed: str) -> None:
    """Check *link* as the server does, with parts of its query changed."""
    parts = urlsplit(link)
    links.check(method, parts.path, dict(parse_qsl(parts.query)) | changed, now_s)


class TestLinks:
    """A link opens one picture, for GET, for a while."""

    links = TosLinks(secret=b"s", ttl_s=60)

    def test_good(self) -> None:
        """It opens until just before its end."""
        opened(self.links, self.links.sign(PATH, NOW_S), now_s=NOW_S + 59)

    def test_expired(self) -> None:
        """After its time TOS says so."""
        with pytest.raises(LinkRefused, match="expired"):
            opened(self.links, self.links.sign(PATH, NOW_S), now_s=NOW_S + 60)

    def test_head(self) -> None:
        """The signature is for GET alone."""
        with pytest.raises(LinkRefused, match="Denied"):
            opened(self.links, self.links.sign(PATH, NOW_S), method="HEAD")

    @pytest.mark.parametrize("name", ["X-Tos-Expires", "X-Tos-Date", "X-Tos-Signature", "X-Tos-Credential"])
    def test_changed_query(self, name: str) -> None:
        """Nothing in the query may be changed, least of all the end."""
        with pytest.raises(LinkRefused, match="signature"):
            opened(self.links, self.links.sign(PATH, NOW_S), **{name: "99999"})

    def test_other_path(self) -> None:
        """A link opens no other picture."""
        with pytest.raises(LinkRefused, match="signature"):
            opened(self.links, self.links.sign(PATH, NOW_S).replace("_0", "_1"))

    def test_non_ascii_signature(self) -> None:
        """A signature of strange characters is wrong, not an exception."""
        with pytest.raises(LinkRefused, match="signature"):
            opened(self.links, self.links.sign(PATH, NOW_S), **{"X-Tos-Signature": "山"})

    def test_secret_is_kept(self, tmp_path: Path) -> None:
        """A second start finds the first one's secret, which only the owner may read."""
        assert load_secret(tmp_path) == load_secret(tmp_path)
        (only,) = tmp_path.iterdir()
        assert only.stat().st_mode & 0o077 == 0
