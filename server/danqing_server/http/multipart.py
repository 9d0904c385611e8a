"""Forms with files, `multipart/form-data`: read as they arrive, within the bounds of every other body.

Fields and files come in any order; a part is a file when it says a file's name, in either spelling, or that it is
no text. What stands before the first boundary and behind the last is nobody's. See RFC 7578, and RFC 2046 §5.1.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import unquote

import attrs
import multipart

from danqing_plugins import Message, Problem
from danqing_server.errors import InvalidSubmission
from danqing_server.http.limits import Holding
from danqing_server.http.receiving import holding_of, receive_body
from danqing_server.http.requests import ApiRequest

__all__ = ["Form", "FormFile", "Part", "PartTaker", "ReceivedForm", "is_form", "receive_form"]

MOST_PARTS = 128
MOST_FIELD_BYTES = 1024 * 1024
LONGEST_BOUNDARY = 1024
FORM = "multipart/form-data"
NO_TEXT = ("image/", "video/", "audio/", "application/octet-stream")

NO_FORM = Message(
    key="no_form",
    en="is no multipart/form-data that can be read ({reason})",
    zh="不是可读取的 multipart/form-data",
)
FIELD_TOO_LONG = Message(
    key="form_field_too_long",
    en="is longer than {most} bytes; send a file with a filename",
    zh="超过 {most} 字节；文件请带上 filename",
)
NOT_UTF8 = Message(key="form_not_utf8", en="is not UTF-8", zh="不是有效的 UTF-8 文本")

_ANY_CASE = re.ASCII | re.IGNORECASE
_BOUNDARY = re.compile(r""";[ \t]*boundary=(?:"([^"]+)"|([^\s;"]+))""", _ANY_CASE)
_EXTENDED_NAME = re.compile(r""";[ \t]*filename\*[ \t]*=[ \t]*"?[\w-]+'[\w-]*'([^\s;"]+)""", _ANY_CASE)


@attrs.frozen(kw_only=True)
class Part:
    """The head of one part. `filename` is None for a field; `media_type` is what the client calls it.

    A file without a name has an empty one.
    """

    name: str
    filename: str | None
    media_type: str


class PartTaker(Protocol):
    """Takes a form's parts in the order in which they come."""

    async def begin(self, part: Part) -> None:
        """Begin with *part*."""

    async def write(self, chunk: bytes) -> None:
        """Take more of it."""

    async def end(self) -> None:
        """It is whole."""


@attrs.frozen(kw_only=True)
class FormFile:
    """One file of a form."""

    name: str
    filename: str
    media_type: str
    body: bytes = attrs.field(repr=False)


@attrs.define(kw_only=True, eq=False)
class Form:
    """A whole form: texts by field, each as often as it came, and files in their order."""

    fields: dict[str, list[str]] = attrs.field(factory=dict, repr=False)
    files: list[FormFile] = attrs.field(factory=list, repr=False)


def is_form(headers: Mapping[str, Any]) -> bool:
    """Tell whether a body of these headers is a form with files."""
    return _content_type(headers).partition(";")[0].strip().lower() == FORM


async def receive_form(request: ApiRequest, taker: PartTaker) -> None:
    """Give a form's parts to *taker* as they come; what it keeps of them it counts itself.

    Raises:
        InvalidSubmission: it is no form, breaks off, or has more than 128 parts.
        BodyTooLarge, RequestTimeout: the body is too large, or too slow.
        Whatever *taker* raises.
    """
    try:
        with _parser(request) as parser:

            async def take(piece: bytes) -> None:
                for event in parser.parse(piece):
                    await _hand_on(event, taker)

            await receive_body(request, take)
    except multipart.MultipartError as error:
        raise _no_form(str(error)) from error


def _parser(request: ApiRequest) -> multipart.PushMultipartParser:
    """Return what takes the form apart. Clients write boundaries that ought to stand in quotes without them."""
    found = _BOUNDARY.search(_content_type(request.headers)) if is_form(request.headers) else None
    boundary = (found[1] or found[2]) if found is not None else ""
    if not boundary.isascii() or not 0 < len(boundary) <= LONGEST_BOUNDARY:
        raise _no_form("no boundary")
    return multipart.PushMultipartParser(boundary, max_segment_count=MOST_PARTS)


def _content_type(headers: Mapping[str, Any]) -> str:
    return headers.get("content-type") or ""


async def _hand_on(event: multipart.MultipartSegment | bytes | bytearray | None, taker: PartTaker) -> None:
    if event is None:
        await taker.end()
    elif isinstance(event, multipart.MultipartSegment):
        await taker.begin(_part_of(event))
    else:
        await taker.write(bytes(event))


def _part_of(segment: multipart.MultipartSegment) -> Part:
    if not segment.name:
        raise _no_form("a part without a name")
    media_type, filename = segment.content_type or "", segment.filename
    if filename is None:
        extended = _EXTENDED_NAME.search(segment.header("Content-Disposition", ""))
        if extended is not None:
            filename = unquote(extended[1], errors="replace")
        elif media_type.startswith(NO_TEXT):
            filename = ""
    return Part(name=segment.name, filename=filename, media_type=media_type)


def _no_form(reason: str) -> InvalidSubmission:
    return InvalidSubmission([Problem(field="request_body", message=NO_FORM(reason=reason))])


@attrs.define(eq=False)
class ReceivedForm:
    """A request's body as a `Form` in memory; it counts while the block lasts.

    Entering raises what `receive_form` does, and:
        Overloaded: the process, or this caller, holds too many bodies.
    """

    request: ApiRequest
    _holding: Holding = attrs.field(init=False)

    async def __aenter__(self) -> Form:
        self._holding = holding_of(self.request)
        gathering = _Gathering(self._holding)
        try:
            await receive_form(self.request, gathering)
        except BaseException:
            self._holding.release()
            raise
        return gathering.form

    async def __aexit__(self, *_error: object) -> None:
        self._holding.release()


@attrs.define(eq=False)
class _Gathering:
    """Puts a form together."""

    _holding: Holding
    form: Form = attrs.field(factory=Form, init=False)
    _part: Part = attrs.field(init=False)
    _body: bytearray = attrs.field(factory=bytearray, init=False)

    async def begin(self, part: Part) -> None:
        self._part, self._body = part, bytearray()

    async def write(self, chunk: bytes) -> None:
        self._holding.add(len(chunk))
        self._body += chunk
        if self._part.filename is None and len(self._body) > MOST_FIELD_BYTES:
            raise self._wrong(FIELD_TOO_LONG(most=MOST_FIELD_BYTES))

    async def end(self) -> None:
        part, body = self._part, bytes(self._body)
        self._body.clear()
        if part.filename is not None:
            file = FormFile(name=part.name, filename=part.filename, media_type=part.media_type, body=body)
            self.form.files.append(file)
            return
        try:
            self.form.fields.setdefault(part.name, []).append(body.decode())
        except UnicodeDecodeError as error:
            raise self._wrong(NOT_UTF8()) from error

    def _wrong(self, message: Any) -> InvalidSubmission:
        return InvalidSubmission([Problem(field=self._part.name, message=message)])
