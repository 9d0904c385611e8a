"""What clients may send as a reference."""

from __future__ import annotations

import base64

import pytest

from danqing_plugins import Text
from danqing_server.assets.references import parse_references, shortened
from danqing_server.errors import InvalidSubmission
from tests.unit.assets.pictures import picture


def data_uri(body: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(body).decode()}"


class TestForms:
    """URL, data URI or one of ours; one or many."""

    def test_none_and_an_empty_list_are_none(self) -> None:
        """An explicit null counts as absent."""
        assert parse_references("image", None) == []
        assert parse_references("image", []) == []

    def test_a_single_string_keeps_the_bare_name(self) -> None:
        """Problems are then named as the client sent the field."""
        (parsed,) = parse_references("image", "https://example.com/a.png?x=1")
        assert (parsed.reference.field, parsed.reference.url) == ("image", "https://example.com/a.png?x=1")

    def test_a_list_is_numbered(self) -> None:
        """From 0, as in JSON."""
        parsed = parse_references("image", ["https://a.example/1", "http://b.example/2"])
        assert [each.reference.field for each in parsed] == ["image[0]", "image[1]"]

    def test_a_data_uri_is_decoded_and_looked_at(self) -> None:
        """Its size and bytes are known before the task exists."""
        body = picture("jpeg", 31, 17)
        (parsed,) = parse_references("image", data_uri(body, "image/jpeg"))
        assert parsed.body == body
        reference = parsed.reference
        assert (reference.media_type, reference.width, reference.height) == ("image/jpeg", 31, 17)
        assert (reference.size_bytes, reference.url, reference.asset) == (len(body), None, None)
        assert parsed.kept_as("t/in-0-x.jpeg").asset == "t/in-0-x.jpeg"

    @pytest.mark.parametrize("declared", ["image/png", "IMAGE/PNG", "image/jpg", "image/png;charset=x"])
    def test_a_wrong_media_type_is_corrected(self, declared: str) -> None:
        """The bytes decide."""
        (parsed,) = parse_references("image", data_uri(picture("webp"), declared))
        assert parsed.reference.media_type == "image/webp"

    @pytest.mark.parametrize("ending", ["\n", "\r\n"])
    def test_base64_in_lines_is_taken(self, ending: str) -> None:
        """H10: as `base64` and MIME libraries write it, with a newline at the end, and without padding."""
        body = picture("png")
        text = base64.encodebytes(body).decode().replace("\n", ending)
        for written in (text, text.rstrip(), text.rstrip().rstrip("=")):
            (parsed,) = parse_references("image", f"data:image/png;base64,{written}", max_bytes=len(body))
            assert parsed.body == body

    @pytest.mark.parametrize("declared", ["application/octet-stream", ""])
    def test_a_kind_the_browser_does_not_know_is_taken(self, declared: str) -> None:
        """H8: the bytes decide."""
        (parsed,) = parse_references("image", data_uri(picture("webp"), declared))
        assert parsed.reference.media_type == "image/webp"

    def test_our_own_path_is_a_key(self) -> None:
        """Without a host there is no one else's picture it could mean."""
        (parsed,) = parse_references("image", "/api/v1/assets/task/0-abc.png")
        assert parsed.reference.asset == "task/0-abc.png"


