"""The queue of one worker, in memory like ComfyUI's own: a restart forgets what waits, what runs and what was."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import attrs

from danqing_providers.sandbox.comfyui.reading import digest_of, prompt_of, shape_of
from danqing_providers.sandbox.faults import Target
from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.ledger import Purchase
from danqing_providers.sandbox.painter import Commission, paint
from danqing_providers.sandbox.troubles import TroubleKind

__all__ = ["DIALECT", "Run", "Worker", "file_key"]

DIALECT: Final = "comfyui"
_HISTORY: Final = 10_000
_STEPS_TOLD: Final = 5
_KEPT_S: Final = 30 * 86_400.0

Tell = Callable[[str, str, Mapping[str, Any] | bytes], Awaitable[None]]
"""Sends a client a message: its id, the message's type, and its data (bytes: a picture)."""


@attrs.define(eq=False, kw_only=True)
class Run:
    """One workflow in the queue. `status` is of `/api/jobs`; times are seconds since the epoch."""

    number: int
    prompt_id: str
    graph: Mapping[str, Any]
    writers: tuple[str, ...]
    client_id: str
    created_s: float
    extra: Mapping[str, Any] = attrs.field(factory=dict)
    status: str = "pending"
    started_s: float | None = None
    ended_s: float | None = None
    outputs: dict[str, Any] = attrs.field(factory=dict)
    error: dict[str, Any] | None = None
    messages: list[list[Any]] = attrs.field(factory=list)
    stopped: asyncio.Event = attrs.field(factory=asyncio.Event)

    @property
    def item(self) -> list[Any]:
        """It as `/queue` and `/history` show it."""
        return [self.number, self.prompt_id, self.graph, self.extra, list(self.writers)]


def file_key(subfolder: str, filename: str) -> str:
    """Return the name of the work that is the file of this name."""
    return "comfy" + hashlib.sha256(f"{subfolder}/{filename}".encode()).hexdigest()[:32]


