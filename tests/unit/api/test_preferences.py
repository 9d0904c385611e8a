"""`Prefer` is read as RFC 7240 says, and what makes no sense says nothing."""

from __future__ import annotations

import time

import pytest

from danqing_server.http.preferences import Preferences, preferences_in


class TestReading:
    @pytest.mark.parametrize(
        ("header", "wait_s", "respond_async"),
        [
            ("wait=30", 30, False),
            ("Wait = 30", 30, False),
            ('wait="30"', 30, False),
            ("respond-async, wait=10", 10, True),
            ("wait=10;foo=bar, respond-async;x", 10, True),
            ("wait=5, wait=50", 5, False),
            ('foo="a, wait=9", wait=3', 3, False),
            ("respond-async", None, True),
            ("RESPOND-ASYNC", None, True),
            ("wait=60", 55, False),
            ("wait=001", 1, False),
        ],
    )
    def test_what_is_known_is_read(self, header: str, wait_s: int | None, respond_async: bool) -> None:
        """Names without case, the first of each, no parameters; no longer than a request may last."""
        assert preferences_in(header) == Preferences(wait_s=wait_s, respond_async=respond_async)

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "wait",
            "wait=0",
            "wait=-1",
            "wait=61",
            "wait=1.5",
            "wait=abc",
            "return=minimal",
            ",,;=",
            '"',
            "wait=٣",
        ],
    )
    def test_what_is_not_is_ignored(self, header: str) -> None:
        """Silently: a preference is never an error."""
        assert preferences_in(header) is None

    @pytest.mark.parametrize("header", ['"' * 15_000, '",' * 7_000, "wait=1" + "," * 15_000])
    def test_a_hostile_one_costs_nothing(self, header: str) -> None:
        """However long, and however its quotes stand."""
        began_s = time.perf_counter()
        assert preferences_in(header) is None
        assert time.perf_counter() - began_s < 0.1
