"""One request to a paid service and its answer, bounded in time and in size.

    SERVICE = Service(failures=FAILURES, base_url=url, headers={"Authorization": f"Bearer {key}"}, secrets=(key,))

    async with run.call([0], fingerprint) as call:
        answer = await SERVICE.post(run.session, "/images", {"prompt": prompt}, call=call, prompt=prompt)
        await run.deliver(0, Source.from_url(answer.document["url"]))

What is raised says what the call cost: a connection that never was is `Unavailable`, one that broke after the
request left `OutcomeUnknown`; a refusal means what the service's table says (`failures`). `get`, `put` and `delete`
ask about something that is paid for already: their failures cost nothing, and are `Unavailable` where a `post` is
unknown.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import attrs
from yarl import URL

from danqing_plugins.errors import InvalidRequest, Unavailable
from danqing_plugins.kit import texts
from danqing_plugins.kit.failures import Answered, Failures, connection_failures
from danqing_plugins.kit.reading import Answer, Reply
from danqing_plugins.kit.waiting import retry_after_of, service_time_s
from danqing_plugins.kit.written import write_json
from danqing_plugins.run import Call

__all__ = ["Answer", "Outgoing", "Part", "Reply", "Service"]

MIB: Final = 1024 * 1024
LONGEST_REQUEST_ID: Final = 128
KEY_TIMEOUT_S: Final = 8.0


@attrs.frozen(kw_only=True)
class Part:
    """One part of a multipart body. `filename` and `media_type` are of files."""

    name: str
    body: bytes | str = attrs.field(repr=False)
    filename: str | None = None
    media_type: str | None = None


@attrs.frozen(kw_only=True)
class Outgoing:
    """A request as it will be sent, for a signature: `url` with its query, `body` the very bytes."""

    method: str
    url: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Service:
    """Where a service is, how it is spoken to, and what its refusals mean.

    `base_url` has no trailing slash; paths begin with one. `headers` and `params` go with every request, and what
    is in `secrets` shows in no message. `timeout_s` is for a whole exchange, from connecting to the last byte, of
    what is paid for; of a question, which is asked again, `question_timeout_s` where that is less.
    `most_bytes` bounds an answer, `event_bytes` one event of a stream, `most_request_bytes` what is sent.
    `request_ids` are the headers that may name the service's id of the request; `call_id_header` is where the id of
    our call goes. `sign` returns the headers to add to a request that is signed as it stands. `quiet_s` is how long
    an answer that looks whole is waited on for more.
    """

    failures: Failures
    base_url: str
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    params: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    secrets: tuple[str, ...] = attrs.field(default=(), repr=False)
    timeout_s: float = 120.0
    question_timeout_s: float = 60.0
    connect_timeout_s: float = 10.0
    most_bytes: int = 128 * MIB
    event_bytes: int = 64 * MIB
    most_request_bytes: int = 64 * MIB
    request_ids: tuple[str, ...] = ("x-request-id",)
    call_id_header: str | None = "X-Client-Request-Id"
    sign: Callable[[Outgoing], Mapping[str, str]] | None = None
    quiet_s: float = 5.0

    async def post(
        self,
        session: aiohttp.ClientSession,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        parts: Sequence[Part] = (),
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        call: Call | None = None,
        prompt: str = "",
        timeout_s: float | None = None,
        paid: bool = True,
    ) -> Answer:
        """Post *body* as JSON, or *parts* as a form, and return the answer.

        `call.request_id` is set as soon as the answer's headers are here. *paid* False: a post that only asks.

        Raises:
            PluginError: see the module.
        """
        async with self.open(
            session,
            "POST",
            path,
            body=body,
            parts=parts,
            params=params,
            headers=headers,
            call=call,
            prompt=prompt,
            timeout_s=timeout_s,
            paid=paid,
        ) as reply:
            answer = await reply.answer(may_be_empty=not paid)
            if call is not None and call.request_id is None:
                call.request_id = answer.request_id
            return answer

    async def get(
        self,
        session: aiohttp.ClientSession,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        prompt: str = "",
        timeout_s: float | None = None,
    ) -> Answer:
        """Ask for *path*. *prompt* is what the answer's complaints must not show. Raises: see the module."""
        async with self.open(
            session, "GET", path, params=params, headers=headers, prompt=prompt, timeout_s=timeout_s, paid=False
        ) as reply:
            return await reply.answer()

    async def put(
        self,
        session: aiohttp.ClientSession,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Put *body*; an empty answer is `{}`. Raises: see the module."""
        async with self.open(
            session, "PUT", path, body=body, headers=headers, timeout_s=timeout_s, paid=False
        ) as reply:
            return await reply.answer(may_be_empty=True)

    async def delete(
        self,
        session: aiohttp.ClientSession,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Delete *path*; an empty answer is `{}`. Raises: see the module."""
        async with self.open(session, "DELETE", path, headers=headers, timeout_s=timeout_s, paid=False) as reply:
            return await reply.answer(may_be_empty=True)

    async def takes_key(
        self,
        session: aiohttp.ClientSession,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        nobodys: bool = True,
    ) -> bool:
        """Ask for *path*, which needs the key and costs nothing: True, whatever the service says but of the key.

        A *body* is posted. *nobodys* False: the path may not be there, so that a 404 proves nothing.

        Raises:
            AccountProblem: it does not take the key.
            PluginError: it could not be asked.
        """
        try:
            async with self.open(
                session,
                "GET" if body is None else "POST",
                path,
                body=body,
                params=params,
                timeout_s=KEY_TIMEOUT_S,
                paid=False,
            ) as reply:
                if reply.response.status == HTTPStatus.NOT_FOUND:
                    return nobodys
                await reply.answer()
        except InvalidRequest:  # it has looked past the key
            return True
        return True

    @asynccontextmanager
    async def open(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        parts: Sequence[Part] = (),
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        call: Call | None = None,
        prompt: str = "",
        timeout_s: float | None = None,
        most_bytes: int | None = None,
        paid: bool = True,
    ) -> AsyncIterator[Reply]:
        """Send a request and hand over its answer with the body unread: for streams, and for bodies of other kinds.

        *path* may be a whole address that the service named itself: one of its own server, or nothing is sent.

        Raises:
            PluginError: see the module.
        """
        usual_s = self.timeout_s if paid else min(self.timeout_s, self.question_timeout_s)
        form = await _encoded(parts) if parts and self.sign is not None else None
        sent = self._outgoing(method, path, body, parts, {**self.params, **(params or {})}, headers, call, form)
        with connection_failures(self.failures.service, paid=paid):
            response = await session.request(
                sent.method,
                URL(sent.url, encoded=True),
                data=_form(parts) if parts and form is None else sent.body or None,
                headers=sent.headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=usual_s if timeout_s is None else timeout_s, sock_connect=self.connect_timeout_s
                ),
            )
        try:
            answered = self._answered(response, prompt, paid=paid)
            if call is not None:
                call.request_id = answered.request_id
            yield Reply(
                response=response,
                answered=answered,
                failures=self.failures,
                most_bytes=most_bytes or self.most_bytes,
                event_bytes=self.event_bytes,
                quiet_s=self.quiet_s,
            )
        finally:
            # Closed rather than released: what is left of a broken answer must not meet the next call.
            if not response.content.at_eof():
                response.close()
            response.release()

    def _outgoing(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        parts: Sequence[Part],
        params: Mapping[str, str],
        headers: Mapping[str, str] | None,
        call: Call | None,
        form: tuple[str, bytes] | None,
    ) -> Outgoing:
        """Return what will be sent; *form* has the type and the bytes of *parts* that are signed as they stand."""
        payload = b"" if body is None else write_json(body)
        if (count := len(payload) + sum(len(part.body) for part in parts)) > self.most_request_bytes:
            message = texts.REQUEST_TOO_LARGE(count=count, most=self.most_request_bytes)
            raise InvalidRequest(message, code="request_too_large")
        sent = {**self.headers, **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        if form is not None:
            sent["Content-Type"], payload = form
        if call is not None and self.call_id_header is not None:
            sent[self.call_id_header] = call.id
        outgoing = Outgoing(method=method, url=self._url(path, params), headers=sent, body=payload)
        return outgoing if self.sign is None else attrs.evolve(outgoing, headers={**sent, **self.sign(outgoing)})

    def _url(self, path: str, params: Mapping[str, str]) -> str:
        if "://" in path and _origin(path) != _origin(self.base_url):
            message = texts.FOREIGN_ADDRESS(service=self.failures.service)
            raise Unavailable(message, code="foreign_address")
        url = path if "://" in path else f"{self.base_url}{path}"
        if not params:
            return url
        return f"{url}{'&' if '?' in url else '?'}{urlencode(params, quote_via=quote)}"

    def _answered(self, response: aiohttp.ClientResponse, prompt: str, *, paid: bool) -> Answered:
        return Answered(
            status=response.status,
            request_id=_request_id(response.headers, self.request_ids),
            retry_after_s=retry_after_of(response.headers),
            now_s=service_time_s(response.headers),
            base_url=str(response.url),
            secrets=self.secrets,
            prompt=prompt,
            paid=paid,
            headers=response.headers,
        )


def _form(parts: Sequence[Part]) -> aiohttp.FormData:
    form = aiohttp.FormData()
    for part in parts:
        form.add_field(part.name, part.body, filename=part.filename, content_type=part.media_type)
    return form


async def _encoded(parts: Sequence[Part]) -> tuple[str, bytes]:
    """Return the type, with its boundary, and the bytes of a form."""
    form = _form(parts)()
    return form.headers["Content-Type"], await form.as_bytes()


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _request_id(headers: Mapping[str, str], names: Sequence[str]) -> str | None:
    """Return the service's id of the request, of what can be printed; None when it gave none."""
    for name in names:
        raw = headers.get(name, "").strip()[:LONGEST_REQUEST_ID]
        if found := "".join(character for character in raw if character.isascii() and character.isprintable()):
            return found
    return None
