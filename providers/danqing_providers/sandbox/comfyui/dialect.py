"""ComfyUI's paths, each also under `/api`, and its socket.

Sources: ComfyUI `server.py` 002c3fb9, `execution.py` 04e2a914, `comfy_execution/jobs.py` 172be438, autumn 2026.
No key, no rate, no price. The queue and the history are in memory, the files on the disk.
"""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import orjson
from aiohttp import WSMsgType, web

from danqing_providers.sandbox.comfyui.nodes import CLASSES
from danqing_providers.sandbox.comfyui.reading import prompt_of
from danqing_providers.sandbox.comfyui.runs import DIALECT, Run, Worker, file_key
from danqing_providers.sandbox.comfyui.validation import Refused, validate
from danqing_providers.sandbox.dialect import Dialect
from danqing_providers.sandbox.faults import Target
from danqing_providers.sandbox.files import Away, send_work
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.references import look_at
from danqing_providers.sandbox.troubles import STATUSES, Refusal, Trouble, TroubleKind

__all__ = ["ComfyUI", "create"]

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DEVICE: Final = {"name": "cpu", "type": "cpu", "index": None, "vram_total": 0, "vram_free": 0}


def create(house: House) -> Dialect:
    """Return the dialect."""
    return ComfyUI(house)


class ComfyUI(Dialect):
    """One server with one worker."""

    name = DIALECT

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._worker = Worker(house, self._tell)

    async def close(self) -> None:
        """Stop the worker."""
        await self._worker.close()

    def routes(self) -> Iterable[web.RouteDef]:
        """Return every path, as it is and under `/api`; `/api/jobs` is only there."""
        plain = [
            web.get("/prompt", self._load),
            web.post("/prompt", self._prompt),
            web.get("/queue", self._queue),
            web.post("/queue", self._change_queue),
            web.post("/interrupt", self._interrupt),
            web.get("/history/{id}", self._history),
            web.get("/view", self._view),
            web.post("/upload/image", self._upload),
            web.get("/ws", self._socket),
            web.get("/system_stats", self._stats),
            web.get("/object_info", self._info),
            web.get("/object_info/{name}", self._info),
            web.post("/free", self._free),
        ]
        doubled = [web.route(route.method, f"/api{route.path}", route.handler) for route in plain]
        jobs = [
            web.get("/api/jobs/{id}", self._job),
            web.get("/api/jobs", self._jobs),
            web.post("/api/jobs/{id}/cancel", self._cancel),
        ]
        return [*plain, *doubled, *jobs]

    def refuse(self, request: web.Request, refusal: Refusal) -> web.Response:
        """Return the refusal of a workflow, or a bare status: ComfyUI has no words for the rest."""
        if isinstance(refusal, Refused):
            return web.json_response({"error": refusal.error, "node_errors": refusal.node_errors}, status=400)
        trouble = refusal if isinstance(refusal, Trouble) else Trouble(TroubleKind.INTERNAL)
        status = trouble.status or STATUSES[trouble.kind]
        return web.Response(status=status, text=f"{status}: {trouble.message or trouble.kind.value}")

    async def _load(self, request: web.Request) -> web.Response:
        return web.json_response({"exec_info": {"queue_remaining": self._remaining}})

    @property
    def _remaining(self) -> int:
        return len(self._worker.pending) + (self._worker.running is not None)

    async def _prompt(self, request: web.Request) -> web.StreamResponse:
        _check_origin(request)
        body = orjson.loads(await request.read())  # what is no JSON is a plain 500, as there
        graph = body.get("prompt")
        if not isinstance(graph, dict):
            error = {
                "type": "no_prompt",
                "message": "No prompt provided",
                "details": "No prompt provided",
                "extra_info": {},
            }
            raise Refused(error, {})
        prompt_id = _prompt_id(body.get("prompt_id"))
        checked = validate(graph, self._worker.pictures)
        target = Target(prompt=prompt_of(graph), models=(DIALECT,), dialect=DIALECT)
        await self.house.admit(request, target)
        run = self._worker.put(prompt_id, graph, checked.writers, str(body.get("client_id") or ""))
        answer = {"prompt_id": prompt_id, "number": run.number, "node_errors": checked.node_errors}
        return await self.house.answer(request, target, orjson.dumps(answer))

    async def _queue(self, request: web.Request) -> web.Response:
        running = [self._worker.running.item] if self._worker.running is not None else []
        pending = [run.item for run in self._worker.pending]
        return web.json_response({"queue_running": running, "queue_pending": pending})

    async def _change_queue(self, request: web.Request) -> web.Response:
        body = await request.json()
        wanted = [run.prompt_id for run in self._worker.pending] if body.get("clear") else body.get("delete", [])
        for prompt_id in wanted:
            if any(run.prompt_id == prompt_id for run in self._worker.pending):
                self._worker.cancel(prompt_id)
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        running, wanted = self._worker.running, body.get("prompt_id")
        if running is not None and wanted in (None, running.prompt_id):
            self._worker.cancel(running.prompt_id)
        return web.Response()

    async def _history(self, request: web.Request) -> web.Response:
        run = self._worker.history.get(request.match_info["id"])
        self._admit_poll(run)
        return web.json_response({} if run is None else {run.prompt_id: _history_of(run)})

    async def _job(self, request: web.Request) -> web.Response:
        run = self._worker.find(request.match_info["id"])
        self._admit_poll(run)
        if run is None:
            return web.json_response({"error": "Job not found"}, status=404)
        return web.json_response(_job_of(run))

    def _admit_poll(self, run: Run | None) -> None:
        if run is not None:
            self.house.admit_poll(Target(prompt=prompt_of(run.graph), models=(DIALECT,), dialect=DIALECT))

    async def _jobs(self, request: web.Request) -> web.Response:
        runs = [*self._worker.history.values(), *self._worker.pending]
        runs += [self._worker.running] if self._worker.running is not None else []
        jobs = [_job_of(run) for run in sorted(runs, key=lambda run: -run.created_s)]
        page = {"offset": 0, "limit": None, "total": len(jobs), "has_more": False}
        return web.json_response({"jobs": jobs, "pagination": page})

    async def _cancel(self, request: web.Request) -> web.Response:
        return web.json_response({"cancelled": self._worker.cancel(request.match_info["id"])})

    async def _view(self, request: web.Request) -> web.StreamResponse:
        filename = request.query.get("filename", "")
        if not filename or filename.startswith("/") or ".." in filename:
            return web.Response(status=400)
        work = await self.house.gallery.find(file_key(request.query.get("subfolder", ""), filename))
        if work is None:
            return web.Response(status=404)
        try:
            return await send_work(request, self.house, work)
        except Away as away:
            return web.Response(status=away.status)

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        image = form.get("image")
        if not isinstance(image, web.FileField):
            return web.Response(status=400)
        body = image.file.read()
        seen, _, _ = await self.house.in_thread(look_at, body)
        await self.house.keep_reference(seen)
        name, folder = image.filename, str(form.get("subfolder") or "")
        if form.get("overwrite") not in ("true", "1"):
            name = self._free_picture(name, folder, seen.token)
        self._worker.pictures[f"{folder}/{name}" if folder else name] = seen.token
        return web.json_response({"name": name, "subfolder": folder, "type": str(form.get("type") or "input")})

    def _free_picture(self, name: str, folder: str, token: str) -> str:
        """Return *name*, or `name (1)` where another picture has it."""
        stem, dot, form = name.rpartition(".")
        number, tried = 0, name
        while self._worker.pictures.get(f"{folder}/{tried}" if folder else tried, token) != token:
            number += 1
            tried = f"{stem} ({number}){dot}{form}"
        return tried

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        _check_origin(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client_id = request.query.get("clientId") or secrets.token_hex(16)
        self._sockets[client_id] = socket
        status = {"status": {"exec_info": {"queue_remaining": self._remaining}}, "sid": client_id}
        await socket.send_json({"type": "status", "data": status})
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        if self._sockets.get(client_id) is socket:
            del self._sockets[client_id]
        return socket

    async def _tell(self, client_id: str, kind: str, data: Mapping[str, Any] | bytes) -> None:
        socket = self._sockets.get(client_id)
        if socket is None or socket.closed:
            return
        with suppress(ConnectionError):
            if isinstance(data, bytes):
                await socket.send_bytes(data)
            else:
                await socket.send_json({"type": kind, "data": data})

    async def _stats(self, request: web.Request) -> web.Response:
        return web.json_response({"system": {"os": "posix", "comfyui_version": "0.3.70"}, "devices": [_DEVICE]})

    async def _info(self, request: web.Request) -> web.Response:
        wanted = request.match_info.get("name")
        shown = {name: each for name, each in CLASSES.items() if wanted in (None, name)}
        return web.json_response(
            {
                name: {
                    "input": {"required": {field: taken.config for field, taken in each.takes.items()}},
                    "output": list(each.gives),
                    "output_node": each.writes,
                    "name": name,
                }
                for name, each in shown.items()
            }
        )

    async def _free(self, request: web.Request) -> web.Response:
        return web.Response()


def _prompt_id(said: object) -> str:
    if said is None:
        return str(uuid.uuid4())
    if not isinstance(said, str) or not _ID.fullmatch(said):
        message = "prompt_id must be a canonical lowercase hyphenated UUID"
        raise Refused({"type": "invalid_prompt_id", "message": message, "details": "", "extra_info": {}}, {})
    return said


def _check_origin(request: web.Request) -> None:
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        raise Trouble(TroubleKind.INVALID, "Forbidden", status=403)


def _history_of(run: Run) -> dict[str, Any]:
    word = "success" if run.status == "completed" else "error"
    status = {"status_str": word, "completed": run.status == "completed", "messages": run.messages}
    return {"prompt": run.item, "outputs": run.outputs, "status": status, "meta": {}}


def _job_of(run: Run) -> dict[str, Any]:
    return {
        "id": run.prompt_id,
        "status": run.status,
        "priority": run.number,
        "create_time": int(run.created_s * 1000),
        "execution_start_time": None if run.started_s is None else int(run.started_s * 1000),
        "execution_end_time": None if run.ended_s is None else int(run.ended_s * 1000),
        "execution_error": run.error,
        "outputs_count": sum(len(made.get("images", ())) for made in run.outputs.values()),
        "preview_output": None,
        "outputs": run.outputs,
        "workflow": {"prompt": run.graph, "extra_data": run.extra},
    }
