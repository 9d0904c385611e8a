"""Untyped data at the edge: hostile JSON, and documents there and back."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import Any

import attrs
import bson
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from danqing_plugins import OutputKind, Price, Reference, Text, in_language
from danqing_server.codec.bodies import dump_json, parse_json_object, shorten
from danqing_server.codec.documents import from_document, to_document
from danqing_server.errors import InvalidSubmission
from danqing_server.records.outputs import Asset, Output, OutputState, TaskError
from danqing_server.records.tasks import Attempt, CallRecord, Status, Task

NOW = datetime(2026, 11, 24, 12, 0, 0, 123000, tzinfo=UTC)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.sampled_from("a\x00$."), max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.sampled_from("a\x00$."), max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def task_of(**changes: Any) -> Task:
    """Return a small task."""
    task = Task(
        id="t",
        user_id="u",
        type="image",
        provider="p",
        model="m",
        input={},
        status=Status.PENDING,
        transition_id="x",
        created_at=NOW,
        updated_at=NOW,
        images=1,
    )
    return attrs.evolve(task, **changes)


class TestKinds:
    """Outputs of every kind in one collection, read by this release and the one before."""

    def test_a_picture_is_stored_as_before(self) -> None:
        """Nothing is written of what pictures do not have."""
        asset = Asset(key="t/0-a.png", media_type="image/png", width=8, height=8, size_bytes=70, sha256="00")
        output = Output(index=0, state=OutputState.KEPT, at=NOW, asset=asset)
        document = to_document(task_of(outputs={"0": output}))
        assert "kind" not in document
        assert set(document["outputs"]["0"]) == {"index", "state", "at", "asset"}
        assert set(document["outputs"]["0"]["asset"]) == {
            "key",
            "media_type",
            "width",
            "height",
            "size_bytes",
            "sha256",
        }

    def test_what_names_no_kind_is_a_picture(self) -> None:
        """As every document of an older release."""
        assert from_document(Task, to_document(task_of())).kind is OutputKind.IMAGE

    @pytest.mark.parametrize("kind", OutputKind)
    def test_each_kind_comes_back(self, kind: OutputKind) -> None:
        """With sizes that are numbers, also where there are none: older releases read them."""
        asset = Asset(
            key="t/0-a.bin",
            media_type="a/b",
            width=0,
            height=0,
            size_bytes=1,
            sha256="00",
            kind=kind,
            poster="t/p.jpeg",
        )
        task = task_of(
            kind=kind, outputs={"0": Output(index=0, state=OutputState.KEPT, at=NOW, asset=asset, kind=kind)}
        )
        document = to_document(task)
        assert from_document(Task, document) == task
        assert (document["outputs"]["0"]["asset"]["width"], document["outputs"]["0"]["asset"]["height"]) == (0, 0)


def fields_of(body: bytes) -> list[str]:
    """Return the fields that are complained about."""
    with pytest.raises(InvalidSubmission) as refused:
        parse_json_object(body)
    return [problem.field for problem in refused.value.problems]


class TestAnything:
    @given(st.dictionaries(st.text(st.sampled_from("a\x00$."), max_size=3), JSON, max_size=4))
    def test_what_is_let_through_can_be_stored(self, value: dict[str, Any]) -> None:
        """Whatever is not refused by name is encoded, and comes back the same."""
        try:
            parsed = parse_json_object(orjson.dumps(value))
        except InvalidSubmission as refused:
            named = [problem.field for problem in refused.problems]
        else:
            assert bson.decode(bson.encode(parsed)) == value
            assert not any(key.startswith("$") or "." in key for key in value)
            return
        assert named
        assert "request_body" not in named


class TestBothLanguages:
    """U3: what is stored of a text, and what comes of it."""

    ERROR = TaskError(code="x", message=Text("it is too long", "太长"))

    def test_error_is_stored_in_both(self) -> None:
        """English where an older release looks for it."""
        document = bson.decode(bson.encode(to_document(self.ERROR)))
        assert (document["message"], document["message_zh"]) == ("it is too long", "太长")
        found = from_document(TaskError, document).message
        assert (found, in_language(found, "zh")) == ("it is too long", "太长")

    def test_error_of_a_picture_too(self) -> None:
        """However deep it stands."""
        output = Output(index=0, state=OutputState.FAILED, at=NOW, error=self.ERROR)
        found = from_document(Output, bson.decode(bson.encode(to_document(output)))).error
        assert found is not None
        assert in_language(found.message, "zh") == "太长"

    def test_notes_are_stored_in_both(self) -> None:
        """One that a plugin wrote in one language stands in both lists."""
        document = bson.decode(bson.encode(to_document(_task(notes=(Text("a", "甲"), "b")))))
        assert (document["notes"], document["notes_zh"]) == (["a", "b"], ["甲", "b"])
        assert [in_language(note, "zh") for note in from_document(Task, document).notes] == ["甲", "b"]

    def test_what_is_plain_is_stored_plain(self) -> None:
        """As an older release wrote it, and reads it."""
        assert "message_zh" not in to_document(TaskError(code="x", message="m"))
        assert "notes_zh" not in to_document(_task(notes=("b",)))
        assert from_document(TaskError, {"code": "x", "message": "m"}).message == "m"


def _task(**changes: Any) -> Task:
    return Task(
        id="t",
        user_id="u",
        type="image",
        provider="p",
        model="m",
        input={},
        status=Status.PENDING,
        transition_id="t1",
        created_at=NOW,
        updated_at=NOW,
        images=1,
        **changes,
    )


class TestParse:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"nope",
            b"[]",
            b'"text"',
            b"1",
            b"null",
            b'{"a": \xff}',
            b'{"a": "\xff"}',
            b'{"a": "\\ud800"}',
            b'{"a": NaN}',
            b'{"a": 1e999}',
            b'{"a":' * 2000 + b"1" + b"}" * 2000,
        ],
    )
    def test_what_is_no_json_object_is_one_problem_of_the_body(self, body: bytes) -> None:
        """Never a 500, whatever comes."""
        assert fields_of(body) == ["request_body"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (b'{"a": "x\\u0000y"}', "a"),
            (b'{"a": {"b": ["ok", "\\u0000"]}}', "a.b[1]"),
            (b'{"$where": 1}', "$where"),
            (b'{"a": {"$gt": ""}}', "a.$gt"),
            (b'{"a.b": 1}', "a.b"),
            (b'{"": 1}', ""),
            (b'{"a": 18446744073709551615}', "a"),
            (b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", "a" + "[0]" * 32),
        ],
    )
    def test_what_a_database_could_not_take_is_named_by_its_path(self, body: bytes, field: str) -> None:
        """Nothing is interpreted, nothing is stored."""
        assert fields_of(body) == [field]

    def test_every_problem_is_reported_at_once(self) -> None:
        """A client mends its request in one go."""
        assert fields_of(b'{"$a": 1, "b": "\\u0000"}') == ["$a", "b"]

    def test_numbers_keep_their_kind(self) -> None:
        """Nothing is coerced."""
        assert parse_json_object(b'{"a": 1, "b": 1.0, "c": true, "d": "1"}') == {
            "a": 1,
            "b": 1.0,
            "c": True,
            "d": "1",
        }


class TestForeignBytes:
    """What is no JSON because of how it was sent."""

    @pytest.mark.parametrize(
        ("body", "key"),
        [
            ('{"prompt": "竹林里的熊猫"}'.encode("gbk"), "json_not_utf8"),
            ('{"prompt": "一只猫"}'.encode("utf-16"), "json_not_utf8"),
            (gzip.compress(b'{"prompt": "a cat"}', mtime=0), "json_compressed"),
            (b"'{prompt: a cat}'", "not_json"),
            (b'{"prompt": "\\ud800"}', "not_json"),
        ],
    )
    def test_is_called_what_it_is(self, body: bytes, key: str) -> None:
        """A console on Windows sends GBK, and its user looks for a comma."""
        with pytest.raises(InvalidSubmission) as caught:
            parse_json_object(body)
        [problem] = caught.value.problems
        assert isinstance(problem.message, Text)
        assert (problem.field, problem.message.key) == ("request_body", key)


class TestShorten:
    def test_long_text_is_cut(self) -> None:
        """An error does not repeat ten megabytes."""
        assert shorten("x" * 1000) == "x" * 80 + "… (1000 characters)"

    def test_containers_are_named_not_shown(self) -> None:
        """What a client sent in bulk stays out of errors."""
        assert (shorten([1, 2]), shorten({"a": 1})) == ("array of 2", "object")


class TestDocuments:
    def test_a_full_task_comes_back_as_it_was(self) -> None:
        """There and back through BSON nothing is lost."""
        asset = Asset(key="t/0-x.png", media_type="image/png", width=1, height=2, size_bytes=3, sha256="00")
        error = TaskError(code="c", message="m", retryable=True, provider_code="P")
        task = Task(
            id="t",
            user_id="u",
            type="image",
            provider="p",
            model="m",
            input={"prompt": "猫", "seed": 1},
            status=Status.PROCESSING,
            transition_id="x",
            created_at=NOW,
            updated_at=NOW,
            images=2,
            references=(Reference(field="image[0]", asset="t/in-0-x.png"),),
            price=Price(amount_micro=200_000, currency="CNY"),
            attempt=Attempt(id="a", worker="w", started_at=NOW),
            calls={"a": CallRecord(id="a", attempt=1, indexes=(0, 1), fingerprint="f", sent_at=NOW)},
            outputs={
                "0": Output(index=0, state=OutputState.KEPT, at=NOW, asset=asset),
                "1": Output(index=1, state=OutputState.FAILED, at=NOW, error=error),
            },
            error=error,
            notes=("size mapped",),
        )
        raw = bson.encode(to_document(task))
        options = bson.CodecOptions[dict[str, object]](tz_aware=True, tzinfo=UTC)
        assert from_document(Task, bson.decode(raw, options)) == task

    def test_keys_of_a_newer_version_are_ignored(self) -> None:
        """An older process reads what a newer one wrote."""
        document = {"code": "c", "message": "m", "new_field": 1}
        assert from_document(TaskError, document) == TaskError(code="c", message="m")


class TestDump:
    def test_moments_are_rfc_3339_in_utc(self) -> None:
        """As clients parse them."""
        assert orjson.loads(dump_json({"at": NOW})) == {"at": "2026-11-24T12:00:00.123000Z"}

    def test_chinese_text_and_slashes_are_not_escaped(self) -> None:
        """The old shell loop echoes the body unquoted."""
        assert dump_json({"a": "猫/x"}) == '{"a":"猫/x"}'.encode()
