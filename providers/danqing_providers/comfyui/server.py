"""One ComfyUI server, as far as a provider asks it.

Sources: ComfyUI `server.py` 002c3fb9, `execution.py` 04e2a914 and `comfy_execution/jobs.py` 172be438 (autumn 2026).
Nothing it does is billed: a request that went astray may be sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import attrs

from danqing_plugins import InvalidRequest, PluginError, Text, Unavailable
from danqing_plugins.kit.failures import Failures, Rule
from danqing_plugins.kit.http import Part, Service
from danqing_plugins.kit.polling import of_the_question
from danqing_providers.comfyui import texts

__all__ = ["FAILURES", "File", "Server", "State"]

FAILURES: Final = Failures(
    service=Text("ComfyUI", "ComfyUI"),
    rules=(Rule(Unavailable, statuses=(500, 502, 503, 504)),),
    setting="COMFYUI_URL",
)
_SHORT_S: Final = 10.0
_UPLOAD_S: Final = 60.0
_MOST_HISTORY_BYTES: Final = 32 * 1024 * 1024
_GIVEN: Final = ("images", "video", "gifs", "audio", "3d", "mesh")
_TEMPORARY: Final = "temp"
_DONE: Final = {"completed": "done", "failed": "failed", "cancelled": "cancelled"}


@attrs.frozen
class File:
    """One file that a node wrote, as `/view` names it."""

    filename: str
    subfolder: str
    type: str


@attrs.frozen(kw_only=True)
class State:
    """How far a job is: `waiting`, `running`, `done`, `failed` or `cancelled`.

    `files` are what was written, by node; `error` is `execution_error`'s own data.
    """

    word: str
    files: Mapping[str, Sequence[File]] = attrs.field(factory=dict)
    error: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class Server:
    """A server at `url`, without a trailing slash."""

    url: str

    @property
    def _service(self) -> Service:
        return Service(failures=FAILURES, base_url=self.url, timeout_s=_SHORT_S, call_id_header=None)

    async def waiting(self, session: aiohttp.ClientSession) -> int:
        """Return how many jobs it has to do. Raises Unavailable."""
        document = (await self._service.get(session, "/prompt")).document
        found = document.get("exec_info", {}).get("queue_remaining", 0)
        return found if isinstance(found, int) else 0

    async def upload(self, session: aiohttp.ClientSession, name: str, body: bytes, media_type: str) -> str:
        """Put a picture where `LoadImage` finds it; return the name to use there."""
        parts = (
            Part(name="image", body=body, filename=name, media_type=media_type),
            Part(name="overwrite", body="true"),
        )
        answer = await self._service.post(session, "/upload/image", parts=parts, paid=False, timeout_s=_UPLOAD_S)
        said, folder = answer.document.get("name", name), answer.document.get("subfolder")
        return f"{folder}/{said}" if folder else str(said)

    async def queue(
        self,
        session: aiohttp.ClientSession,
        graph: Mapping[str, Any],
        prompt_id: str,
        client_id: str,
        wanted: Sequence[str],
    ) -> str:
        """Queue a workflow under an id of ours; return the id that the server has it by.

        Raises:
            InvalidRequest: it does not validate, or one of the outputs *wanted* does not; the message names node
                and field.
            PluginError: it may not have arrived.
        """
        body = {"prompt": graph, "prompt_id": prompt_id, "client_id": client_id}
        async with self._service.open(session, "POST", "/prompt", body=body, paid=False) as reply:
            if reply.response.status == 400:
                raise refusal_of(await reply.said())
            document = (await reply.answer()).document
        errors = _that_cost_outputs(document.get("node_errors"), wanted)
        if errors:
            with suppress(PluginError):  # what is left of it would run all the same
                await self.cancel(session, prompt_id)
            raise refusal_of([{"node_errors": errors}])
        given = document.get("prompt_id")
        return given if isinstance(given, str) and given else prompt_id

    async def state(self, session: aiohttp.ClientSession, prompt_id: str) -> State | None:
        """Return how far a job is; None when the server does not know it. Raises Unavailable."""
        job = await self._ask(session, f"/api/jobs/{prompt_id}")
        if job is not None:
            return _state_of_job(job)
        found = await self._finished(session, prompt_id) or await self._queued(session, prompt_id)
        # It may have ended between those two questions.
        return found or await self._finished(session, prompt_id)

    async def cancel(self, session: aiohttp.ClientSession, prompt_id: str) -> bool:
        """Take a job out of the queue, or interrupt it; False when the server cannot say that it did."""
        try:
            answer = await self._service.post(session, f"/api/jobs/{prompt_id}/cancel", {}, paid=False)
        except PluginError:
            await self._service.post(session, "/queue", {"delete": [prompt_id]}, paid=False)
            await self._service.post(session, "/interrupt", {"prompt_id": prompt_id}, paid=False)
            return False
        return answer.document.get("cancelled") is True

    async def free(self, session: aiohttp.ClientSession) -> None:
        """Have the models unloaded, so that the next run finds memory."""
        await self._service.post(session, "/free", {"unload_models": True, "free_memory": True}, paid=False)

    def view(self, file: File) -> str:
        """Return the address of a file."""
        query = {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}
        return f"{self.url}/view?{urlencode(query)}"

    def socket(self, client_id: str) -> str:
        """Return the address of the socket that tells *client_id* of its jobs."""
        return f"ws{self.url.removeprefix('http')}/ws?clientId={client_id}"

    async def _ask(self, session: aiohttp.ClientSession, path: str) -> Mapping[str, Any] | None:
        """Return an answer, None for a 404: no such job, or no such route on an older server."""
        async with self._service.open(session, "GET", path, paid=False, most_bytes=_MOST_HISTORY_BYTES) as reply:
            if reply.response.status == 404:
                return None
            try:
                return (await reply.answer()).document
            except InvalidRequest as error:  # a proxy's: the question's trouble, and not the job's
                raise of_the_question(error) from error

    async def _finished(self, session: aiohttp.ClientSession, prompt_id: str) -> State | None:
        history = await self._ask(session, f"/history/{prompt_id}") or {}
        entry = history.get(prompt_id)
        return _state_of_history(entry) if isinstance(entry, Mapping) else None

    async def _queued(self, session: aiohttp.ClientSession, prompt_id: str) -> State | None:
        queue = await self._ask(session, "/queue") or {}
        for key, word in (("queue_running", "running"), ("queue_pending", "waiting")):
            if any(isinstance(item, list) and prompt_id in item[1:2] for item in queue.get(key, ())):
                return State(word=word)
        return None


def _that_cost_outputs(errors: object, wanted: Sequence[str]) -> dict[str, Any]:
    """Return those of a queued workflow's `node_errors` for which it leaves out an output that is *wanted*."""
    return {
        node: found
        for node, found in (errors.items() if isinstance(errors, Mapping) else ())
        if isinstance(found, Mapping) and set(wanted) & {node, *map(str, found.get("dependent_outputs") or ())}
    }


