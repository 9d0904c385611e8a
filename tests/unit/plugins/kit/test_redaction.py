"""Messages from Ark, made fit for the task's user."""

from __future__ import annotations

import time

import pytest

from danqing_plugins.kit.redaction import LONGEST_MESSAGE, readable

PROMPT = "一只可爱的小猫咪在花园里玩耍，旁边写着 secret words of mine"


class TestReadable:
    """Secrets are cut out, the rest is Ark's own words."""

    def test_plain_words_stay(self) -> None:
        """A measured message is passed on, without the id that stands beside it."""
        text = "The parameter `size` is not valid: image size must be at least 3686400 pixels."
        assert readable(f"{text} Request id: 021757321139000abcdef") == text.rstrip(".")

    @pytest.mark.parametrize(
        "secret",
        [
            "https://a.tos-cn-beijing.volces.com/x.png?X-Tos-Signature=abc",
            "HTTP://example.com/a",
            "tos://bucket/key",
            "data:image/png;base64,iVBORw0KGgo=",
            "X-Tos-Credential=AKLT",
            "ark-key-1234",
        ],
    )
    def test_addresses_data_and_keys_are_cut(self, secret: str) -> None:
        """No link, picture or key comes through, quoted or not."""
        for text in (f"Cannot fetch {secret}", f'url="{secret}" is wrong', f"bad: <{secret}>"):
            assert secret not in readable(text, secrets=("ark-key-1234",))
        assert readable(f"Cannot fetch {secret} now", secrets=("ark-key-1234",)).startswith("Cannot fetch <")

    @pytest.mark.parametrize(
        "text",
        [
            f"refused: {PROMPT}",
            f"refused: {PROMPT[:14]}...",
            "the words '小猫' are not allowed",
            'the words "secret words" are not allowed',
            "near 花园里玩 in the text",
        ],
    )
    def test_prompt_is_cut(self, text: str) -> None:
        """Neither the whole prompt, nor its beginning, nor a quoted word of it shows."""
        shown = readable(text, prompt=PROMPT)
        assert "<prompt>" in shown
        assert not any(piece in shown for piece in ("小猫", "花园", "secret words"))

    @pytest.mark.parametrize(
        ("prompt", "message"),
        [
            ("a", "a cat is not allowed"),
            ("an error sign", '{"error": {"code": "Novelty", "message": "No."}}'),
            ("error", '{"error": {"code": "Novelty"}}'),
            ("error", "an error was found"),
            ("size", "The parameter `size` specified in the request is not valid: invalid width"),
            ("a code in the image", 'the field "code" of "image" is missing'),
            ("the", "The request failed because the input text may contain sensitive information."),
        ],
    )
    def test_words_of_the_message_stay(self, prompt: str, message: str) -> None:
        """H21: a word is not the prompt's because it also stands there."""
        assert readable(message, prompt=prompt) == message

    @pytest.mark.parametrize(
        ("prompt", "message"),
        [
            ("cat", 'the text "cat" is refused'),
            ("cat", "the text 'Cat' is refused"),
            ("cat", "refused text: cat"),
            ("cat", "prompt=cat is refused"),
            ("red fox", "cannot draw a Red Fox"),
            ("a red fox at night", 'near "red fox"'),
            ("a photosynthesis chart", 'the word "photosynthesis" is refused'),
            ("猫", "the word “猫” is refused"),
            ("кот на крыше", "near кот на крыше"),
            ("line one\nline two", "refused: line one line two"),
            ("一只小猫在花园", "refused: \\u4e00\\u53ea\\u5c0f\\u732b"),
        ],
    )
    def test_the_prompt_itself_is_cut(self, prompt: str, message: str) -> None:
        """H21: the whole prompt, however short, is no word of the message where it is quoted or named as such."""
        shown = readable(message, prompt=prompt)
        assert "<prompt>" in shown
        assert not any(
            piece in shown.lower() for piece in ("cat", "red fox", "photo", "猫", "кот", "line", "u5c0f")
        )

    def test_length_and_lines_are_bounded(self) -> None:
        """One line of bounded length, however long the answer was."""
        shown = readable("word\n\t\x00" * 100_000)
        assert len(shown) <= LONGEST_MESSAGE + 1
        assert shown.isprintable()

    def test_long_prompt_takes_no_time(self) -> None:
        """The search is bounded even for the longest prompt and message."""
        began = time.process_time()
        readable("ab" * 100_000, prompt="ba" * 4000 + "c")
        readable("猫狗" * 100_000, prompt="狗" * 8000)
        assert time.process_time() - began < 1.0
