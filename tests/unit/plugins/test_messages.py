from __future__ import annotations

import copy
import pickle

from danqing_plugins import Message, Text, in_language

TOO_LONG = Message(key="test.too_long", en="{count} characters are too long: {why}", zh="{count} 个字符过长：{why}")
WHY = Message(key="test.why", en="it must fit on a page", zh="必须放得进一页")


class TestText:
    """U3: one sentence, two languages."""

    def test_it_is_english_wherever_a_string_goes(self) -> None:
        """Logs, plugins and older releases see an ordinary string."""
        text = TOO_LONG(count=7, why="so")
        assert text == "7 characters are too long: so"
        assert (text.key, type(str(text))) == ("test.too_long", str)

    def test_a_sentence_inside_is_spoken_too(self) -> None:
        """No English is left over in the Chinese one."""
        text = TOO_LONG(count=7, why=WHY())
        assert text == "7 characters are too long: it must fit on a page"
        assert text.zh == "7 个字符过长：必须放得进一页"

    def test_plain_strings_are_shown_as_they_are(self) -> None:
        """What a third party's plugin says has one language."""
        assert [in_language("so", language) for language in ("zh", "en")] == ["so", "so"]
        assert [in_language(WHY(), language) for language in ("zh", "en")] == [WHY.zh, WHY.en]
        assert Text("so").zh == "so"

    def test_copies_keep_the_chinese(self) -> None:
        """Deep copies and pickles of what holds one."""
        text = WHY()
        assert [copy.deepcopy(text).zh, pickle.loads(pickle.dumps(text)).zh] == [WHY.zh, WHY.zh]
