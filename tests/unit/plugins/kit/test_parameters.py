"""One declaration of a parameter: what it refuses, and what a form is told."""

from __future__ import annotations

import time
from typing import Any

import jsonschema
import pytest

from danqing_plugins import InvalidRequest, Reference, Request, Text
from danqing_plugins.kit.parameters import (
    Choice,
    Flag,
    Json,
    Line,
    Number,
    Options,
    Parameter,
    Parameters,
    Prompt,
    References,
    Seed,
    Size,
    Whole,
    Words,
)

SAID: dict[str, Any] = {"title": Text("Title", "标题"), "description": Text("What it does", "作用")}
FORM = Parameters(
    Prompt(most=20),
    References(most=2, formats=("png",), most_bytes=1000, shortest=10, longest=100, widest=3),
    Whole("n", least=1, most=4, default=1, **SAID),
    Whole("duration", least=4, most=16, step=2, also=(-1,), unit="s", **SAID),
    Seed(),
    Number("guidance", least=1, most=10, step=0.5, **SAID),
    Flag("watermark", default=True, **SAID),
    Choice("quality", allowed=("low", "high"), labels={"low": Text("low", "低")}, **SAID),
    Choice("fps", allowed=(24, 30), **SAID),
    Words("tags", most=2, longest=5, **SAID),
    Words("events", most=2, allowed=("start", "end"), **SAID),
    Line("title", most=10, advice=Text("short", "宜短"), **SAID),
    Options("options", parameters=(Whole("max", least=1, most=3, **SAID),), when={"quality": ("high",)}, **SAID),
    Json("tools", like={"type": "array"}, refuses=lambda value: None if value == [1] else "must be [1]", **SAID),
)


def request(references: tuple[Reference, ...] = (), **input_: Any) -> Request:
    """Return a submission with a prompt."""
    return Request(
        provider="acme", type="image", model=None, input={"prompt": "a fox", **input_}, references=references
    )


def wrong(form: Parameters = FORM, *, references: tuple[Reference, ...] = (), **input_: Any) -> dict[str, str]:
    """Return what is wrong, by field."""
    fields = form.read(
        request(references, **input_), model="one", elsewhere={"style": ("two", "three"), "mask": ()}
    )
    return {problem.field: problem.message for problem in fields.problems}


class TestChecks:
    """What is refused, and under which name."""

    @pytest.mark.parametrize(
        ("name", "good", "bad"),
        [
            ("prompt", ["x", "画" * 20], ["", "  ", "x" * 21, 5, "a\0"]),
            ("n", [1, 4], [0, 5, "1", 1.0, True]),
            ("duration", [4, 16, -1], [3, 5, 18, -2, "4"]),
            ("seed", [0, 2**31 - 1], [-1, 2**31, 0.5]),
            ("guidance", [1, 2.5, 10], [0.9, 11, "2", True]),
            ("watermark", [True, False], [0, "true"]),
            ("quality", ["low"], ["LOW", 1, ["low"]]),
            ("fps", [24], [25, "24", 24.0, True]),
            ("tags", [[], ["a", "b"]], [["a", "b", "c"], ["toolong"], [1], "a"]),
            ("events", [["start"]], [["middle"]]),
            ("title", ["", "x"], ["x" * 11]),
            ("tools", [[1]], [[], [2]]),
        ],
    )
    def test_table(self, name: str, good: list[Any], bad: list[Any]) -> None:
        """Nothing is coerced, and the schema takes what the check takes."""
        schema = FORM.schema()
        for value in good:
            assert wrong(**{name: value}) == {}
            jsonschema.validate({"prompt": "x", name: value}, schema)
        for value in bad:
            assert set(wrong(**{name: value})) == {name}

    def test_inner_fields_are_named_by_their_path(self) -> None:
        """An object of parameters is checked as the input is."""
        assert set(wrong(options={"max": 9, "least": 1})) == {"options.max", "options.least"}
        assert set(wrong(options=[1])) == {"options"}

    def test_many_unknown_names_take_no_time(self) -> None:
        """Each is told of; a body of 100,000 of them held a whole server up for minutes."""
        began_s = time.process_time()
        told = wrong(**{f"promqt{number}": 1 for number in range(20_000)})
        assert time.process_time() - began_s < 2
        assert len(told) == 20_000
        assert "did you mean prompt?" in told["promqt0"]
        assert "did you mean" not in told["promqt19999"]

    def test_missing_and_unknown_names(self) -> None:
        """Null is absence; a misspelt name is told what it may have meant."""
        assert wrong(prompt=None) == {"prompt": "is required"}
        assert "did you mean quality" in wrong(qualty="low")["qualty"]
        assert wrong(qualty=None) == {}

    def test_parameter_of_other_models_names_them(self) -> None:
        """Who asked the wrong model learns which is right."""
        assert wrong(style="x")["style"] == "one does not take it; models that take it: two, three"
        assert "no model on offer" in wrong(mask="x")["mask"]

    def test_required_may_be_waived_or_come_as_a_picture(self) -> None:
        """A picture can take the place of words; a required picture is no input field."""
        form = Parameters(Prompt(), References("first", required=True, most=1))
        assert form.read(request(prompt=None), optional=("prompt", "first")).problems == []
        assert {problem.field for problem in form.read(request()).problems} == {"first"}
        assert form.read(request((Reference(field="first", url="https://a.example/x"),))).problems == []

    def test_strict_condition(self) -> None:
        """An option that would silently do nothing is an error, when it is declared to be."""
        odd = Flag("odd", when={"quality": ("high",)}, strict=True, **SAID)
        form = Parameters(Prompt(), Choice("quality", allowed=("low", "high"), **SAID), odd)
        assert set(wrong(form, quality="low", odd=True)) == {"odd"}
        assert wrong(form, quality="high", odd=True) == {}

    def test_finish_raises_all_at_once(self) -> None:
        """A client mends its request in one round."""
        with pytest.raises(InvalidRequest) as caught:
            FORM.read(request(n=9, seed="x")).finish()
        assert [problem.field for problem in caught.value.problems] == ["n", "seed"]
        assert FORM.read(request(n=None)).given == {"prompt": "a fox"}