@attrs.define(eq=False)
class Worker:
    """Runs one workflow after the other, in real time, and tells its client how far it is."""

    house: House
    tell: Tell
    pending: list[Run] = attrs.field(factory=list)
    running: Run | None = None
    history: dict[str, Run] = attrs.field(factory=dict)
    pictures: dict[str, str] = attrs.field(factory=dict)
    _numbers: itertools.count[int] = attrs.field(factory=itertools.count)
    _cached: set[str] = attrs.field(factory=set)
    _names: set[str] = attrs.field(factory=set)
    _work: asyncio.Task[None] | None = None

    def put(self, prompt_id: str, graph: Mapping[str, Any], writers: tuple[str, ...], client_id: str) -> Run:
        """Queue a workflow; the same id twice is run twice."""
        run = Run(
            number=next(self._numbers),
            prompt_id=prompt_id,
            graph=graph,
            writers=writers,
            client_id=client_id,
            created_s=self.house.clock(),
            extra={"client_id": client_id} if client_id else {},
        )
        self.pending.append(run)
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._run_all())
        return run

    def find(self, prompt_id: str) -> Run | None:
        """Return the run of that id, wherever it is; None when it is unknown."""
        waiting = [self.running] if self.running is not None else []
        waiting += self.pending
        return next((run for run in waiting if run.prompt_id == prompt_id), self.history.get(prompt_id))

    def cancel(self, prompt_id: str) -> bool:
        """Take it out of the queue, or stop it; False when there is nothing to stop."""
        if self.running is not None and self.running.prompt_id == prompt_id:
            self.running.stopped.set()
            return True
        waiting = [run for run in self.pending if run.prompt_id == prompt_id]
        for run in waiting:
            self.pending.remove(run)
            self._end(run, "cancelled", [["execution_interrupted", {"prompt_id": prompt_id}]])
        return bool(waiting)

    async def close(self) -> None:
        """Stop at once."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _run_all(self) -> None:
        while self.pending:
            run = self.running = self.pending.pop(0)
            try:
                await self._run(run)
            finally:
                self.running = None

    async def _run(self, run: Run) -> None:
        run.status, run.started_s = "in_progress", self.house.clock()
        target = Target(prompt=prompt_of(run.graph), models=(DIALECT,), dialect=DIALECT)
        plan = self.house.plan_job(target)
        await self._say(run, "execution_start", {})
        seen = digest_of(run.graph) in self._cached
        if seen:
            still = [id_ for id_ in run.graph if id_ not in run.writers]
            await self._say(run, "execution_cached", {"nodes": still})
        await self._take(run, 0.0 if seen else plan.running_s, cached=seen)
        if run.stopped.is_set():
            await self._fail(run, "cancelled", "execution_interrupted", _at(run))
        elif plan.trouble is not None:
            await self._fail(run, "failed", "execution_error", {**_at(run), **_exception(plan.trouble)})
        else:
            await self._succeed(run, target.prompt)

    async def _take(self, run: Run, seconds: float, *, cached: bool) -> None:
        """Take the time of every node; the sampler takes nearly all of it."""
        for id_, node in run.graph.items():
            if cached and id_ not in run.writers:
                continue
            await self._tell(run, "executing", {"node": id_, "display_node": id_})
            if "Sampler" in node["class_type"]:
                await self._sample(run, id_, int(node.get("inputs", {}).get("steps", 20)), seconds)
            if run.stopped.is_set():
                return

    async def _sample(self, run: Run, id_: str, steps: int, seconds: float) -> None:
        told = min(steps, _STEPS_TOLD)
        for number in range(1, told + 1):
            await self._pause(run, seconds / told)
            if run.stopped.is_set():
                return
            await self._tell(run, "progress", {"value": steps * number // told, "max": steps, "node": id_})
            if run.client_id and seconds:
                await self.tell(run.client_id, "preview", await self._preview(run, number))

    async def _pause(self, run: Run, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await run.stopped.wait()

    async def _preview(self, run: Run, number: int) -> bytes:
        side = 24 * number
        commission = Commission(prompt=prompt_of(run.graph), width=side, height=side)
        return (1).to_bytes(4) + (1).to_bytes(4) + await self.house.in_thread(paint, commission)

    async def _succeed(self, run: Run, prompt: str) -> None:
        works: list[Work] = []
        for id_ in run.writers:
            made = await self._written(run, id_, prompt)
            works += made.pop("works")
            run.outputs[id_] = made
            await self._tell(run, "executed", {"node": id_, "display_node": id_, "output": made})
        lasting = [work for work in works if work.kept_s == _KEPT_S]
        await self.house.bill([_purchase(run, prompt, work) for work in lasting], works)
        self._cached.add(digest_of(run.graph))
        self._end(run, "completed", [])
        await self._say(run, "execution_success", {})
        await self._tell(run, "executing", {"node": None})

    async def _written(self, run: Run, id_: str, prompt: str) -> dict[str, Any]:
        """Return a writer's part of the outputs, with the works behind it."""
        node = run.graph[id_]
        shape = shape_of(run.graph)
        temporary = node["class_type"] == "PreviewImage"
        prefix = "ComfyUI_temp" if temporary else str(node["inputs"].get("filename_prefix", "ComfyUI"))
        folder, _, stem = prefix.rpartition("/")
        film = node["class_type"] == "SaveVideo"
        files, works = [], []
        for index in range(1 if film else shape["batch"]):
            filename = await self._free_name(folder, stem, "mp4" if film else "png")
            files.append({"filename": filename, "subfolder": folder, "type": "temp" if temporary else "output"})
            works.append(self._work_of(run, prompt, index, folder, filename, shape, film=film, temporary=temporary))
        key = "images"  # SaveVideo's files stand under `images` too, with `animated`
        return {key: files, **({"animated": [True]} if film else {}), "works": works}

    def _work_of(
        self,
        run: Run,
        prompt: str,
        index: int,
        folder: str,
        filename: str,
        shape: Mapping[str, Any],
        *,
        film: bool,
        temporary: bool,
    ) -> Work:
        return Work(
            name=file_key(folder, filename),
            dialect=DIALECT,
            model=DIALECT,
            prompt=prompt,
            form="mp4" if film else "png",
            made_s=self.house.clock(),
            index=index,
            seed=shape["seed"],
            width=shape["width"],
            height=shape["height"],
            seconds=shape["seconds"] if film else 0,
            tokens=tuple(self.pictures[name] for name in shape["pictures"] if name in self.pictures),
            kept_s=3600.0 if temporary else _KEPT_S,
        )

    async def _free_name(self, folder: str, stem: str, form: str) -> str:
        for number in itertools.count(1):
            filename = f"{stem}_{number:05}_.{form}"
            if (
                file_key(folder, filename) not in self._names
                and await self.house.gallery.find(file_key(folder, filename)) is None
            ):
                self._names.add(file_key(folder, filename))
                return filename
        raise AssertionError

    async def _fail(self, run: Run, status: str, kind: str, data: dict[str, Any]) -> None:
        run.error = data if kind == "execution_error" else None
        self._end(run, status, [[kind, {"prompt_id": run.prompt_id, **data}]])
        await self._tell(run, kind, data)

    def _end(self, run: Run, status: str, messages: list[list[Any]]) -> None:
        run.status, run.ended_s = status, self.house.clock()
        run.messages += messages
        self.history.pop(run.prompt_id, None)
        self.history[run.prompt_id] = run
        if len(self.history) > _HISTORY:
            del self.history[next(iter(self.history))]

    async def _say(self, run: Run, kind: str, data: dict[str, Any]) -> None:
        """Tell the client, and keep it in the history."""
        told = {"prompt_id": run.prompt_id, **data, "timestamp": int(self.house.clock() * 1000)}
        run.messages.append([kind, told])
        await self._tell(run, kind, told)

    async def _tell(self, run: Run, kind: str, data: Mapping[str, Any]) -> None:
        if run.client_id:
            await self.tell(run.client_id, kind, {"prompt_id": run.prompt_id, **data})


def _purchase(run: Run, prompt: str, work: Work) -> Purchase:
    """Return the ledger's line: nothing is paid for, and what was made twice shows."""
    return Purchase(
        time_s=work.made_s,
        dialect=DIALECT,
        model=DIALECT,
        prompt=prompt,
        api_key="",
        request_id=run.prompt_id,
        kind="video" if work.form == "mp4" else "image",
        image_index=work.index,
        size=f"{work.width}x{work.height}",
        cost_micro=0,
        job=f"{run.prompt_id}#{run.number}",
        work=work.name,
    )


def _at(run: Run) -> dict[str, Any]:
    id_ = next((id_ for id_, node in run.graph.items() if "Sampler" in node["class_type"]), next(iter(run.graph)))
    return {"node_id": id_, "node_type": run.graph[id_]["class_type"], "executed": []}


def _exception(trouble: TroubleKind) -> dict[str, Any]:
    if trouble is TroubleKind.OVERLOADED:
        kind, message = (
            "torch.OutOfMemoryError",
            "Allocation on device 0 would exceed allowed memory. (out of memory)",
        )
    else:
        kind, message = "RuntimeError", "mat1 and mat2 shapes cannot be multiplied"
    return {"exception_type": kind, "exception_message": message, "traceback": [], "current_inputs": {}}
