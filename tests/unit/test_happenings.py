"""`danqing logs`: what is looked through for what was asked."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

from danqing_client import Client

from danqing_server.cli.happenings import LOOKED_THROUGH, Wanted, kept

AT = "2026-11-30T12:00:00Z"


class _Busy:
    """A server where one task failed, and more were made since than are looked through."""

    def tasks(self, *, limit: int, **filters: str) -> Iterator[SimpleNamespace]:
        wanted = filters.get("status", "completed,failed").split(",")
        for number in range(LOOKED_THROUGH + 1):
            if "completed" in wanted:
                yield _row(f"new_{number}", "completed")
        if "failed" in wanted:
            yield _row("old", "failed")

    def request(self, method: str, path: str) -> Any:
        return {"lanes": []}


def _row(id_: str, status: str) -> SimpleNamespace:
    times = {"created_at": AT, "started_at": AT, "completed_at": AT, "updated_at": AT}
    rest = {"model": "m", "user_id": "u", "error_code": "poison", "cost": None, "in_doubt": []}
    return SimpleNamespace(raw={"id": id_, "status": status, **times, **rest})


class TestLevel:
    def test_what_failed_is_found_behind_whatever_did_not(self) -> None:
        """Who asks for what failed within the hour is not told of the last minutes alone."""
        wanted = Wanted(since="1h", tail=None, level="error", task=None, user=None, follow=False)

        told = kept(cast("Client", _Busy()), AT, wanted, {})

        assert [each.subject for each in told if each.what == "failed"] == ["old"]