class TestReferences:
    """What is known of pictures before anything is bought."""

    @pytest.mark.parametrize(
        "changes",
        [
            {"media_type": "image/gif"},
            {"size_bytes": 1001},
            {"width": 9, "height": 20},
            {"width": 101, "height": 100},
            {"width": 20, "height": 61},
        ],
    )
    def test_limits(self, changes: dict[str, Any]) -> None:
        """Format, bytes, sides and ratio."""
        known = {"media_type": "image/png", "size_bytes": 10, "width": 20, "height": 20}
        assert wrong(references=(Reference(field="image[0]", **known),)) == {}
        assert set(wrong(references=(Reference(field="image[1]", **known | changes),))) == {"image[1]"}

    def test_count(self) -> None:
        """Too many are refused, and so are those of a field that is not there."""
        many = tuple(Reference(field=f"image[{n}]", url="https://a.example/x") for n in range(3))
        assert set(wrong(references=many)) == {"image"}
        assert set(wrong(references=(Reference(field="mask", url="https://a.example/x"),))) == {"mask"}


class TestSizes:
    """Tiers, lists and free sides."""

    FREE = Size(free=True, tiers=("1K",), sides=(512, 2048), step=16, area=(2**19, 2**22), widest=3, separator="*")

    @pytest.mark.parametrize("size", ["1k", "1024*1024", "1024x512", "512*1024"])
    def test_legal(self, size: str) -> None:
        """In either spelling."""
        assert self.FREE.refuses(size) is None

    @pytest.mark.parametrize(
        ("size", "said"),
        [
            ("big", "1K, WIDTH*HEIGHT"),
            ("496x1024", "512 to 2048"),
            ("1024x1000", "multiple of 16"),
            ("512x512", "262144 pixels"),
            ("512x2048", "3:1"),
            ("0x0", "512"),
        ],
    )
    def test_illegal(self, size: str, said: str) -> None:
        """Each limit is told by its number."""
        assert said in str(self.FREE.refuses(size))

    def test_normal_form_is_the_services(self) -> None:
        """What goes out is spelt as the service spells it."""
        assert [self.FREE.normal(size) for size in ("1k", "1024x512", "odd")] == ["1K", "1024*512", "odd"]

    def test_list(self) -> None:
        """Nothing but what is listed."""
        listed = Size(allowed=("1328*1328",), separator="*")
        assert listed.refuses("1328x1328") is None
        assert listed.refuses("1024x1024") is not None
        assert listed.shape() == {"type": "string", "enum": ["1328*1328"]}

    def test_form_is_told_the_squares_of_free_sizes(self) -> None:
        """Of tiers by their names, of others as they are said; without free sizes there are no shapes to offer."""
        tiers = ("1K", "1.5K", "large")
        assert Size(free=True, tiers=tiers).hints()["squares"] == {"1K": 1024, "1.5K": 1536}
        assert Size(free=True, squares={"M": 1328}).hints()["squares"] == {"M": 1328}
        assert Size(tiers=tiers).hints()["squares"] == {}


class TestSchema:
    """What a form is made of."""

    def test_is_a_schema_with_one_key_more(self) -> None:
        """Every field has its words, its place and its widget."""
        schema = FORM.schema()
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["required"] == ["prompt"]
        properties = schema["properties"]
        assert [part["x-ui"]["order"] for part in properties.values()] == [10 * n for n in range(1, 15)]
        assert {name: part["x-ui"]["widget"] for name, part in properties.items()} == {
            "prompt": "prompt",
            "image": "references",
            "n": "number",
            "duration": "number",
            "seed": "seed",
            "guidance": "number",
            "watermark": "switch",
            "quality": "chips",
            "fps": "chips",
            "tags": "json",
            "events": "chips",
            "title": "text",
            "options": "group",
            "tools": "json",
        }
        assert properties["watermark"]["default"] is True
        assert properties["quality"]["x-ui"]["labels"]["low"].zh == "低"
        assert properties["duration"]["x-ui"]["unit"] == "s"
        assert properties["options"]["x-ui"]["when"] == {"quality": ["high"]}
        assert properties["title"]["x-ui"]["advice"].zh == "宜短"

    def test_own_kind(self) -> None:
        """An author may add one."""

        class Colour(Parameter):
            usual_widget = "text"

            def check(self, fields: Any) -> None:
                if not str(fields.values[self.name]).startswith("#"):
                    fields.refuse(self.name, "must begin with #")

            def shape(self) -> dict[str, Any]:
                return {"type": "string", "pattern": "^#"}

        form = Parameters(Prompt(), Colour("colour", **SAID))
        assert set(wrong(form, colour="red")) == {"colour"}
        assert wrong(form, colour="#f00") == {}


class TestWhereReferencesComeFrom:
    """The two places where clients put a field."""

    def test_a_reference_among_the_options_is_the_same_field(self) -> None:
        """Old clients send `options.image`; what is wrong is told under that name."""
        assert wrong(references=(Reference(field="options.image[0]", url="https://a.example/x"),)) == {}
