"""R8: each shape is declared once, with a description and an example, and the document is made of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, TypedDict

import pytest

from danqing_server.access.caller import Caller
from danqing_server.doors import body_shapes, output_shapes, server_shapes, task_shapes
from danqing_server.doors.bodies import image_submission, new_user, task_submission, user_change
from danqing_server.doors.body_shapes import ImageTaskRequest, TaskRequest, UserChange, UserRequest
from danqing_server.doors.schemas import SCHEMAS
from danqing_server.http import problem_shapes
from danqing_server.http.problems import PROBLEMS
from danqing_server.http.reports import ProblemReport
from danqing_server.http.shapes import Moment, closed, example_of, extended, members_of, ref, said, schemas_of
from danqing_server.records.tasks import Priority
from tests.support.contract import Contract

CONTRACT = Contract({"components": {"schemas": SCHEMAS}, "paths": {}})
MODULES = (body_shapes, output_shapes, task_shapes, server_shapes, problem_shapes)
SHAPES = [getattr(module, name) for module in MODULES for name in module.__all__ if name[0].isupper()]
SHAPES = [shape for shape in SHAPES if isinstance(shape, type)]


class InnerShape(TypedDict):
    """What stands inside."""

    word: Annotated[Priority, said("a word", "high")]


@extended
class OuterShape(TypedDict):
    """What is
    outside."""

    always: Annotated[int, said("a number", 3, minimum=1)]
    perhaps: NotRequired[Annotated[str | None, said("a text")]]
    inner: Annotated[InnerShape | None, said("may be null")]
    listed: list[InnerShape]
    named: dict[str, Moment]
    at: Moment | None


@closed
class AskedShape(TypedDict):
    size: NotRequired[Annotated[str, said("how large", "2K")]]


class TestDeclarations:
    def test_type_and_note_become_a_schema(self) -> None:
        """What may be left out is not required; a reference has no sibling."""
        moment = {"type": "string", "format": "date-time", "description": "RFC 3339, UTC"}
        moment["example"] = example_of(server_shapes.UserShape)["created_at"]
        assert schemas_of(OuterShape) == {
            "Outer": {
                "type": "object",
                "description": "What is outside.",
                "additionalProperties": True,
                "required": ["always", "inner", "listed", "named", "at"],
                "properties": {
                    "always": {"type": "integer", "description": "a number", "example": 3, "minimum": 1},
                    "perhaps": {"type": "string", "nullable": True, "description": "a text"},
                    "inner": {"allOf": [ref(InnerShape)], "nullable": True, "description": "may be null"},
                    "listed": {"type": "array", "items": ref(InnerShape)},
                    "named": {"type": "object", "additionalProperties": moment},
                    "at": {**moment, "nullable": True},
                },
            },
            "Inner": {
                "type": "object",
                "description": "What stands inside.",
                "required": ["word"],
                "properties": {
                    "word": {
                        "type": "string",
                        "enum": ["high", "normal", "low"],
                        "description": "a word",
                        "example": "high",
                    }
                },
            },
        }

    def test_what_clients_send_may_be_closed(self) -> None:
        """An example holds what has one."""
        assert schemas_of(AskedShape)["Asked"]["additionalProperties"] is False
        assert example_of(AskedShape) == {"size": "2K"}

    def test_a_member_without_an_example_is_noticed(self) -> None:
        """When the server starts, since the document is made then."""
        with pytest.raises(LookupError):
            example_of(OuterShape)


class TestShapes:
    def test_there_are_all_of_them(self) -> None:
        """Whatever is declared is in the document."""
        assert {shape.__name__.removesuffix("Shape") for shape in SHAPES} - set(SCHEMAS) <= {"Depth"}

    @pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
    def test_shape_and_members_are_told(self, shape: type) -> None:
        """In words, whatever each is."""
        schema = schemas_of(shape)[shape.__name__.removesuffix("Shape")]
        assert schema["description"]
        untold = [name for name, member in schema["properties"].items() if not _told(member)]
        assert untold == []
        assert list(schema["properties"]) == list(members_of(shape))

    @pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
    def test_example_is_as_described(self, shape: type) -> None:
        """It was written by hand, and could not be sent."""
        name = shape.__name__.removesuffix("Shape")
        assert name not in SCHEMAS or CONTRACT.problems_of(name, example_of(shape)) == []


def _told(member: Mapping[str, Any]) -> bool:
    """Tell whether a member is described, by itself or by the one shape it holds."""
    return bool(member.get("description")) or "$ref" in str(member)


class TestRequests:
    """What is taken is what is declared."""

    def test_examples_are_taken(self) -> None:
        """As a client would copy them."""
        image = image_submission(example_of(ImageTaskRequest), Caller.local())
        task = task_submission(example_of(TaskRequest), Caller.local(), 100)
        assert (image.user_id, image.input["size"], task.type, task.delay_s) == (
            "user_123",
            "1024x1024",
            "image",
            60,
        )
        assert new_user(example_of(UserRequest)).email == "user@example.com"
        assert user_change(example_of(UserChange)).name == "李四"


class TestErrors:
    def test_errors_are_shown_as_they_are_sent(self) -> None:
        """R8: an error has its members from its declaration alone."""
        kind = next(iter(PROBLEMS.values()))
        report = ProblemReport(status=kind.status, code=kind.code, title="t", message="m", retryable=kind.retryable)
        sent = report.body("r")
        assert list(sent) == [name for name in members_of(problem_shapes.ErrorShape) if name != "data"]
