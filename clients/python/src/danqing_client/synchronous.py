"""The client for threads. One may be shared by many."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from danqing_client import answers, calls, streams
from danqing_client.calls import Call, Settings, Submission
from danqing_client.connections import open_http
from danqing_client.errors import ApiError, TaskFailed, WaitTimeout
from danqing_client.models import Event, Output, Task, TaskRow, Upload

__all__ = ["Client"]


class Client:
    """A server, at *url* with *key*: None is `DANQING_URL` (else this machine's 8080) and `DANQING_KEY`.

    *user_id* is whose tasks are submitted unless a call names another. *retries* is how often a request is sent
    again that got no answer, or one that says that it may pass. *language* is that of messages: `en` or `zh`.
    *transport* is for those who bring their own.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        user_id: str | None = None,
        retries: int = 5,
        language: str = "en",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.settings = Settings.read(url, key, user_id, retries, language)
        self._http = open_http(httpx.Client, self.settings, transport)
        self._models: dict[str | None, str] = {}

    def __enter__(self) -> Client:
        """Return the client, which is closed at the end of the block."""
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def generate(
        self,
        prompt: str | None = None,
        *,
        timeout_s: float | None = None,
        on_progress: Callable[[Task], None] | None = None,
        **options: Any,
    ) -> Task:
        """Submit a task as `submit` does, and return it when it is completed.

        Raises:
            TaskFailed: it failed, or was cancelled.
            WaitTimeout: it is not finished after *timeout_s* seconds, and goes on; None waits for ever.
        """
        submitted = self.submit(prompt, **options)
        task = self.wait(submitted.id, timeout_s=timeout_s, on_progress=on_progress)
        if task.status != "completed":
            raise TaskFailed(task)
        return task

    def submit(
        self,
        prompt: str | None = None,
        *,
        type: str = "image",
        model: str | None = None,
        provider: str | None = None,
        user_id: str | None = None,
        idempotency_key: str | None = None,
        delay: int | None = None,
        priority: str | None = None,
        on_ambiguous: str | None = None,
        webhook: str | Mapping[str, Any] | None = None,
        **parameters: Any,
    ) -> Task:
        """Submit a task, and return it as it was taken in; *parameters* are the model's own.

        *delay* is in seconds. *idempotency_key* None makes a new one, under which this call repeats itself.
        """
        wanted = Submission.make(
            self.settings,
            prompt,
            parameters,
            type=type,
            model=model,
            provider=provider,
            user_id=user_id,
            idempotency_key=idempotency_key,
            delay=delay,
            priority=priority,
            on_ambiguous=on_ambiguous,
            webhook=webhook,
        )
        return answers.task_of(self._ask(wanted.call(self._model_for(wanted))))

    def check(
        self,
        prompt: str | None = None,
        *,
        type: str = "image",
        model: str | None = None,
        provider: str | None = None,
        **parameters: Any,
    ) -> Mapping[str, Any]:
        """Return what a submission would cost, and what is wrong with it; nothing is bought."""
        wanted = Submission.make(
            self.settings,
            prompt,
            parameters,
            type=type,
            model=model,
            provider=provider,
            user_id=None,
            idempotency_key=None,
        )
        checked: Mapping[str, Any] = self._ask(wanted.check(self._model_for(wanted)))
        return checked

    def get(self, task_id: str) -> Task:
        """Return a task as it is now."""
        return answers.task_of(self._ask(Call.of_task("GET", task_id)))

    def wait(
        self,
        task_id: str,
        *,
        timeout_s: float | None = None,
        on_progress: Callable[[Task], None] | None = None,
    ) -> Task:
        """Return a task when it has ended, however it did; *on_progress* is given it whenever it changed.

        Raises:
            WaitTimeout: it has not after *timeout_s* seconds; it goes on.
            ConnectionFailed, ServerUnavailable: the server had no answer by then, nor ten seconds later.
        """
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            asked_s = time.monotonic()
            task = answers.task_of(self._ask(calls.poll(task_id, until_s)))
            if task.finished:
                return task
            if on_progress is not None:
                on_progress(task)
            if until_s is not None and time.monotonic() >= until_s:
                raise WaitTimeout(task, timeout_s or 0.0)
            time.sleep(calls.between_polls_s(time.monotonic() - asked_s))

    def cancel(self, task_id: str) -> Task:
        """Cancel a task that is not finished; a call that has left already may be billed all the same."""
        return self._move("cancel", task_id)

    def retry(self, task_id: str) -> Task:
        """Queue a failed or cancelled task again; what it has is not bought again."""
        return self._move("retry", task_id)

    def delete(self, task_id: str) -> None:
        """Delete a task and what it made."""
        call = Call.of_task("DELETE", task_id)
        response, repeated = self._send(call)
        try:
            answers.read(response)
        except ApiError as error:
            if not calls.is_done_already("delete", error, repeated=repeated):
                raise

    def tasks(self, **filters: str | int | Sequence[str]) -> Iterator[TaskRow]:
        """Yield rows of the project's tasks, newest first: by `status`, `user_id`, `q` (words of the prompt), …"""
        cursor: str | None = None
        while True:
            page = self._ask(calls.listing(filters, cursor))
            yield from map(answers.row_of, page["tasks"])
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def upload(self, source: str | Path | bytes) -> Upload:
        """Send a picture ahead, from a file or as bytes; its `uri` stands wherever a reference may."""
        return answers.upload_of(self._ask(calls.upload_call(source)))

    def providers(self) -> Mapping[str, Any]:
        """Return providers, models, their parameters and prices."""
        told: Mapping[str, Any] = self._ask(Call("GET", "/api/v1/providers"))
        return told

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        repeatable: bool | None = None,
    ) -> Any:
        """Ask for anything else that the API has, and return the `data` of the answer; texts and files as they are.

        *repeatable* False is sent once only; None: whatever is not `POST` may be sent again.
        """
        again = method.upper() != "POST" if repeatable is None else repeatable
        response, _ = self._send(Call(method, path, json=json, params=params or {}, repeatable=again))
        return answers.read_any(response)

    def events(self, last_id: str | None = None, **filters: str | int | Sequence[str]) -> Iterator[Event]:
        """Yield what happens to the project's tasks and to the lanes, from now on or after the event *last_id*.

        By `user_id`, `status` or `task_ids`; with `per_second` of so many tasks at most. A stream that is cut is
        opened again where it was, for ever as long as the server comes back within the time that `retries` take;
        what happened twice has the same id.

        Raises:
            ConnectionFailed: the server is gone.
            ApiError: it does not let us.
        """
        reader, tries = streams.EventReader(last_id), 0
        while True:
            tries += 1
            call = calls.events_call(reader.last_id, filters)
            ended: httpx.Response | httpx.RequestError
            try:
                with self._http.stream(**calls.request_of(self.settings, call)) as ended:
                    if not ended.is_success:
                        ended.read()
                    reader.begin()
                    for part in ended.iter_bytes() if ended.is_success else ():
                        tries = 0
                        yield from reader.feed(part)
            except httpx.RequestError as error:
                ended = error
            time.sleep(streams.reopen_s(self.settings, call, tries, ended))

    def download(self, output: Output) -> bytes:
        """Return the bytes of an output, which are those that its `sha256` says.

        Raises:
            ConnectionFailed: they did not come whole.
        """
        response, _ = self._send(Call("GET", output.url))
        return answers.checked(output, response)

    def save(self, output: Output, path: str | Path) -> Path:
        """Write an output to a file, and return where."""
        target = Path(path)
        target.write_bytes(self.download(output))
        return target

    def _model_for(self, wanted: Submission) -> str:
        if wanted.model is not None:
            return wanted.model
        if wanted.provider not in self._models:
            self._models[wanted.provider] = calls.default_model(self.providers(), wanted.provider)
        return self._models[wanted.provider]

    def _move(self, what: str, task_id: str) -> Task:
        response, repeated = self._send(calls.move(what, task_id))
        try:
            return answers.task_of(answers.read(response))
        except ApiError as error:
            if not calls.is_done_already(what, error, repeated=repeated):
                raise
        return self.get(task_id)

    def _ask(self, call: Call) -> Any:
        return answers.read(self._send(call)[0])

    def _send(self, call: Call) -> tuple[httpx.Response, bool]:
        """Return the answer, and whether the request was sent more than once."""
        tries = 0
        failed: httpx.Response | httpx.RequestError
        while True:
            tries += 1
            try:
                failed = self._http.request(**calls.request_of(self.settings, call))
            except httpx.RequestError as error:
                failed = error
            pause_s = calls.pause_s(self.settings, call, tries, failed)
            if pause_s is None:
                break
            time.sleep(pause_s)
            call = calls.again(call)
        if isinstance(failed, httpx.RequestError):
            raise calls.unreached(call, failed) from failed
        return failed, tries > 1
