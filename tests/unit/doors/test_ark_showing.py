"""Tasks as Ark's clients read them."""

from __future__ import annotations

import pytest

from danqing_plugins import OutputKind, Text
from danqing_server.doors.ark.failing import EXPIRED, is_expired
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import Status
from tests.unit.api.tasks import make_task


class TestExpired:
    @pytest.mark.parametrize("status", Status)
    def test_is_final(self, status: Status) -> None:
        """A task that is tried again knows why it was not done the first time, and its client is to wait on."""
        error = TaskError(code="outcome_unknown", message=Text("late", "超时"), provider_code=EXPIRED)
        task = make_task(status=status, kind=OutputKind.VIDEO, error=error)
        assert is_expired(task) == (status is Status.FAILED)
