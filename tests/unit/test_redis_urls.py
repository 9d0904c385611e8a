"""What a Redis URL says, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from danqing_server.errors import SettingsError
from danqing_server.settings.redis_urls import REDIS_URLS, RedisAddress, redis_address
from danqing_server.settings.server import Settings


class TestAddress:
    @pytest.mark.parametrize(
        ("url", "address"),
        [
            ("redis://queue", RedisAddress(kind="single", hosts=[("queue", 6379)])),
            (
                "valkey://me:p%40ss%2F@queue:1/3",
                RedisAddress(kind="single", hosts=[("queue", 1)], database=3, username="me", password="p@ss/"),
            ),
            ("redis://queue?db=4", RedisAddress(kind="single", hosts=[("queue", 6379)], database=4)),
            (
                "unix://:secret@/run/r%20s.sock?db=2",
                RedisAddress(kind="single", path="/run/r s.sock", database=2, password="secret"),
            ),
            (
                "rediss://[::1]:7?ssl_cert_reqs=none&ssl_check_hostname=false",
                RedisAddress(kind="single", tls=True, hosts=[("::1", 7)], cert_reqs="none", check_hostname=False),
            ),
            (
                "redis+sentinel://:secret@a:1,b/queue/5?sentinel_username=s&sentinel_password=t",
                RedisAddress(
                    kind="sentinel",
                    hosts=[("a", 1), ("b", 26379)],
                    service="queue",
                    database=5,
                    password="secret",
                    sentinel_username="s",
                    sentinel_password="t",
                ),
            ),
            (
                "valkeys+cluster://a:7000,b",
                RedisAddress(kind="cluster", tls=True, hosts=[("a", 7000), ("b", 6379)]),
            ),
        ],
    )
    def test_is_what_the_url_says(self, url: str, address: RedisAddress) -> None:
        """Of one server, Sentinel's, and a cluster."""
        assert redis_address(url) == address

    def test_files_of_tls_have_to_be_there(self, tmp_path: Path) -> None:
        """A wrong path is told at the start, not as a Redis that is away."""
        (tmp_path / "ca.pem").touch()
        found = redis_address(f"rediss://queue?ssl_ca_certs={tmp_path}/ca.pem")
        assert found.files == {"ca_certs": f"{tmp_path}/ca.pem"}
        with pytest.raises(ValueError, match="ssl_ca_certs"):
            redis_address(f"rediss://queue?ssl_ca_certs={tmp_path}/other.pem")

    @pytest.mark.parametrize(
        "url",
        [
            "queue:6379",
            "http://queue",
            "redis://",
            "redis://a,b",
            "redis://queue/one",
            "redis://queue/1/2",
            "redis://queue:port",
            "redis://queue?retry=3",
            "redis://queue?ssl_ca_certs=/etc/hosts",
            "rediss://queue?ssl_cert_reqs=maybe",
            "rediss://queue?ssl_check_hostname=0",
            "redis+sentinel://a,b",
            "redis+sentinel://a,,b/queue",
            "redis+cluster://a,b/1",
            "redis+cluster://a?sentinel_password=x",
            "redis+ring://a,b",
            "sentinel://a/queue",
            "unix://",
        ],
    )
    def test_what_is_none_is_refused(self, url: str) -> None:
        """By name, and with what is allowed; the URL, which may hold a password, is not repeated."""
        with pytest.raises(SettingsError) as refused:
            Settings.read({"REDIS_URL": url})
        message = str(refused.value)
        assert message.startswith("REDIS_URL: the value given is not allowed")
        assert "redis+sentinel://host,host/NAME" in message
        assert url not in message.replace(REDIS_URLS, "")
