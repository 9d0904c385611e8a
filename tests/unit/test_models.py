"""Tasks as values."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from danqing_server.records.tasks import Priority, Status, Task
from tests.unit.api.tasks import NOW, failed_picture, kept_picture, make_task, paid_call

OTHER: dict[str, Any] = {
    "status": Status.FAILED,
    "priority": Priority.LOW,
    "created_at": NOW + timedelta(days=1),
    "outputs": {"0": failed_picture(0)},
    "calls": {"c2": paid_call(id="c2")},
    "run_at": None,
    "progress": 0.5,
}


class TestChanged:
    @pytest.mark.parametrize("name", OTHER)
    def test_it_is_what_evolve_makes(self, name: str) -> None:
        """One field is another, all others stay."""
        task = make_task("t1", Status.COMPLETED)
        assert task.changed(**{name: OTHER[name]}) == attrs.evolve(task, **{name: OTHER[name]})

    def test_the_first_stays_as_it_was(self) -> None:
        """It is a copy."""
        task = make_task("t1", Status.COMPLETED)
        changed = task.changed(outputs={"0": kept_picture("t1", 0), "1": failed_picture(1)}, images=2)
        assert (len(task.outputs), len(changed.outputs)) == (1, 2)
        assert task == make_task("t1", Status.COMPLETED)

    def test_every_field_is_copied(self) -> None:
        """A field that is added to tasks is not forgotten here."""
        task = make_task("t1", Status.PROCESSING)
        assert attrs.asdict(task.changed(), recurse=False) == attrs.asdict(task, recurse=False)

    def test_an_unknown_name_is_refused(self) -> None:
        """As by `evolve`."""
        with pytest.raises(KeyError, match="nope"):
            make_task().changed(nope=1)

    def test_a_task_is_still_frozen(self) -> None:
        """Only a copy under way is written to."""
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            make_task().status = Status.FAILED  # type: ignore[misc]  # that is what is tested
        assert isinstance(make_task().changed(), Task)
