"""What a log line may say."""

from __future__ import annotations

import sys

from danqing_server.errors import StoreUnavailable
from danqing_server.log import traceback_without_values


class TestTraceback:
    def test_the_text_of_a_foreign_exception_stays_out(self) -> None:
        """It may hold a prompt or a signed URL."""
        try:
            raise ValueError("https://secret?signature=1")
        except ValueError:
            shown = traceback_without_values(sys.exc_info())  # type: ignore[arg-type] # set, inside an except block
        assert "ValueError" in shown
        assert "test_log.py" in shown
        assert "signature=1" not in shown.replace('raise ValueError("https://secret?signature=1")', "")

    def test_our_own_errors_are_told_with_their_cause(self) -> None:
        """Their messages hold nothing but ids."""
        try:
            try:
                raise ConnectionError("mongodb://me:hunter2@db")
            except ConnectionError as error:
                raise StoreUnavailable("MongoDB did not answer") from error
        except StoreUnavailable:
            shown = traceback_without_values(sys.exc_info())  # type: ignore[arg-type] # set, inside an except block
        assert "StoreUnavailable: MongoDB did not answer" in shown
        assert "ConnectionError" in shown
        assert "hunter2" not in shown.replace('raise ConnectionError("mongodb://me:hunter2@db")', "")
