"""Waiting for a task, with a bar where somebody looks on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from danqing_client import ApiError, Client, ConnectionFailed, NotFound, Task, WaitTimeout

from danqing_server.cli.asking import Asking, refusal_of
from danqing_server.cli.exits import Ended, Exit
from danqing_server.cli.showing import clean, console

__all__ = ["command_to_get", "wait_for"]

LOOKS_EVERY_S = 1.0
"""How often a bar is brought up to date: estimates of the progress are no change that a long poll waits for."""


def wait_for(asking: Asking, client: Client, task: Task, *, timeout_s: float | None, saving: Path | None) -> Task:
    """Return *task* when it has ended. However this is left, the task goes on, and how to get at it is said.

    Raises:
        Ended: Ctrl-C, the time is over, or the server is gone.
    """
    get = f"`{command_to_get(asking, client, task, saving)}` gets it"
    try:
        with _bar(task) as show:
            return _watch(client, task, timeout_s, show)
    except KeyboardInterrupt:
        lines = [f"task {task.id} goes on", f"{get}; `{asking.command_for(client, 'cancel', task.id)}` stops it"]
        raise Ended(Exit.INTERRUPTED, *lines) from None
    except WaitTimeout as error:
        raise Ended(Exit.TIMEOUT, f"task {task.id} is {error.task.status}, and goes on", get) from error
    except ConnectionFailed as error:
        lines = [f"the server is gone; task {task.id} goes on when it is back", f"then {get}"]
        raise Ended(Exit.UNREACHABLE, *lines) from error
    except NotFound:
        raise
    except ApiError as error:  # a proxy's word for a server that is gone, a key that was taken back
        raise refusal_of(error, f"task {task.id} goes on", get) from error


def command_to_get(asking: Asking, client: Client, task: Task, saving: Path | None) -> str:
    """Return the command that waits for *task*, and saves what it made where this one was to."""
    place = () if saving is None else ("-o", str(saving))
    return asking.command_for(client, "watch", task.id, *place)


def _watch(client: Client, task: Task, timeout_s: float | None, show: Callable[[Task], None] | None) -> Task:
    if task.finished:
        return task
    if show is None:
        return client.wait(task.id, timeout_s=timeout_s)
    until_s = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        try:
            return client.wait(task.id, timeout_s=LOOKS_EVERY_S, on_progress=show)
        except WaitTimeout as error:
            show(error.task)
            if until_s is not None and time.monotonic() >= until_s:
                raise


@contextmanager
def _bar(task: Task) -> Iterator[Callable[[Task], None] | None]:
    """Yield what draws a task's progress; None where nobody sees it."""
    if not sys.stderr.isatty() or task.finished:
        yield None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        bar = progress.add_task(clean(task.status), total=1.0)

        def show(seen: Task) -> None:
            progress.update(bar, description=clean(seen.status), completed=seen.progress)

        yield show
