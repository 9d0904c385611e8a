"""What is said of where a server is."""

from __future__ import annotations

import pytest

from danqing_server.settings.addresses import place_of


class TestPlaceOf:
    @pytest.mark.parametrize(
        ("url", "place"),
        [
            ("mongodb://127.0.0.1:1", "127.0.0.1:1"),
            ("mongodb://someone:s3cret@db.example/tasks?authSource=admin", "db.example:27017"),
            ("mongodb://someone:p%40ss@a:1,b,c:3/tasks?replicaSet=r", "a:1, b:27017, c:3"),
            ("mongodb://someone:s3cret@[::1]:27018/", "[::1]:27018"),
            ("mongodb://[::1]", "[::1]:27017"),
            ("mongodb://u:s3cret@%2Frun%2Fdanqing%2Fm.sock/tasks", "/run/danqing/m.sock"),
            ("mongodb+srv://someone:s3cret@cluster.example/", "cluster.example"),
            ("redis://:s3cret@queue.example/2", "queue.example:6379"),
            ("rediss://user:s3cret@queue.example:6380", "queue.example:6380"),
            ("valkeys://:s3cret@queue.example", "queue.example:6379"),
            ("redis+sentinel://:s3cret@a,b:1/name/2?sentinel_password=x", "a:26379, b:1"),
            ("rediss+cluster://:s3cret@a:7000,b", "a:7000, b:6379"),
            ("unix://:s3cret@/run/danqing/redis.sock?db=0", "/run/danqing/redis.sock"),
        ],
    )
    def test_names_hosts_and_ports_and_no_credentials(self, url: str, place: str) -> None:
        """U8: a line about a server that is away says which one."""
        assert place_of(url) == place
