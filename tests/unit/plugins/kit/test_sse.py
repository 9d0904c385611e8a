"""The parser of server-sent events, fed bytes that are cut anywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danqing_plugins.kit.sse import Event, EventParser, EventTooLarge

STREAM = (
    "\ufeff: a comment\r\n"
    "event: image_generation.partial_succeeded\r\n"
    'data: {"image_index":0,\r\n'
    'data: "name":"图"}\r\n'
    "\r\n"
    "id: 7\nretry: 10\n\n"
    "event:named\rdata:first\rdata\rdata:  third\r\r"
    ":\n"
    "data: [DONE]\n"
    "\n"
    "event: last\n"
    "data: without a blank line"
).encode()
EVENTS = [
    Event("image_generation.partial_succeeded", '{"image_index":0,\n"name":"图"}'),
    Event("named", "first\n\n third"),
    Event("message", "[DONE]"),
    Event("last", "without a blank line"),
]


def parse(*chunks: bytes, max_bytes: int = 10_000) -> list[Event]:
    """Return every event of a stream that comes in *chunks*."""
    parser = EventParser(max_bytes)
    return [event for chunk in chunks for event in parser.feed(chunk)] + parser.finish()


class TestParsing:
    """Events are the same however the bytes are cut."""

    def test_whole_stream(self) -> None:
        """Comments, ids, three line ends, several data lines and a missing end are read as the standard says."""
        assert parse(STREAM) == EVENTS

    def test_byte_by_byte(self) -> None:
        """A cut within a character, a CRLF or the byte-order mark changes nothing."""
        assert parse(*(STREAM[number : number + 1] for number in range(len(STREAM)))) == EVENTS

    @given(st.lists(st.integers(0, len(STREAM)), max_size=12))
    def test_cut_anywhere(self, cuts: list[int]) -> None:
        """Arbitrary boundaries, empty chunks among them, give the same events."""
        bounds = [0, *sorted(cuts), len(STREAM)]
        assert parse(*(STREAM[start:stop] for start, stop in pairwise(bounds))) == EVENTS

    @given(st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8")), min_size=1), st.data())
    def test_any_text_survives(self, lines: list[str], data: st.DataObject) -> None:
        """Whatever the data lines hold comes out as it went in."""
        end = data.draw(st.sampled_from(["\n", "\r", "\r\n"]))
        body = "".join(f"data: {line}{end}" for line in lines).encode() + end.encode()
        cut = data.draw(st.integers(0, len(body)))
        assert parse(body[:cut], body[cut:]) == [Event("message", "\n".join(lines))]

    def test_event_is_told_as_soon_as_it_is_complete(self) -> None:
        """A picture is not held back until the next one comes."""
        parser = EventParser(100)
        assert parser.feed(b"data: 1\r\n\r") == [Event("message", "1")]
        assert parser.feed(b"\n") == []
        assert parser.feed(b"data: 2\n\n") == [Event("message", "2")]

    @pytest.mark.parametrize("stream", [b"", b"\n\n\n", b": ping\n\n", b"event: nothing\n\n", b"\xef\xbb"])
    def test_nothing_is_no_event(self, stream: bytes) -> None:
        """Keep-alives and names without data are no events."""
        assert parse(stream) == []


class TestBounds:
    """A hostile stream cannot fill the memory."""

    def test_endless_line_is_refused(self) -> None:
        """A line without an end is held to the limit."""
        with pytest.raises(EventTooLarge):
            parse(*[b"x" * 100] * 20, max_bytes=1000)

    def test_endless_event_is_refused(self) -> None:
        """Many short lines count together."""
        with pytest.raises(EventTooLarge):
            parse(*[b"data: x\n"] * 200, max_bytes=1000)

    def test_many_events_are_not_one(self) -> None:
        """The limit is per event, not per stream."""
        assert len(parse(*[b"data: x\n\n"] * 500, max_bytes=100)) == 500

    def test_large_event_in_small_pieces_is_read_in_linear_time(self) -> None:
        """No byte is searched twice: 16 MB in 4 KB pieces would take minutes otherwise."""
        parser = EventParser(32 << 20)
        parser.feed(b"data: ")
        for _ in range(4096):
            parser.feed(b"x" * 4096)
        (event,) = parser.feed(b"\n\n")
        assert len(event.data) == 16 << 20
