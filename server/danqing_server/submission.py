"""From a client's request to a task that is safe: checked, its pictures taken out, stored, queued.

A submission runs as a task of its own: a client that hangs up undoes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import attrs

from danqing_plugins import InvalidRequest, Prepared, Problem, ProviderInfo, Reference, Request, TaskEventKind
from danqing_server.assets.references import ParsedReference, find_own, parse_references
from danqing_server.assets.storage import Assets
from danqing_server.clock import Clock
from danqing_server.codec import shorten
from danqing_server.errors import InvalidSubmission, QueueUnavailable, ServiceUnavailable, StoreUnavailable
from danqing_server.ids import new_task_id, new_token
from danqing_server.log import get_logger
from danqing_server.models import Priority, Status, Task, TaskError
from danqing_server.queue.lanes import Queue
from danqing_server.registry import Registry
from danqing_server.store import transitions
from danqing_server.store.tasks import TaskStore
from danqing_server.worker.attempt import entry_of, event_of

__all__ = ["Submission", "Submissions"]

LONGEST_STRING = 64 * 1024
VOID_TRIES = 7200
VOID_PAUSE_S = 0.5

log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class Submission:
    """What a client asks for, its shape already checked by the HTTP layer.

    `input` is the flat object the provider sees. `name` turns one of its keys into the name the client used
    (`options.size`). `delay_s` 0 is at once. `on_ambiguous` None leaves it to the server's policy.
    """

    provider: str | None
    type: str
    model: str | None
    input: Mapping[str, Any] = attrs.field(repr=False)
    user_id: str
    owner: str | None = None
    delay_s: int = 0
    priority: Priority = Priority.NORMAL
    on_ambiguous: str | None = None
    name: Callable[[str], str] = str


@attrs.define(eq=False)
class Submissions:
    """Takes submissions in. Made once per process."""

    store: TaskStore
    queue: Queue
    assets: Assets
    registry: Registry
    clock: Clock
    default_provider: str
    max_picture_bytes: int
    max_picture_pixels: int
    _running: set[asyncio.Task[Any]] = attrs.field(factory=set, init=False)

    async def submit(self, submission: Submission) -> Task:
        """Check, store and queue a submission, and return its task.

        Raises:
            InvalidSubmission: with one problem per wrong field; nothing was kept.
            StoreUnavailable: it is not known to be safe; should it have been stored, it is voided.
            QueueUnavailable: it could not be queued, and was voided.
            StorageUnavailable: a reference picture could not be kept.
        """
        running = asyncio.create_task(self._submit(submission))
        self._keep(running)
        return await asyncio.shield(running)

    async def drain(self) -> None:
        """Wait for submissions under way and for voids still owed."""
        while self._running:
            await asyncio.wait(self._running)

    def _keep(self, running: asyncio.Task[Any]) -> None:
        self._running.add(running)
        running.add_done_callback(self._ended)

    def _ended(self, done: asyncio.Task[Any]) -> None:
        self._running.discard(done)
        if not done.cancelled():
            done.exception()  # read, since the client who would have raised it may be gone

    async def _submit(self, submission: Submission) -> Task:
        provider = self._find_provider(submission)
        plain, parsed = await self._take_references_out(submission, provider)
        prepared = self._prepare(submission, provider, plain, parsed)
        now_ms = self.clock.now_ms()
        task_id = new_task_id(provider.name, submission.type, now_ms)
        try:
            references = await self._keep_references(task_id, parsed)
            task = self._task(task_id, submission, provider, prepared, references)
            await self.store.insert(task)
        except StoreUnavailable:
            # It may have landed all the same. The client is told now; the void follows when MongoDB answers.
            self._keep(asyncio.create_task(self._void_when_possible(task)))
            raise
        except BaseException:
            if parsed:
                await self._drop_pictures(task_id)
            raise
        return await self._enqueue(task)

    def _find_provider(self, submission: Submission) -> ProviderInfo:
        name = submission.provider or self.default_provider
        provider = self.registry.find_provider(name)
        if provider is None:
            known = ", ".join(sorted(self.registry.providers)) or "none"
            message = f"unknown provider; known: {known}"
            raise InvalidSubmission([Problem(field="provider", message=message, value=shorten(name))])
        if submission.type not in provider.types:
            message = f"unknown task type of {provider.name}; known: {', '.join(provider.types)}"
            raise InvalidSubmission([Problem(field="type", message=message, value=shorten(submission.type))])
        return provider

    async def _take_references_out(
        self, submission: Submission, provider: ProviderInfo
    ) -> tuple[dict[str, Any], list[ParsedReference]]:
        """Split the input into what stays in the task and the pictures it refers to."""
        plain = {key: value for key, value in submission.input.items() if key not in provider.reference_fields}
        problems: list[Problem] = []
        _find_long_strings(plain, "", submission.name, problems)
        parsed: list[ParsedReference] = []
        for key in provider.reference_fields:
            try:
                parsed += await asyncio.to_thread(self._parse, submission.name(key), submission.input.get(key))
            except InvalidSubmission as error:
                problems += error.problems
        if problems:
            raise InvalidSubmission(problems)
        return plain, await find_own(self.assets, parsed) if parsed else []

    def _parse(self, field: str, value: object) -> list[ParsedReference]:
        return parse_references(field, value, max_bytes=self.max_picture_bytes, max_pixels=self.max_picture_pixels)

    def _prepare(
        self,
        submission: Submission,
        provider: ProviderInfo,
        plain: Mapping[str, Any],
        parsed: Sequence[ParsedReference],
    ) -> Prepared:
        request = Request(
            provider=provider.name,
            type=submission.type,
            model=submission.model,
            input=plain,
            references=tuple(each.reference for each in parsed),
        )
        try:
            return self.registry.prepare(request)
        except InvalidRequest as error:
            problems = error.problems or (Problem(field="input", message=error.message),)
            raise InvalidSubmission([_as_sent(problem, submission, request) for problem in problems]) from error

    async def _keep_references(self, task_id: str, parsed: Sequence[ParsedReference]) -> tuple[Reference, ...]:
        references = []
        for number, each in enumerate(parsed):
            if each.body is None or each.inspection is None:
                references.append(each.reference)
            else:
                asset = await self.assets.keep_input(task_id, number, each.body, each.inspection)
                references.append(each.kept_as(asset.key))
        return tuple(references)

    def _task(
        self,
        task_id: str,
        submission: Submission,
        provider: ProviderInfo,
        prepared: Prepared,
        references: tuple[Reference, ...],
    ) -> Task:
        now = self.clock.now()
        run_at = now + timedelta(seconds=submission.delay_s) if submission.delay_s else None
        return Task(
            id=task_id,
            user_id=submission.user_id,
            owner=submission.owner,
            type=submission.type,
            provider=provider.name,
            model=prepared.model,
            input=prepared.input,
            references=references,
            images=prepared.images,
            single_call=prepared.single_call,
            notes=prepared.notes,
            price=prepared.price,
            priority=submission.priority,
            on_ambiguous=submission.on_ambiguous,
            status=Status.SCHEDULED if run_at else Status.PENDING,
            transition_id=new_token(),
            created_at=now,
            updated_at=now,
            waiting=int(now.timestamp() * 1000),
            run_at=run_at,
        )

    async def _enqueue(self, task: Task) -> Task:
        """Push the stored task. When Redis is away the client is refused, so the task is voided first."""
        try:
            await self.queue.push(entry_of(task))
        except QueueUnavailable:
            if await self._void(task):
                raise
            return task  # it was taken up before it could be voided: it is on its way
        await self.registry.tell(event_of(task, TaskEventKind.CREATED))
        return task

    async def _void(self, task: Task) -> bool:
        """Make sure *task*, stored or still to land, will not run; False when it runs already.

        The tombstone takes the id, so that an insert still under way finds it taken.
        """
        now = self.clock.now()
        message = "the server could not confirm this task when it was submitted, and cancelled it"
        error = TaskError(code="not_acknowledged", message=message, retryable=True)
        tombstone = attrs.evolve(
            task, status=Status.CANCELLED, waiting=None, run_at=None, completed_at=now, error=error
        )
        if await self.store.insert(tombstone):
            return True
        return await self.store.apply(transitions.cancelled(task, now, error))

    async def _void_when_possible(self, task: Task) -> None:
        for _ in range(VOID_TRIES):
            try:
                voided = await self._void(task)
            except StoreUnavailable:
                await asyncio.sleep(VOID_PAUSE_S)
            else:
                log.warning("task_not_acknowledged", task_id=task.id, voided=voided)
                await self._drop_pictures(task.id)
                return
        log.error("task_not_voided", task_id=task.id)

    async def _drop_pictures(self, task_id: str) -> None:
        try:
            await self.assets.delete_task(task_id)
        except ServiceUnavailable as error:
            log.warning("pictures_left_behind", task_id=task_id, reason=str(error))


def _find_long_strings(value: object, path: str, name: Callable[[str], str], problems: list[Problem]) -> None:
    if isinstance(value, str) and len(value) > LONGEST_STRING:
        message = f"is too long: {len(value)} characters, at most {LONGEST_STRING}"
        problems.append(Problem(field=name(path), message=message, value=shorten(value)))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _find_long_strings(item, f"{path}.{key}" if path else key, name, problems)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _find_long_strings(item, f"{path}[{number}]", name, problems)


def _as_sent(problem: Problem, submission: Submission, request: Request) -> Problem:
    """Return *problem* under the name the client used; references carry that name already."""
    known = {reference.field for reference in request.references}
    renamed = problem.field if problem.field in known else submission.name(problem.field)
    return Problem(field=renamed, message=problem.message, value=shorten(problem.value))
