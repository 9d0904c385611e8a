"""From a job to files: the order under an id of ours, its way through the queue, and what it wrote.

The id is on disk before the workflow leaves, so whatever cuts the attempt, the next one asks for it. A server that
does not know it never got it, or forgot it when it was restarted: the same order is then placed again. Where the
server itself is away, and another is not, that one gets a new order: nothing was paid for.
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
from danqing_providers.comfyui.choosing import Servers
from danqing_providers.comfyui.following import Following, follow
from danqing_providers.comfyui.graphs import Slot
from danqing_providers.comfyui.server import File, Server, State
from danqing_providers.comfyui.workflows import Workflow

__all__ = ["PICTURED", "Generation", "cancel"]

_FIRST_LOOK_S: Final = 0.5
_LAST_LOOK_S: Final = 5.0
_GROWTH: Final = 1.3
_TOLERATED: Final = 4
"""How many questions in a row may fail: while it loads a model, a server may answer nobody for seconds."""

_OUT_OF_MEMORY: Final = "out_of_memory"
PICTURED: Final = "pictures"
"""Where a task's input says which pictures it was given, for a release that reads it there."""
_KINDS: Final = {
    **dict.fromkeys(("mp4", "webm", "mov", "mkv"), OutputKind.VIDEO),
    **dict.fromkeys(("mp3", "wav", "flac", "ogg", "opus", "m4a"), OutputKind.AUDIO),
    **dict.fromkeys(("glb", "gltf", "obj", "ply"), OutputKind.MODEL),
    **dict.fromkeys(("png", "jpg", "jpeg", "webp", "gif", "avif", "bmp", "tiff"), OutputKind.IMAGE),
}


@attrs.frozen(kw_only=True)
class _Order:
    """A workflow under way: its id, where it went, and the nodes whose files are its outputs.

    `givers` is empty of one that an older release placed.
    """

    prompt_id: str
    server: Server
    indexes: tuple[int, ...]
    givers: tuple[str, ...] = ()
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
            givers=tuple(data.get("givers", ())),
            freed=data.get("freed", False),
        )

    def to_save(self) -> dict[str, Any]:
        """Return it as a checkpoint."""
        return {
            "prompt_id": self.prompt_id,
            "server": self.server.url,
            "indexes": list(self.indexes),
            "givers": list(self.givers),
            "freed": self.freed,
        }


