"""The form of keys."""

from __future__ import annotations

import pytest

from danqing_server.assets.keys import (
    check_key,
    check_task_id,
    input_key,
    key_in_path,
    media_type_of,
    output_key,
)
from danqing_server.errors import NotFound


class TestKeys:
    """A key is a task's folder and one file in it, and nothing else."""

    def test_made_keys_are_valid_and_distinct(self) -> None:
        """Two keys for one picture of one task differ."""
        first, second = (output_key("volcengine_img_0199", 0, "png") for _ in range(2))
        assert check_key(first) == first
        assert first != second
        assert media_type_of(first) == "image/png"
        assert check_key(input_key("volcengine_img_0199", 3, "jpeg"))

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "task",
            "task/",
            "../etc/passwd",
            "task/../0-a.png",
            "/task/0-a.png",
            ".spool/0-a.png",
            "task/.png",
            "task/0-a.svg",
            "task/sub/0-a.png",
            "task/0-a.png\n",
            "ta sk/0-a.png",
            "task/0-a.png?x",
        ],
    )
    def test_anything_else_is_not_found(self, key: str) -> None:
        """A key from outside never reaches the storage unless it has the form."""
        with pytest.raises(NotFound):
            check_key(key)

    @pytest.mark.parametrize("task_id", ["", ".", "..", ".spool", "a/b", "a b", "a\n"])
    def test_a_task_id_that_is_no_folder_is_a_bug(self, task_id: str) -> None:
        """It would otherwise delete more than a task."""
        with pytest.raises(ValueError, match="cannot name a folder"):
            check_task_id(task_id)

    def test_a_key_is_found_in_its_own_path_only(self) -> None:
        """Other paths hold none."""
        assert key_in_path("/api/v1/assets/task/0-a.png") == "task/0-a.png"
        assert key_in_path("/api/v1/assets/../0-a.png") is None
        assert key_in_path("/elsewhere/task/0-a.png") is None
        assert key_in_path("task/0-a.png") is None
