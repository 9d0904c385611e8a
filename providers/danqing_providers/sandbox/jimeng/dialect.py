"""即梦's tasks: signed requests, two envelopes of errors, `done` that may have failed.

Sources: volcengine.com/docs/85621 and `volcengine` 1.0.229, read 2026-11-28. Two tasks of a model run at a time; a
third is refused with 50430, and no task is made. A task is known for 12 hours; links are good for 24, a film's for
one. The same pair of keys is accepted as the sandbox's own, beside those it was started with, as `id:secret`.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from aiohttp import web

from danqing_providers.sandbox.dialect import Dialect
from danqing_providers.sandbox.faults import Target
from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.jimeng.inputs import Ask, Refused, read
from danqing_providers.sandbox.jimeng.signature import key_id_of, matches
from danqing_providers.sandbox.jobs import ENDS, Job, JobState
from danqing_providers.sandbox.ledger import Purchase, fingerprint
from danqing_providers.sandbox.troubles import Refusal, Trouble, TroubleKind

__all__ = ["Jimeng", "create"]

_VERSION: Final = "2022-08-31"
_OWN_KEYS: Final = {"AKLTsandbox": "sandbox-secret"}
_MOST_RUNNING: Final = 2
_KEPT_S: Final = 12 * 3600.0
_LINKS_S: Final = {False: 86_400.0, True: 3_600.0}
_SUCCESS: Final = 10000
_STATES: Final = {JobState.QUEUED: "in_queue", JobState.RUNNING: "generating"}
_CODES: Final[Mapping[TroubleKind, tuple[int, int, str]]] = {
    TroubleKind.MODERATION: (400, 50412, "Text Risk Not Pass"),
    TroubleKind.MODERATION_OUTPUT: (400, 50511, "Post Img Risk Not Pass"),
    TroubleKind.RATE_LIMITED: (429, 50429, "Request Has Reached API Limit, Please Try Later"),
    TroubleKind.OVERLOADED: (429, 50430, "Request Has Reached API Concurrent Limit, Please Try Later"),
    TroubleKind.OVERDUE: (400, 50400, "Access Denied"),
    TroubleKind.QUOTA: (400, 50400, "Access Denied"),
    TroubleKind.MODEL_CLOSED: (400, 50400, "Access Denied"),
    TroubleKind.INVALID: (400, 50215, "Input invalid for this service."),
    TroubleKind.REFERENCE_AWAY: (400, 50215, "Input invalid for this service."),
    TroubleKind.REFERENCE_TIMEOUT: (400, 50215, "Input invalid for this service."),
    TroubleKind.UNAVAILABLE: (500, 50501, "Internal RPC Error"),
}
_INTERNAL: Final = (500, 50500, "Internal Error")
_GATEWAY: Final[Mapping[TroubleKind, tuple[int, int, str]]] = {
    TroubleKind.KEY_MISSING: (401, 100010, "SignatureDoesNotMatch"),
    TroubleKind.KEY_UNKNOWN: (401, 100010, "SignatureDoesNotMatch"),
    TroubleKind.ROUTE_NOT_FOUND: (404, 100008, "InvalidActionOrVersion"),
    TroubleKind.METHOD_NOT_ALLOWED: (404, 100008, "InvalidActionOrVersion"),
}


def create(house: House) -> Dialect:
    """Return the dialect."""
    return Jimeng(house)


class Jimeng(Dialect):
    """The visual service, of its actions the two that 即梦 needs."""

    name = "jimeng"

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the one path there is; the query names the action."""
        return [web.post("/", self._act)]

    def refuse(self, request: web.Request, refusal: Refusal) -> web.Response:
        """Return the refusal in the gateway's envelope, or in the service's."""
        kind = refusal.kind if isinstance(refusal, Trouble) else None
        if kind is not None and kind in _GATEWAY:
            status, number, code = _GATEWAY[kind]
            error = {"CodeN": number, "Code": code, "Message": f"{code}."}
            action = {"Action": request.query.get("Action", ""), "Version": request.query.get("Version", "")}
            around = {"RequestId": _request_id(), **action, "Service": "cv", "Region": "cn-north-1", "Error": error}
            return web.json_response({"ResponseMetadata": around}, status=status)
        status, number, message = _code_of(refusal)
        return web.json_response(_envelope(None, number, message), status=status)

    async def _act(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        key_id = self._signed_by(request, raw)
        actions = {"CVSync2AsyncSubmitTask": self._submit, "CVSync2AsyncGetResult": self._result}
        action = actions.get(request.query.get("Action", ""))
        if action is None or request.query.get("Version") != _VERSION:
            raise Trouble(TroubleKind.ROUTE_NOT_FOUND)
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise Trouble(TroubleKind.INVALID) from error
        if not isinstance(body, dict):
            raise Trouble(TroubleKind.INVALID)
        return await action(request, body, key_id)

    def _signed_by(self, request: web.Request, raw: bytes) -> str:
        key_id = key_id_of(request.headers.get("Authorization", ""))
        pairs = (key.partition(":") for key in self.house.config.api_keys)
        secret = (_OWN_KEYS | {id_: secret for id_, _, secret in pairs}).get(key_id)
        path, query = request.raw_path.partition("?")[::2]
        signed = secret is not None and matches("POST", path, query, request.headers, raw, secret=secret)
        if not signed:
            raise Trouble(TroubleKind.KEY_UNKNOWN)
        return fingerprint(key_id)

    async def _submit(self, request: web.Request, body: Mapping[str, Any], key: str) -> web.StreamResponse:
        ask = read(body)
        target = Target(prompt=ask.prompt, models=(ask.key,), dialect=self.name)
        await self.house.admit(request, target)
        jobs = [job for job in await self.house.jobs.all_of(self.name) if job.model == ask.key]
        if sum(self.house.jobs.state(job) not in ENDS for job in jobs) >= _MOST_RUNNING:
            raise Trouble(TroubleKind.OVERLOADED)
        id_ = str(7 * 10**18 + secrets.randbelow(10**18))
        now_s = self.house.clock()
        works = tuple(_work(id_, ask, index, now_s) for index in range(ask.count))
        job = Job.planned(
            self.house.plan_job(target),
            id=id_,
            dialect=self.name,
            model=ask.key,
            prompt=ask.prompt,
            now_s=now_s,
            works=works,
            purchases=tuple(_purchase(work, ask, key) for work in works),
            kept_s=_KEPT_S,
        )
        await self.house.jobs.submit(job)
        return await self.house.answer(request, target, orjson.dumps(_envelope({"task_id": id_})))

    async def _result(self, request: web.Request, body: Mapping[str, Any], key: str) -> web.StreamResponse:
        job = await self.house.jobs.find(self.name, str(body.get("task_id")))
        if job is None or job.model != body.get("req_key"):
            return web.json_response(_envelope({"status": "not_found"}))
        self.house.admit_poll(Target(prompt=job.prompt, models=(job.model,), dialect=self.name))
        state = self.house.jobs.state(job)
        if state is JobState.FAILED:
            _, code, message = _code_of(Trouble(job.trouble or TroubleKind.INTERNAL))
            return web.json_response(_envelope({"status": "done", "image_urls": None}, code, message))
        if state is not JobState.SUCCEEDED:
            return web.json_response(_envelope({"status": _STATES.get(state, "expired")}))
        wants_url = _asked(body).get("return_url") is True
        return web.json_response(_envelope({"status": "done", **await self._made(request, job, wants_url)}))

    async def _made(self, request: web.Request, job: Job, wants_url: bool) -> dict[str, Any]:
        film = job.works[0].form == "mp4"
        links = [self.house.link(request, work, _LINKS_S[film]) for work in job.works]
        if film:
            return {"video_url": links[0], "aigc_meta_tagged": False}
        if wants_url:
            return {"binary_data_base64": [], "image_urls": links}
        bodies = [await self.house.gallery.bytes_of(work) for work in job.works]
        return {"binary_data_base64": [base64.b64encode(body).decode() for body in bodies], "image_urls": None}


def _code_of(refusal: Refusal) -> tuple[int, int, str]:
    if isinstance(refusal, Refused):
        return refusal.status, refusal.code, refusal.message
    return _CODES.get(refusal.kind, _INTERNAL) if isinstance(refusal, Trouble) else _INTERNAL


def _envelope(data: Mapping[str, Any] | None, code: int = _SUCCESS, message: str = "Success") -> dict[str, Any]:
    told = {"code": code, "data": data, "message": message, "request_id": _request_id()}
    return {**told, "status": code, "time_elapsed": "12.345678ms"}


def _request_id() -> str:
    return f"2026{secrets.randbelow(10**10):010d}{secrets.token_hex(9).upper()}"


def _asked(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the string `req_json` holds."""
    try:
        found = orjson.loads(body.get("req_json") or "{}")
    except orjson.JSONDecodeError as error:
        raise Trouble(TroubleKind.INVALID) from error
    return found if isinstance(found, dict) else {}


def _work(id_: str, ask: Ask, index: int, now_s: float) -> Work:
    return Work(
        name=f"{id_}-{index}",
        dialect="jimeng",
        model=ask.key,
        prompt=ask.prompt,
        form="mp4" if ask.seconds else "png",
        made_s=now_s,
        index=index,
        seed=ask.seed,
        width=ask.width,
        height=ask.height,
        seconds=ask.seconds,
        kept_s=_LINKS_S[bool(ask.seconds)],
    )


def _purchase(work: Work, ask: Ask, key: str) -> Purchase:
    id_ = work.name.rpartition("-")[0]
    return Purchase(
        time_s=work.made_s,
        dialect="jimeng",
        model=work.model,
        prompt=work.prompt,
        api_key=key,
        request_id=id_,
        kind="video" if ask.seconds else "image",
        image_index=work.index,
        size=f"{work.width}x{work.height}",
        cost_micro=ask.cost_micro,
        currency="CNY" if ask.cost_micro is not None else "",
        job=id_,
        work=work.name,
    )