def refusal_of(values: Sequence[Any]) -> InvalidRequest:
    """Return why a workflow was refused: one field of one node, or what the server says of the whole."""
    body = next((value for value in values if isinstance(value, Mapping)), {})
    for node, found in (body.get("node_errors") or {}).items():
        for error in found.get("errors", ()):
            field = (error.get("extra_info") or {}).get("input_name", "?")
            reason = ": ".join(filter(None, (error.get("message"), error.get("details"))))
            message = texts.NODE_REFUSES(
                node=node, class_type=found.get("class_type", "?"), field=field, reason=reason
            )
            return InvalidRequest(message, code=error.get("type"))
    error = body.get("error")
    if not isinstance(error, Mapping):
        return InvalidRequest(texts.WORKFLOW_REFUSED(reason="400"))
    extra = error.get("extra_info") or {}
    if error.get("type") == "missing_node_type":
        message = texts.NODE_MISSING(node=extra.get("node_id", "?"), class_type=extra.get("class_type", "?"))
        return InvalidRequest(message, code="missing_node_type")
    return InvalidRequest(texts.WORKFLOW_REFUSED(reason=error.get("message", "400")), code=error.get("type"))


def _state_of_job(job: Mapping[str, Any]) -> State:
    word = job.get("status")
    if word not in _DONE:
        return State(word="running" if word == "in_progress" else "waiting")
    error = job.get("execution_error")
    return State(
        word=_DONE[word], files=_files(job.get("outputs")), error=error if isinstance(error, Mapping) else {}
    )


def _state_of_history(entry: Mapping[str, Any]) -> State:
    status = entry.get("status") or {}
    told = {message[0]: message[1] for message in status.get("messages", ()) if len(message) == 2}
    if "execution_interrupted" in told:
        return State(word="cancelled")
    if "execution_error" in told or status.get("status_str") == "error":
        return State(word="failed", error=told.get("execution_error", {}))
    return State(word="done", files=_files(entry.get("outputs")))


def _files(outputs: object) -> dict[str, list[File]]:
    found: dict[str, list[File]] = {}
    for node, given in outputs.items() if isinstance(outputs, Mapping) else ():
        for kind in _GIVEN:
            for file in given.get(kind, ()) if isinstance(given, Mapping) else ():
                if isinstance(file, Mapping) and file.get("type") != _TEMPORARY and file.get("filename"):
                    place = File(file["filename"], file.get("subfolder", ""), file.get("type", "output"))
                    found.setdefault(node, []).append(place)
    return found
