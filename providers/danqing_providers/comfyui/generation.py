"""From a job to files: the order under an id of ours, its way through the queue, and what it wrote.

The id is on disk before the workflow leaves, so whatever cuts the attempt, the next one asks for it. A server that
does not know it never got it, or forgot it when it was restarted: the same order is then placed again.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import attrs

from danqing_plugins import InvalidRequest, Job, OutputKind, PluginError, Result, Run, Source, Unavailable
from danqing_plugins.kit.fingerprint import fingerprint_of
from danqing_providers.comfyui import texts
from danqing_providers.comfyui.following import Following, follow
from danqing_providers.comfyui.graphs import Slot
from danqing_providers.comfyui.server import File, Server, State
from danqing_providers.comfyui.workflows import Workflow

__all__ = ["Generation", "cancel"]

_FIRST_LOOK_S: Final = 0.5
_LAST_LOOK_S: Final = 5.0
_GROWTH: Final = 1.3
_KINDS: Final = {
    **dict.fromkeys(("mp4", "webm", "mov", "mkv"), OutputKind.VIDEO),
    **dict.fromkeys(("mp3", "wav", "flac", "ogg", "opus", "m4a"), OutputKind.AUDIO),
    **dict.fromkeys(("glb", "gltf", "obj", "ply"), OutputKind.MODEL),
    **dict.fromkeys(("png", "jpg", "jpeg", "webp", "gif", "avif", "bmp", "tiff"), OutputKind.IMAGE),
}


@attrs.frozen(kw_only=True)
class _Order:
    """A workflow under way: its id, and where it went."""

    prompt_id: str
    server: Server
    indexes: tuple[int, ...]
    freed: bool = False

    @classmethod
    def saved(cls, data: Mapping[str, Any]) -> _Order | None:
        """Return the order that a checkpoint tells of, None when there is none."""
        if "prompt_id" not in data:
            return None
        return cls(
            prompt_id=data["prompt_id"],
            server=Server(data["server"]),
            indexes=tuple(data["indexes"]),
            freed=data.get("freed", False),
        )

    def to_save(self) -> dict[str, Any]:
        """Return it as a checkpoint."""
        return {
            "prompt_id": self.prompt_id,
            "server": self.server.url,
            "indexes": list(self.indexes),
            "freed": self.freed,
        }


@attrs.define(eq=False, kw_only=True)
class Generation:
    """Carries one job out."""

    job: Job
    run: Run
    workflow: Workflow
    servers: Sequence[Server]

    async def carry_out(self) -> Result | None:
        """Have every missing output made, and deliver it.

        Raises:
            PluginError: it came to nothing, and what that means.
        """
        if not self.run.missing:
            return None
        order = _Order.saved(self.run.saved) or await self._place(freed=False)
        await self._see_through(order)
        return Result()

    async def _see_through(self, order: _Order) -> None:
        state = await self._outcome(order)
        if state.word == "done":
            await self._deliver(order, state)
            return
        error = _meaning_of(state)
        if isinstance(error, Unavailable):
            await self.run.settle(order.indexes, error)
            await self.run.checkpoint({})
            if error.code == "out_of_memory" and not order.freed:
                await order.server.free(self.run.session)
                await self._see_through(await self._place(freed=True))
                return
        raise error

    async def _place(self, *, freed: bool) -> _Order:
        server = await self._idlest()
        pictures = await self._upload(server)
        indexes = self.run.missing
        order = _Order(prompt_id=str(uuid.uuid4()), server=server, indexes=indexes, freed=freed)
        async with self.run.call(indexes, fingerprint_of(self.job, indexes)) as call:
            call.request_id = order.prompt_id
            await self.run.checkpoint(order.to_save())
            await self._send(order, pictures)
        return order

    async def _send(self, order: _Order, pictures: Mapping[Slot, Any]) -> None:
        graph = self.workflow.graph.filled({**self._values(), **pictures})
        for node in self.workflow.givers:
            if "filename_prefix" in graph[node]["inputs"]:
                graph[node]["inputs"]["filename_prefix"] = f"danqing/{self.job.task_id}"
        await order.server.queue(self.run.session, graph, order.prompt_id, order.prompt_id, self.workflow.givers)

    async def _idlest(self) -> Server:
        """Return the server with the shortest queue. Raises Unavailable: none answers."""
        waiting = await asyncio.gather(
            *(server.waiting(self.run.session) for server in self.servers), return_exceptions=True
        )
        for found in waiting:
            if isinstance(found, BaseException) and not isinstance(found, PluginError):
                raise found
        up = [(found, number) for number, found in enumerate(waiting) if isinstance(found, int)]
        if not up:
            raise Unavailable(texts.NO_SERVER(), code="not_reached")
        return self.servers[min(up)[1]]

    async def _upload(self, server: Server) -> dict[Slot, Any]:
        """Put the references where the workflow finds them; return their names by slot."""
        names: dict[Slot, Any] = {}
        for wanted, reference in zip(self._pictured(), self.job.references, strict=True):
            found = await self.run.open_reference(reference)
            digest = hashlib.sha256(found.body).hexdigest()[:32]
            name = f"danqing-{digest}.{found.media_type.rpartition('/')[2]}"
            stored = await server.upload(self.run.session, name, found.body, found.media_type)
            names |= dict.fromkeys(wanted, stored)
        return names

    def _pictured(self) -> list[tuple[Slot, ...]]:
        slots = {each.name: each.slots for each in self.workflow.pictures}
        return [slots[name] for name in self.job.input.get("pictures", ())]

    def _values(self) -> dict[Slot, Any]:
        return {
            slot: self.job.input[each.name]
            for each in self.workflow.inputs
            if each.type != "picture" and each.name in self.job.input
            for slot in each.slots
        }

    async def _outcome(self, order: _Order) -> State:
        """Wait until the order is settled; one that its server does not know is placed again, under the same id."""
        following = Following(self.run, order.prompt_id, len(self.workflow.graph.nodes))
        pause_s, placed_again = _FIRST_LOOK_S, False
        async with follow(order.server, order.prompt_id, following):
            while True:
                state = await order.server.state(self.run.session, order.prompt_id)
                if state is None:
                    if placed_again:
                        raise Unavailable(texts.INTERRUPTED(), code="forgotten")
                    placed_again = True
                    await self._send(order, await self._upload(order.server))
                elif state.word not in ("waiting", "running"):
                    return state
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await following.news.wait()
                following.news.clear()
                pause_s = min(_LAST_LOOK_S, pause_s * _GROWTH)

    async def _deliver(self, order: _Order, state: State) -> None:
        files = [file for node in self.workflow.givers for file in state.files.get(node, ())]
        if not files:
            raise InvalidRequest(texts.NOTHING_WRITTEN(), code="nothing_written")
        for index, file in zip(order.indexes, files, strict=False):
            await self.run.deliver(index, Source.from_url(order.server.view(file), _kind(file)))
        await self.run.omit(order.indexes[len(files) :])


async def cancel(run: Run) -> bool:
    """Have the order that *run* saved dropped; False when there is none, or its server cannot say that it did."""
    order = _Order.saved(run.saved)
    return order is not None and await order.server.cancel(run.session, order.prompt_id)


def _kind(file: File) -> OutputKind:
    return _KINDS.get(file.filename.rpartition(".")[2].lower(), OutputKind.FILE)


def _meaning_of(state: State) -> PluginError:
    if state.word == "cancelled":
        return Unavailable(texts.INTERRUPTED(), code="interrupted")
    node, class_type = state.error.get("node_id", "?"), state.error.get("node_type", "?")
    kind = str(state.error.get("exception_type", "")).rpartition(".")[2]
    said = f"{kind} {state.error.get('exception_message', '')}"
    if "OutOfMemory" in said or "out of memory" in said.lower():
        return Unavailable(texts.MEMORY(node=node, class_type=class_type), code="out_of_memory")
    # The exception's own text may quote the prompt; its type says enough, and the server's log the rest.
    message = texts.NODE_FAILED(node=node, class_type=class_type, error=kind or "?")
    return InvalidRequest(message, code="execution_error")