class TestH14Urls:
    """H14: what cannot work at the provider is refused at submission, what only looks wrong is mended."""

    @pytest.mark.parametrize("sent", [" https://h/a.png", "https://h/a.png\n", "\t https://h/a.png \r\n"])
    def test_white_space_around_is_trimmed(self, sent: str) -> None:
        """It comes of copying."""
        (parsed,) = parse_references("image", sent)
        assert parsed.reference.url == "https://h/a.png"

    @pytest.mark.parametrize(
        ("sent", "named"),
        [
            ("https://h/a\tb.png", "U+0009"),
            ("https://h/a b.png", "U+0020"),
            ("https://h/a\nb.png", "U+000A"),
            ("https://h/\u200ba.png", "U+200B"),
            ("https://h\0/a.png", "U+0000"),
            ("/api/v1/assets/task/0-abc.png\n?", "U+000A"),
        ],
    )
    def test_white_space_inside_is_refused_by_name(self, sent: str, named: str) -> None:
        """It is seen in no editor, and Python would take it out in silence."""
        with pytest.raises(InvalidSubmission) as caught:
            parse_references("image", sent)
        message = caught.value.problems[0].message
        assert named in message
        assert "percent-encoded" in message

    @pytest.mark.parametrize(
        "host",
        [
            "localhost:3000",
            "LOCALHOST.",
            "my.localhost",
            "printer.local",
            "db.internal",
            "192.168.1.5",
            "10.0.0.1:8080",
            "172.16.0.1",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "１２７.0.0.1",
            "127.0.0.1。",
            "ｌｏｃａｌｈｏｓｔ",
            "0177.0.0.1",
            "169.254.169.254",
            "[::1]",
            "[fd00::1]",
            "[::ffff:10.0.0.1]",
            "[fe80::1%25eth0]",
        ],
    )
    def test_a_host_that_only_we_can_reach_is_refused(self, host: str) -> None:
        """With the two ways out; no name is looked up."""
        with pytest.raises(InvalidSubmission) as caught:
            parse_references("image", f"http://{host}/a.png")
        message = caught.value.problems[0].message
        assert "public URL" in message
        assert "base64" in message
        assert isinstance(message, Text)

    @pytest.mark.parametrize(
        "host", ["h", "localhost.example.com", "local.example", "8.8.8.8", "[2606:4700::1]", "例.cn"]
    )
    def test_any_other_host_is_passed_on(self, host: str) -> None:
        """Whatever its name resolves to."""
        (parsed,) = parse_references("image", f"https://{host}/图.png?x=%20")
        assert parsed.reference.url == f"https://{host}/图.png?x=%20"

    def test_our_own_picture_may_be_named_by_a_private_host(self) -> None:
        """A server on a desk has no other; whether the picture is there is seen to later."""
        url = "http://localhost:8080/api/v1/assets/task/0-abc.png"
        (parsed,) = parse_references("image", url)
        assert parsed.reference.url == url

    @pytest.mark.parametrize("url", ["http://h:99999/a", "http://[::1/a", f"http://h/{'a' * 8192}"])
    def test_what_is_no_url_is_said_in_both_languages(self, url: str) -> None:
        """A library's words stay out."""
        with pytest.raises(InvalidSubmission) as caught:
            parse_references("image", url)
        assert isinstance(caught.value.problems[0].message, Text)


class TestProblems:
    """Every problem is named, and none repeats the picture."""

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "a.png",
            "ftp://example.com/a.png",
            "file:///etc/passwd",
            "//example.com/a.png",
            "http://",
            "http://[::1/a",
            "https://user:secret@example.com/a.png",
            "/api/v1/assets/../secret",
            "data:image/png;base64",
            "data:image/png,abc",
            "data:text/html;base64,YWJj",
            "data:image/png;base64,@@@@",
            "data:image/png;base64,YWJj",
            data_uri(picture("png")[:20]),
            data_uri(b"<svg/>", "image/svg+xml"),
            {"image": {"url": "https://a.example"}},
            [5],
            7,
            True,
        ],
    )
    def test_other_things_are_refused(self, value: object) -> None:
        """One problem for the one thing that is wrong."""
        with pytest.raises(InvalidSubmission) as caught:
            parse_references("image", value)
        (problem,) = caught.value.problems
        assert problem.field in ("image", "image[0]")
        assert "secret@" not in repr(problem.value)

    def test_all_wrong_ones_are_collected(self) -> None:
        """The second problem is not hidden by the first."""
        with pytest.raises(InvalidSubmission) as caught:
            parse_references("image", ["nonsense", "https://example.com/ok.png", 5])
        assert [problem.field for problem in caught.value.problems] == ["image[0]", "image[2]"]

    def test_limits_of_bytes_and_pixels_hold(self) -> None:
        """At the limit it passes, above it is refused."""
        body = picture("png", 40, 30)
        assert parse_references("image", data_uri(body), max_bytes=len(body), max_pixels=1200)
        for limits in ({"max_bytes": len(body) - 3}, {"max_pixels": 1199}):
            with pytest.raises(InvalidSubmission):
                parse_references("image", data_uri(body), **limits)

    def test_too_many_are_one_problem(self) -> None:
        """A list of a million strings does not become a million problems."""
        with pytest.raises(InvalidSubmission) as caught:
            parse_references("image", ["x"] * 101)
        assert len(caught.value.problems) == 1

    def test_a_shown_value_holds_no_data_query_or_password(self) -> None:
        """Enough to recognise it, and no more."""
        assert shortened(data_uri(bytes(9000))) == "data:image/png;base64,… (12022 characters)"
        assert shortened("https://u:pass@h.example/a.png?sig=abc#f") == "https://h.example/a.png"
        assert len(str(shortened("x" * 5000))) <= 81
        assert [shortened(value) for value in ({"a": "secret"}, 5)] == ["object", 5]
