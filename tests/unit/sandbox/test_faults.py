"""Rules and magic words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from danqing_providers.sandbox.fault_rules import parse_fault
from danqing_providers.sandbox.faults import FaultKind, FaultRules, Target
from danqing_providers.sandbox.magic import MAGIC_WORDS, MagicCounts, magic_faults
from danqing_providers.sandbox.troubles import Trouble

ANY = Target(prompt="p", models={"m"})


def rules(*given: dict[str, Any]) -> FaultRules:
    """Return rules in force."""
    book = FaultRules()
    book.add(parse_fault(rule, "[0]") for rule in given)
    return book


class TestParsing:
    """Rules as JSON."""

    @pytest.mark.parametrize(
        ("rule", "complaint"),
        [
            ("latency", "expected an object"),
            ({"kind": "nonsense"}, "none of latency, status"),
            ({}, "none of latency"),
            ({"kind": "latency", "second": 1}, r"\[0\].second: unknown"),
            ({"kind": "latency", "seconds": "1"}, "wrong type"),
            ({"kind": "latency", "seconds": -1}, "negative"),
            ({"kind": "latency", "times": True}, "wrong type"),
            ({"kind": "status", "status": 200}, "not between 400 and 599"),
            ({"kind": "slow", "on": "input"}, "none of"),
        ],
    )
    def test_complaints(self, rule: Any, complaint: str) -> None:
        """Each mistake is named, with its place."""
        with pytest.raises(ValueError, match=complaint):
            parse_fault(rule, "[0]")

    def test_times(self) -> None:
        """Absent is once, null is always."""
        assert parse_fault({"kind": "html_502"}, "[0]").times == 1
        assert parse_fault({"kind": "html_502", "times": None}, "[0]").times is None


class TestMatching:
    """Which rule strikes."""

    def test_as_often_as_told(self) -> None:
        """Twice, then no more; the book says so."""
        book = rules({"kind": "html_502", "times": 2})
        struck = [book.take({FaultKind.HTML_502}, ANY) is not None for _ in range(3)]
        assert struck == [True, True, False]
        assert (book.describe()[0]["struck"], book.describe()[0]["left"]) == (2, 0)

    @pytest.mark.parametrize(
        ("match", "strikes"),
        [({"prompt": "cat"}, True), ({"prompt": "dog"}, False), ({"model": "m"}, True), ({"model": "x"}, False)],
    )
    def test_prompt_and_model(self, match: dict[str, str], strikes: bool) -> None:
        """A part of the prompt, the whole id of the model."""
        book = rules({"kind": "html_502", **match})
        assert (book.take({FaultKind.HTML_502}, Target(prompt="a cat", models={"m"})) is not None) is strikes

    def test_image_index(self) -> None:
        """A rule for one picture spares the others."""
        book = rules({"kind": "image_error", "image_index": 2, "times": None})
        struck = [index for index in range(4) if book.take({FaultKind.IMAGE_ERROR}, ANY, index)]
        assert struck == [2]

    def test_stage(self) -> None:
        """Moderation is of the input unless it says output."""
        book = rules({"kind": "moderation"})
        assert book.take({FaultKind.MODERATION}, ANY, 0, "output") is None
        assert book.take({FaultKind.MODERATION}, ANY, None, "input") is not None


class TestMagicWords:
    """Words in the prompt."""

    @pytest.mark.parametrize("word", MAGIC_WORDS)
    def test_every_word_stands_for_a_fault(self, word: str) -> None:
        """Each makes a valid fault that strikes always."""
        ((text, fault),) = magic_faults(f"a cat [sandbox:{word}]")
        assert text == f"[sandbox:{word}]"
        assert fault.times is None

    def test_table_cannot_be_changed(self) -> None:
        """The table is frozen."""
        with pytest.raises(TypeError):
            MAGIC_WORDS["x"] = MAGIC_WORDS["fail"]  # type: ignore[index] # that is the point

    def test_value(self) -> None:
        """A number after the word is the fault's."""
        assert magic_faults("[sandbox:slow=2.5]")[0][1].seconds == 2.5
        assert magic_faults("[sandbox:download-status=404]")[0][1].status == 404

    def test_count(self, tmp_path: Path) -> None:
        """`x2` strikes twice for one prompt, and again twice for another."""
        counts = MagicCounts(tmp_path)
        kinds = {FaultKind.STATUS}
        assert [counts.take(kinds, Target(prompt="cat [sandbox:fail x2]")) is not None for _ in range(3)] == [
            True,
            True,
            False,
        ]
        assert counts.take(kinds, Target(prompt="dog [sandbox:fail x2]")) is not None

    @pytest.mark.parametrize(
        "prompt", ["[sandbox:nonsense]", "[sandbox:slow=fast]", "[sandbox:download-status=99]"]
    )
    def test_mistakes_are_told(self, prompt: str) -> None:
        """A word that was mistyped is 400, not a picture."""
        with pytest.raises(Trouble) as caught:
            magic_faults(prompt)
        assert caught.value.status == 400
