"""E14: what two readers could take for two requests is taken for none."""

from __future__ import annotations

import pytest
from sanic.exceptions import BadRequest

from danqing_server.http.heads import check_chunk_head, read_head, whole_number

POST = b"POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\n"

GOOD = [
    b"GET / HTTP/1.1\r\nHost: localhost",
    b"GET / HTTP/1.1\r\nhost:localhost:8080\r\nX-Empty:\r\nX-Text: \tcaf\xc3\xa9 ",
    b"GET / HTTP/1.0",
    b"GET / HTTP/1.0\r\nHost: a",
    POST + b"Content-Length: 5",
    POST + b"Content-Length:  5 ",
    POST + b"TRANSFER-ENCODING: chunked",
    POST + b"X-Host: a\r\nX-Content-Length: b",
]

BAD = [
    b"",
    b"GET /",
    b"GET  / HTTP/1.1\r\nHost: a",
    b"GET /\t/ HTTP/1.1\r\nHost: a",
    b"G\x0bT / HTTP/1.1\r\nHost: a",
    b"GET / HTTP/1.1",
    b"GET / HTTP/1.2\r\nHost: a",
    b"GET / HTTP/2.0\r\nHost: a",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b",
    b"GET / HTTP/1.1\r\nHost: a\r\nhOST: a",
    b"GET / HTTP/1.0\r\nHost: a\r\nHost: b",
    POST + b"Content-Length : 5",
    POST + b"Content-Length\t: 5",
    POST + b" Content-Length: 5",
    POST + b"X: a\r\n folded",
    POST + b"X: a\nContent-Length: 5",
    POST + b"X: a\rContent-Length: 5",
    POST + b"X: a\x00b",
    POST + b"no colon",
    POST + b": no name",
    POST + b"Content\xc2\xadLength: 5",
    POST + b"Content-Length: 5\r\nContent-Length: 5",
    POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    POST + b"Content-Length: 0x5",
    POST + b"Content-Length: +5",
    POST + b"Content-Length: 5, 5",
    POST + b"Content-Length: \xd9\xa5",
    POST + b"Content-Length:",
    POST + b"Transfer-Encoding: \x0bchunked",
    POST + b"Transfer-Encoding: \xc2\xa0chunked",
    POST + b"Transfer-Encoding: gzip, chunked",
    POST + b"Transfer-Encoding: Chunked",
    POST + b"Transfer-Encoding: identity",
    b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked",
]


class TestHead:
    @pytest.mark.parametrize("head", GOOD)
    def test_plain_heads_pass(self, head: bytes) -> None:
        """As clients write them."""
        read_head(head)

    @pytest.mark.parametrize("head", BAD)
    def test_others_are_refused(self, head: bytes) -> None:
        """E14: each of them somebody reads another way."""
        with pytest.raises(BadRequest):
            read_head(head)

    def test_values_lose_the_white_space_of_http_alone(self) -> None:
        """Other white space is part of them; a name is read in lower case."""
        head = read_head("GET /a?b HTTP/1.0\r\nX-Text: \t\xa0a b\xa0 \t".encode())
        assert (head.method, head.url, head.version) == ("GET", "/a?b", "1.0")
        assert list(head.headers.items()) == [("x-text", "\xa0a b\xa0")]

    @pytest.mark.parametrize(
        ("said", "length_bytes"),
        [
            (b"X: 1", 0),
            (b"Content-Length: 0", 0),
            (b"Content-Length: 12 ", 12),
            (b"Transfer-Encoding: chunked", None),
        ],
    )
    def test_body_is_as_long_as_the_head_says(self, said: bytes, length_bytes: int | None) -> None:
        """None: it says so before each chunk."""
        assert read_head(POST + said).length_bytes == length_bytes

    @pytest.mark.parametrize(
        ("head", "keeps_alive"),
        [
            (POST + b"X: 1", True),
            (POST + b"Connection: Keep-Alive", True),
            (POST + b"Connection: close", False),
            (POST + b"Connection: keep-alive\r\nConnection: close", False),
            (b"GET / HTTP/1.0", False),
            (b"GET / HTTP/1.0\r\nConnection: keep-alive", True),
            # java.net.http of Java 11 and later, on plain HTTP; libwww-perl
            (POST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA", True),
            (POST + b"Connection: TE,close", False),
            (b"GET / HTTP/1.0\r\nConnection: TE, Keep-Alive", True),
            (b"GET / HTTP/1.0\r\nConnection: TE", False),
        ],
    )
    def test_connection_stays_where_nothing_speaks_against_it(self, head: bytes, keeps_alive: bool) -> None:
        """As its version has it, unless the client says otherwise."""
        assert read_head(head).keeps_alive is keeps_alive

    def test_longest_head_takes_no_time(self) -> None:
        """The pattern never goes back."""
        with pytest.raises(BadRequest):
            read_head(b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 3000 + b"\x00")


class TestChunkHead:
    @pytest.mark.parametrize("head", [b"\r\n0\r\n", b"\r\n1f\r\n", b"\r\n1F ;a=b\r\n", b"\r\n5;x\r\nhello"])
    def test_size_is_hexadecimal(self, head: bytes) -> None:
        """With or without an extension."""
        assert check_chunk_head(bytearray(head))

    @pytest.mark.parametrize("head", [b"", b"\r", b"\r\n", b"\r\n5", b"\r\n5\r"])
    def test_half_of_it_is_waited_for(self, head: bytes) -> None:
        """It may come in two packets."""
        assert not check_chunk_head(bytearray(head))

    @pytest.mark.parametrize(
        "head",
        [
            b"\r\n0x1f\r\n",
            b"\r\n+5\r\n",
            b"\r\n 5\r\n",
            b"\r\n5_0\r\n",
            b"\r\n\r\n",
            b"\r\n\xd9\xa5\r\n",
            b"\r\n5\n5\r\n",
            b"\r\n5;\x0b\r\n",
            b"XX5\r\n",
            b"\n5\r\n",
            b"\r\n" + b"5" * 300,
        ],
    )
    def test_anything_else_is_refused(self, head: bytes) -> None:
        """E14: what stands in the place of the line break after a chunk, too."""
        with pytest.raises(BadRequest):
            check_chunk_head(bytearray(head))


class TestNumber:
    def test_digits_alone_are_a_number(self) -> None:
        """`int` reads more."""
        assert (whole_number("1f", 16), whole_number(" 15 ", 10)) == (31, 15)
        for text, base in (("0x1f", 16), ("١", 10), ("", 10), ("1 1", 10), ("-1", 10), ("9" * 19, 10)):
            with pytest.raises(ValueError):
                whole_number(text, base)
