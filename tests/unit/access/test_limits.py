from __future__ import annotations

from danqing_server.access.limits import UNLIMITED, CallerLimits
from danqing_server.records.tenancy import Limits


class TestCallerLimits:
    def test_nothing_limited_is_nothing_to_look_at(self) -> None:
        """Who sets no limit pays for none."""
        assert list(UNLIMITED) == []
        assert list(CallerLimits(project=Limits(), key=Limits(addresses=None))) == []

    def test_project_is_looked_at_before_its_key(self) -> None:
        """Zero is a limit."""
        found = CallerLimits(project=Limits(waiting_tasks=0), key=Limits(waiting_tasks=3))
        assert [(whose, limits.waiting_tasks) for whose, limits in found] == [("project", 0), ("key", 3)]

    def test_model_has_to_please_both(self) -> None:
        """By any of its names; the answer is whose list it is not on."""
        found = CallerLimits(
            project=Limits(models=("doubao-*", "gpt-image-1")), key=Limits(models=("*-seedream-*",))
        )
        assert found.forbids_model("doubao-seedream-4-5") is None
        assert found.forbids_model("doubao-seedance-1") == "key"
        assert found.forbids_model("dall-e-3") == "project"
        assert found.forbids_model("dall-e-3", "doubao-seedream-4-5") is None
        assert CallerLimits(key=Limits(models=())).forbids_model("any") == "key"

    def test_address_has_to_please_both(self) -> None:
        """IPv4 in the clothes of IPv6 is IPv4; what is no address is nowhere."""
        found = CallerLimits(
            project=Limits(addresses=("10.0.0.0/8", "2001:db8::/32")), key=Limits(addresses=("10.1.0.0/16",))
        )
        assert found.forbids_address("10.1.2.3") is None
        assert found.forbids_address("::ffff:10.1.2.3") is None
        assert found.forbids_address("10.2.0.1") == "key"
        assert found.forbids_address("192.0.2.1") == "project"
        assert found.forbids_address("unknown") == "project"
        assert CallerLimits(key=Limits(addresses=())).forbids_address("10.1.2.3") == "key"
        assert UNLIMITED.forbids_address("unknown") is None
