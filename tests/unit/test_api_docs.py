"""docs/api.md and the routes there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from danqing_server.doors.body_shapes import ImageTaskRequest, TaskRequest, UserRequest
from danqing_server.doors.output_shapes import AudioShape, FileShape, VideoShape
from danqing_server.doors.task_shapes import (
    CallShape,
    CostShape,
    ExplanationShape,
    ImageResultShape,
    ImageTaskCreatedShape,
    OutputShape,
    PositionShape,
    TaskShape,
)
from danqing_server.http.messages import CONFLICTS, NOT_FOUND
from danqing_server.http.problem_shapes import DetailShape, ErrorShape
from danqing_server.http.problems import PROBLEMS
from danqing_server.http.shapes import members_of
from danqing_server.records.tasks import Status
from danqing_server.serving.app import create_app
from danqing_server.settings.server import Settings

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "api.md").read_text()
DIALECTS = {"/api/v3": "ark.md", "/sdapi/v1": "a1111.md"}
"""The page of each door whose clients are another service's, by what its paths begin with."""
TOLD = (
    *(ImageTaskRequest, TaskRequest, UserRequest, ImageTaskCreatedShape, ImageResultShape, TaskShape, OutputShape),
    *(VideoShape, AudioShape, FileShape),
    *(CallShape, CostShape, ExplanationShape, PositionShape, ErrorShape, DetailShape),
)
OF_STATUS = {f"task_{status.value}" for status in Status}
"""Conflicts that name the status which does not allow it."""
UNTOLD = {"internal_error", "bad_request", "not_found", "conflict"}
"""Codes that say nothing beyond their status."""


def _routes() -> set[str]:
    """Return `METHOD /path` of every route of the API, parameters as `:`."""
    app = create_app(Settings.read({}))
    found = set()
    for route in app.router.routes:
        path = re.sub(r"<[^>]*>", ":", f"/{route.path}".rstrip("/")) or "/"
        told = path == "/" or path.startswith(("/api/", "/sdapi/", "/health", "/studio/session"))
        found |= {f"{method} {path}" for method in route.methods if told}
    return found


def _told(page: str) -> set[str]:
    """Return the same of a page's table."""
    told = set()
    for line in page.split("\n## Routes\n")[1].split("\n## ")[0].splitlines():
        method = ""
        for text in re.findall(r"`([^`]+)`", line.split("|")[1] if line.startswith("|") else ""):
            method, path = text.split() if " " in text else (method, text)
            plain = re.sub(r":\w+|…", ":", path.partition("?")[0])
            told.add(f"{method} {plain}")
    return told


class TestPage:
    """docs/api.md."""

    def test_every_route_is_told_and_every_told_route_exists(self) -> None:
        """HEAD and OPTIONS go without saying."""
        routes = {route for route in _routes() if not route.startswith(("HEAD", "OPTIONS"))}
        assert "GET /api/v1/tasks/:" in routes
        elsewhere = {route for route in routes if route.split()[1].startswith(tuple(DIALECTS))}
        assert _told(PAGE) == routes - elsewhere

    @pytest.mark.parametrize("prefix", DIALECTS)
    def test_every_route_of_a_dialect_is_on_its_page(self, prefix: str) -> None:
        """And none that does not exist."""
        routes = {route for route in _routes() if route.split()[1].startswith(f"{prefix}/")}
        told = _told((DOCS / "dialects" / DIALECTS[prefix]).read_text())
        assert told == {route for route in routes if not route.startswith(("HEAD", "OPTIONS"))} != set()

    @pytest.mark.parametrize("shape", TOLD, ids=lambda shape: shape.__name__)
    def test_every_field_is_told(self, shape: type) -> None:
        """R8: what is declared is on the page, as code."""
        code = " ".join(re.findall(r"`[^`]+`|^```json$.*?^```$", PAGE, re.MULTILINE | re.DOTALL))
        assert [name for name in members_of(shape) if not re.search(rf"\b{name}\b", code)] == []

    @pytest.mark.parametrize(
        "code",
        sorted(
            {kind.code for kind in PROBLEMS.values() if kind.status in (400, 401, 403, 409, 413, 422, 429, 503)}
        ),
    )
    def test_codes_a_client_may_branch_on_are_told(self, code: str) -> None:
        """Each has a row, or is among those that no client can do anything about."""
        assert f"`{code}`" in PAGE or code in UNTOLD | {"picture_rejected", "attempt_lost", "service_unavailable"}

    @pytest.mark.parametrize("code", sorted({f"{kind}_not_found" for kind in NOT_FOUND} | CONFLICTS.keys()))
    def test_codes_of_what_is_not_there_or_not_now_are_told(self, code: str) -> None:
        """Each by its name, but those that a task's status is part of."""
        assert f"`{code}`" in PAGE or code in OF_STATUS
