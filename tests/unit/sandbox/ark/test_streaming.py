"""Server-sent events."""

from __future__ import annotations

from danqing_providers.sandbox.ark.oddities import encode_event


class TestEncoding:
    """The form of one event."""

    def test_form(self) -> None:
        """A name, data on one line whatever the text holds, an empty line."""
        encoded = encode_event("error", {"error": {"code": "X", "message": "two\nlines 山"}})
        expected = 'event: error\ndata: {"error":{"code":"X","message":"two\\nlines 山"}}\n\n'
        assert encoded == expected.encode()
