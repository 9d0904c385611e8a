"""The bill of materials names everything: what is installed with a wheel, and what of others is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from release.bill import bill_of
from release.vendored import vendored


def _item(name: str, *needs: str, licence: str = "MIT") -> dict[str, Any]:
    """Return one of pip's report."""
    return {
        "metadata": {
            "name": name,
            "version": "1.0",
            "summary": "…",
            "license_expression": licence,
            "requires_dist": list(needs),
        },
        "download_info": {
            "url": f"https://files.example/{name}.whl",
            "archive_info": {"hashes": {"sha256": "a" * 64}},
        },
    }


REPORT = {
    "install": [
        _item("danqing", "Redis>=8", "httpx[http2]", "av; extra == 'video'", "colorama; sys_platform == 'win32'"),
        _item("redis"),
        _item("httpx", "h2; extra == 'http2'", "rich; extra == 'cli'"),
        _item("h2"),
        _item("av", licence="BSD-3-Clause"),
    ]
}


@pytest.fixture
def bill(tmp_path: Path) -> dict[str, Any]:
    """The bill of a wheel."""
    wheel = tmp_path / "danqing-1.0-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    return bill_of(wheel, REPORT, made_at_s=1_795_900_000)


def _component(bill: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [each for each in bill["components"] if each["name"] == name]
    return found  # type: ignore[no-any-return]  # JSON


class TestBill:
    def test_each_has_version_licence_and_hash(self, bill: dict[str, Any]) -> None:
        """Of a package of npm's the files that are in the wheel have the hashes."""
        for each in bill["components"]:
            assert each["version"]
            assert each["licenses"][0]["expression"]
            assert all(one["hashes"][0]["content"] for one in each.get("components", [each]))

    def test_what_only_extras_bring_is_optional(self, bill: dict[str, Any]) -> None:
        """What an extra of a dependency brings is needed, when the wheel asks for that extra."""
        scopes = {each["name"]: each["scope"] for each in bill["components"] if "pypi" in each["purl"]}
        assert scopes == {"av": "optional", "h2": "required", "httpx": "required", "redis": "required"}

    def test_every_file_of_others_is_in_it(self, bill: dict[str, Any]) -> None:
        """Under the name it has in the wheel."""
        named = {one["name"] for each in bill["components"] for one in each.get("components", ())}
        assert named == {
            f"danqing_server/{each.folder.parent.name}/{each.folder.name}/{each.name}" for each in vendored()
        }
        assert _component(bill, "@preact/signals")["purl"].startswith("pkg:npm/%40preact/signals@")

    def test_what_needs_what_is_told(self, bill: dict[str, Any]) -> None:
        """By references that exist; what another platform needs is not in it."""
        graph = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
        ours = graph["pkg:pypi/danqing@1.0"]
        assert {"pkg:pypi/redis@1.0", "pkg:pypi/av@1.0"} < set(ours)
        assert {each["bom-ref"] for each in bill["components"]} >= set(ours)
        assert not any("colorama" in ref for ref in ours)

    def test_the_same_wheel_has_the_same_bill(self, bill: dict[str, Any], tmp_path: Path) -> None:
        """Its number and its time are the wheel's and the commit's."""
        assert bill_of(tmp_path / "danqing-1.0-py3-none-any.whl", REPORT, made_at_s=1_795_900_000) == bill

    def test_no_licence_is_an_error(self, tmp_path: Path) -> None:
        """Nobody is told that there is none to keep."""
        wheel = tmp_path / "danqing-1.0-py3-none-any.whl"
        wheel.write_bytes(b"wheel")
        report = {"install": [*REPORT["install"], _item("acme", licence="")]}
        with pytest.raises(LookupError, match=r"acme 1\.0 says no licence"):
            bill_of(wheel, report, made_at_s=0)
