"""Which addresses are public."""

from __future__ import annotations

import pytest

from danqing_server.assets.addresses import is_public


class TestPublic:
    """Only the open Internet, however an address is written."""

    @pytest.mark.parametrize(
        "host",
        [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2400:3200::1",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ],
    )
    def test_public_addresses_pass(self, host: str) -> None:
        """Neighbours of the special ranges included."""
        assert is_public(host)

    @pytest.mark.parametrize(
        "host",
        [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "100.96.0.96",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:a9fe:a9fe",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fe80::1%eth0",
            "2606:4700::1%1",
            "fec0::1",
            "ff02::1",
        ],
    )
    def test_all_others_are_refused(self, host: str) -> None:
        """Private, shared, reserved, multicast, documentation, and whatever carries an IPv4 address inside."""
        assert not is_public(host)

    @pytest.mark.parametrize(
        "host", ["", "localhost", "example.com", "127.1", "0x7f000001", "2130706433", "1.1.1.1 "]
    )
    def test_what_is_no_plain_address_is_refused(self, host: str) -> None:
        """The rule is asked about addresses, never names."""
        assert not is_public(host)