@attrs.define(eq=False, kw_only=True)
class Generation:
    """Carries one job out. `workflow` None: it is not there any more, and what is ordered can still be had."""

    job: Job
    run: Run
    workflow: Workflow | None
    servers: Servers

    async def carry_out(self) -> Result | None:
        """Have every missing output made, and deliver it.

        Raises:
            PluginError: it came to nothing, and what that means.
        """
        if not self.run.missing:
            return None
        order, freed = _Order.saved(self.run.saved), False
        while True:
            server = await self.servers.idlest(self.run.session) if order is None else order.server
            with self.servers.occupied(server):
                order = order or await self._place(server, freed=freed)
                trouble = await self._see_through(order)
            if trouble is None:
                return Result()
            freed = order.freed or trouble.code == _OUT_OF_MEMORY
            order = None

    async def _see_through(self, order: _Order) -> Unavailable | None:
        """Deliver what *order* made; return why another has to take its place at once, None when none has to."""
        try:
            state = await self._outcome(order)
        except Unavailable as away:
            if not await self.servers.can_do_without(order.server, self.run.session):
                raise
            await self._forget(order, away)
            return away
        files = self._files(order, state) if state.word == "done" else []
        if files:
            await self._deliver(order, files)
            return None
        error = _meaning_of(state)
        await self._forget(order, error)
        if not isinstance(error, Unavailable) or error.code != _OUT_OF_MEMORY or order.freed:
            raise error
        await order.server.free(self.run.session)
        return error

    async def _forget(self, order: _Order, error: PluginError) -> None:
        """Say what *order* came to, and ask for it no more: whoever tries again runs the workflow anew."""
        await self.run.settle(order.indexes, error)
        await self.run.checkpoint({})

    async def _place(self, server: Server, *, freed: bool) -> _Order:
        workflow = self._fitting_workflow()
        pictures = await self._upload(server, workflow)
        indexes = self.run.missing
        order = _Order(
            prompt_id=str(uuid.uuid4()), server=server, indexes=indexes, givers=workflow.givers, freed=freed
        )
        async with self.run.call(indexes, fingerprint_of(self.job, indexes)) as call:
            call.request_id = order.prompt_id
            await self.run.checkpoint(order.to_save())
            return await self._send(order, workflow, pictures)

    async def _send(self, order: _Order, workflow: Workflow, pictures: Mapping[Slot, Any]) -> _Order:
        """Queue *order*; return it under the id that its server has it by: older ones take none of ours."""
        graph = workflow.graph.filled({**self._values(workflow), **pictures})
        for node in workflow.givers:
            if "filename_prefix" in graph[node]["inputs"]:
                graph[node]["inputs"]["filename_prefix"] = f"danqing/{self.job.task_id}"
        prompt_id = await order.server.queue(
            self.run.session, graph, order.prompt_id, self.job.task_id, workflow.givers
        )
        if prompt_id == order.prompt_id:
            return order
        order = attrs.evolve(order, prompt_id=prompt_id)
        await self.run.checkpoint(order.to_save())
        return order

    def _fitting_workflow(self) -> Workflow:
        """Return the workflow. Raises InvalidRequest: it is gone, or does not ask for what the task was given."""
        workflow, model = self.workflow, self.job.model
        if workflow is None:
            raise InvalidRequest(texts.WORKFLOW_GONE(model=model), code="workflow_gone")
        given = {*self.job.input, *(reference.key for reference in self.job.references)}
        known = {each.name for each in workflow.inputs}
        lacking = {each.name for each in workflow.inputs if each.required} - given
        if wrong := (given - known - {PICTURED}) | lacking:
            message = texts.WORKFLOW_CHANGED(model=model, names=", ".join(sorted(wrong)))
            raise InvalidRequest(message, code="workflow_changed")
        return workflow

    async def _upload(self, server: Server, workflow: Workflow) -> dict[Slot, Any]:
        """Put the references where the workflow finds them; return their names by slot."""
        slots = {each.name: each.slots for each in workflow.pictures}
        names: dict[Slot, Any] = {}
        for reference in self.job.references:
            found = await self.run.open_reference(reference)
            digest = hashlib.sha256(found.body).hexdigest()[:32]
            name = f"danqing-{digest}.{found.media_type.rpartition('/')[2]}"
            stored = await server.upload(self.run.session, name, found.body, found.media_type)
            names |= dict.fromkeys(slots[reference.key], stored)
        return names

    def _values(self, workflow: Workflow) -> dict[Slot, Any]:
        return {
            slot: self.job.input[each.name]
            for each in workflow.inputs
            if each.type != "picture" and each.name in self.job.input
            for slot in each.slots
        }

    async def _outcome(self, order: _Order) -> State:
        """Wait until the order is settled; one that its server does not know is placed again, under the same id.

        Raises:
            PluginError: its server does not answer, or refuses it.
        """
        nodes = 0 if self.workflow is None else len(self.workflow.graph.nodes)
        following = Following(self.run, order.prompt_id, nodes)
        pause_s, placed_again, failed = _FIRST_LOOK_S, False, 0
        async with follow(order.server, self.job.task_id, following):
            while True:
                try:
                    state = await order.server.state(self.run.session, order.prompt_id)
                    failed = 0
                except Unavailable:
                    failed += 1
                    if failed > _TOLERATED:
                        raise
                    state = State(word="running")
                if state is None:
                    if placed_again:
                        raise Unavailable(texts.INTERRUPTED(), code="forgotten")
                    placed_again = True
                    order = await self._place_again(order)
                    following.prompt_id = order.prompt_id
                elif state.word not in ("waiting", "running"):
                    return state
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await following.news.wait()
                following.news.clear()
                pause_s = min(_LAST_LOOK_S, pause_s * _GROWTH)

    async def _place_again(self, order: _Order) -> _Order:
        workflow = self._fitting_workflow()
        return await self._send(order, workflow, await self._upload(order.server, workflow))

    def _files(self, order: _Order, state: State) -> list[File]:
        givers = order.givers or self._fitting_workflow().givers
        return [file for node in givers for file in state.files.get(node, ())]

    async def _deliver(self, order: _Order, files: Sequence[File]) -> None:
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
    """Return what it means that nothing came of a run."""
    if state.word == "done":
        return InvalidRequest(texts.NOTHING_WRITTEN(), code="nothing_written")
    if state.word == "cancelled":
        return Unavailable(texts.INTERRUPTED(), code="interrupted")
    node, class_type = state.error.get("node_id", "?"), state.error.get("node_type", "?")
    kind = str(state.error.get("exception_type", "")).rpartition(".")[2]
    said = f"{kind} {state.error.get('exception_message', '')}"
    if "OutOfMemory" in said or "out of memory" in said.lower():
        return Unavailable(texts.MEMORY(node=node, class_type=class_type), code=_OUT_OF_MEMORY)
    # The exception's own text may quote the prompt; its type says enough, and the server's log the rest.
    message = texts.NODE_FAILED(node=node, class_type=class_type, error=kind or "?")
    return InvalidRequest(message, code="execution_error")
