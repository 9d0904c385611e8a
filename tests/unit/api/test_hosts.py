from __future__ import annotations

import pytest

from danqing_server.http.hosts import Hosts
from danqing_server.settings.server import Settings
from danqing_server.settings.values import ApiKey

KEYS = (ApiKey(owner="one", secret="1" * 16),)
LOOPBACK = ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.8.9.10:1", "[::1]", "[::1]:8080"]
STRANGERS = [
    "",
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example:8080:80",
    "evil@localhost",
    "10.0.0.1",
    "[::2]",
    "::1",
    "localhost:80a",
]


class TestHosts:
    """E6, R11: a name that leads here is not yet one of ours."""

    @pytest.mark.parametrize("host", LOOPBACK)
    def test_loopback_names_are_always_ours(self, host: str) -> None:
        """With any port."""
        assert Hosts.of(Settings()).admit(host)
        assert Hosts.of(Settings(api_keys=KEYS, allowed_hosts=("a.example",))).admit(host)

    @pytest.mark.parametrize("host", STRANGERS)
    def test_without_keys_nothing_else_is(self, host: str) -> None:
        """Whatever it resembles."""
        assert not Hosts.of(Settings()).admit(host)

    def test_public_address_and_named_hosts_are(self) -> None:
        """Case and port do not matter."""
        hosts = Hosts.of(
            Settings(public_base_url="https://P.example:444/x", allowed_hosts=("a.example", "fd00::1"))
        )
        assert all(hosts.admit(host) for host in ("p.example", "A.example:8080", "[fd00::1]:8080"))
        assert not hosts.admit("b.a.example")

    def test_leading_dot_stands_for_all_below(self) -> None:
        """And for the name itself."""
        hosts = Hosts.of(Settings(allowed_hosts=(".a.example",)))
        assert all(hosts.admit(host) for host in ("a.example", "b.a.example:1", "c.b.a.example"))
        assert not any(hosts.admit(host) for host in ("ba.example", "a.example.evil"))

    def test_with_keys_every_name_is_until_some_are_listed(self) -> None:
        """A page of a stranger's name has no key to send."""
        assert Hosts.of(Settings(api_keys=KEYS)).admit("any.example")
        assert not Hosts.of(Settings(api_keys=KEYS, allowed_hosts=("a.example",))).admit("any.example")

    def test_star_is_every_name(self) -> None:
        """For who knows what he does."""
        assert Hosts.of(Settings(allowed_hosts=("*",))).admit("any.example")

    def test_request_without_a_host_is_no_browsers(self) -> None:
        """HTTP/1.0 needs none; HTTP/1.1 without one is refused elsewhere."""
        assert Hosts.of(Settings()).admit(None)
