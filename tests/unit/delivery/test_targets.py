"""Where webhooks may go."""

from __future__ import annotations

import pytest

from danqing_server.delivery.webhooks.targets import Targets
from danqing_server.settings.server import Settings

OWN = {"MONGO_URL": "mongodb://u:p@10.0.0.5:27018,10.0.0.6/db", "REDIS_URL": "redis://10.0.0.7", "PORT": "8080"}


def targets(listed: str = "", **variables: str) -> Targets:
    """Return the rule of an operator who listed some private targets."""
    return Targets.of(Settings.read({**OWN, "DANQING_WEBHOOK_TARGETS": listed, **variables}))


class TestCheck:
    @pytest.mark.parametrize("url", ["https://example.com/a?b=c", "https://example.com:8443", "https://1.1.1.1/"])
    def test_public_https_is_fine(self, url: str) -> None:
        """Whatever port."""
        targets().check(url)

    @pytest.mark.parametrize(
        ("listed", "url"),
        [
            ("hooks.lan", "http://hooks.lan/"),
            (".lan", "http://deep.hooks.lan:9000/"),
            ("10.1.0.0/16", "http://10.1.2.3/"),
            ("10.1.2.3", "https://10.1.2.3/"),
            ("fd00::/8", "http://[fd00::1]/"),
            ("localhost", "http://localhost:3000/"),
        ],
    )
    def test_what_the_operator_lists_may_be_private_and_plain(self, listed: str, url: str) -> None:
        """Networks, addresses, and names."""
        targets(listed).check(url)

    @pytest.mark.parametrize(
        ("listed", "url"), [("hooks.lan", "https://10.0.0.1/"), ("10.1.0.0/16", "https://10.2.0.1/")]
    )
    def test_and_nothing_else(self, listed: str, url: str) -> None:
        """What is not listed stays shut."""
        with pytest.raises(ValueError, match="private"):
            targets(listed).check(url)

    def test_plain_http_is_a_switch(self) -> None:
        """For public targets."""
        with pytest.raises(ValueError, match="https"):
            targets().check("http://example.com/")
        targets(DANQING_WEBHOOK_HTTP="yes").check("http://example.com/")

    def test_this_server_is_none(self) -> None:
        """By the name under which it is reached."""
        with pytest.raises(ValueError, match="itself"):
            targets(PUBLIC_BASE_URL="https://images.example.com").check("https://images.example.com/x")


class TestReach:
    def test_a_listed_name_opens_no_other_names_network(self) -> None:
        """Only who posts to that name may connect to private addresses."""
        rule = targets("hooks.lan")
        assert rule.reaches("10.0.0.1", named=True)
        assert not rule.reaches("10.0.0.1")
        assert rule.reaches("1.1.1.1")

    @pytest.mark.parametrize("port", [27018, 27017, 6379, 8080])
    def test_what_this_server_stands_on_is_barred(self, port: int) -> None:
        """Its MongoDB's members, its Redis, its own port; in private networks, whatever is listed there."""
        assert targets("*").bars("10.0.0.5", port)
        assert not targets("*").bars("10.0.0.5", 443)
        assert not targets().bars("1.1.1.1", 8080)

    async def test_a_name_that_leads_nowhere_is_taken(self) -> None:
        """It may lead somewhere later; each try looks at where it then does."""
        await targets().look_up("https://nowhere.invalid/")
