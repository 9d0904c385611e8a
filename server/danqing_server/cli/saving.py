"""Where what a task made is written to, and what is said of it."""

from __future__ import annotations

import mimetypes
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs
from danqing_client import ApiError, Client, ConnectionFailed, NotFound, Output, Task

from danqing_server.cli.asking import Asking, refusal_of
from danqing_server.cli.exits import Ended, Exit
from danqing_server.cli.showing import clean, money, plain, show_json, show_text
from danqing_server.cli.waiting import command_to_get

__all__ = ["Place", "failure_of", "print_outcome"]

_SUFFIXES = {"image/jpeg": ".jpg", "audio/mpeg": ".mp3", "model/gltf-binary": ".glb"}
_NOT_IN_NAMES = re.compile(r"[^\w.-]")
"""Whatever a server calls a task, its files are in the folder that was named."""

_ALSO = {".jpg": (".jpg", ".jpeg"), ".tif": (".tif", ".tiff")}


@attrs.frozen
class Place:
    """A file, a folder, or standard output (`-`)."""

    path: Path

    @classmethod
    def read(cls, path: Path) -> Place:
        """Return the place; nothing is bought for one that cannot be written. Raises Ended."""
        folder = path if path.is_dir() else path.parent
        if str(path) != "-" and not (folder.is_dir() and os.access(folder, os.W_OK)):
            why = "cannot be written" if folder.is_dir() else "is not there"
            raise Ended(Exit.REFUSED, f"--output: the folder {str(folder)!r} {why}")
        if str(path) == "-" and sys.stdout.isatty():
            raise Ended(
                Exit.REFUSED, "--output: `-` would write a picture to the terminal; send it on, or name a file"
            )
        return cls(path)

    @property
    def is_stdout(self) -> bool:
        """Whether it goes to standard output."""
        return str(self.path) == "-"

    @property
    def suffix(self) -> str:
        """What a file's name ends with, in small letters; empty without an ending."""
        return "" if self.path.is_dir() else self.path.suffix.lower()

    def files(self, task_id: str, outputs: Sequence[Output]) -> Iterator[tuple[Output, Path]]:
        """Yield where each goes: numbered from 1 when there are several, in a folder under the task's id."""
        for place, output in enumerate(outputs, start=1):
            ending = _suffix_of(output)
            if self.path.is_dir():
                yield output, self.path / _NOT_IN_NAMES.sub("_", f"{task_id}-{output.index}{ending}")
                continue
            number = f"-{place}" if len(outputs) > 1 else ""
            yield output, self.path.with_name(f"{self.path.stem}{number}{self.path.suffix or ending}")

    def of_text(self, task_id: str) -> Path:
        """Return where an answer in words goes."""
        if self.path.is_dir():
            return self.path / _NOT_IN_NAMES.sub("_", f"{task_id}.txt")
        return self.path if self.path.suffix else self.path.with_suffix(".txt")


def _suffix_of(output: Output) -> str:
    known = _SUFFIXES.get(output.media_type) or mimetypes.guess_extension(output.media_type)
    return known or ".bin"


def print_outcome(asking: Asking, client: Client, task: Task, place: Place | None) -> int:
    """Save what *task* made to *place* (None: nowhere), print where it is, and return 0. Raises Ended."""
    if task.status != "completed":
        if asking.as_json:
            show_json({**task.raw, "files": []})
        raise failure_of(task)
    if place is not None and place.is_stdout and (task.outputs or not task.text):
        return _to_stdout(asking, client, task)
    with _fetching(asking, client, task, place):
        files = [] if place is None else _saved(client, task, place)
    if asking.as_json:
        show_json({**task.raw, "files": [str(path) for path in files]})
    else:
        lines = [str(path) for path in files] or [output.url for output in task.outputs]
        words = [task.text] if task.text and (task.outputs or not files) else []
        show_text("".join(f"{line}\n" for line in (*lines, *words)))
    _tell(task)
    return Exit.DONE


def failure_of(task: Task) -> Ended:
    """Return the end of a command whose task came to nothing."""
    if task.error is None or task.status == "cancelled":
        return Ended(Exit.FAILED, f"task {task.id} {task.status}")
    said = f"{clean(task.error.message)} ({task.error.code}; paid for: {task.error.billed})"
    lines = [f"task {task.id} failed: {said}"]
    if task.error.retryable:
        lines.append(f"`danqing retry {task.id}` tries it again")
    return Ended(Exit.FAILED, *lines)


def _to_stdout(asking: Asking, client: Client, task: Task) -> int:
    if len(task.outputs) != 1:
        raise Ended(
            Exit.REFUSED,
            f"--output: `-` takes one file, and task {task.id} made {len(task.outputs)}",
            f"`{asking.command_for(client, 'watch', task.id, '-o', 'FOLDER')}` gets them",
        )
    with _fetching(asking, client, task, Place(Path("FILE"))):
        content = client.download(task.outputs[0])
    sys.stdout.buffer.write(content)
    return Exit.DONE


@contextmanager
def _fetching(asking: Asking, client: Client, task: Task, place: Place | None) -> Iterator[None]:
    """Have whatever comes between say how to get at what *task* made: it is there, and paid for. Raises Ended."""
    command = command_to_get(asking, client, task, None if place is None else place.path)
    get = f"task {task.id} is completed: `{command}` gets what it made"
    try:
        yield
    except KeyboardInterrupt:
        raise Ended(Exit.INTERRUPTED, "interrupted", get) from None
    except ConnectionFailed as error:
        raise Ended(Exit.UNREACHABLE, str(error), get) from error
    except NotFound:  # it was deleted
        raise
    except ApiError as error:
        raise refusal_of(error, get) from error


def _saved(client: Client, task: Task, place: Place) -> list[Path]:
    """Save what a task made, or what it said where that is all, and return where it is."""
    if task.text and not task.outputs and not place.is_stdout:
        path = place.of_text(task.id)
        _write(path, f"{task.text}\n".encode(), f"task {task.id}")
        return [path]
    return [_save(client, *each) for each in place.files(task.id, task.outputs)]


def _save(client: Client, output: Output, path: Path) -> Path:
    _write(path, client.download(output), output.url)
    right = _suffix_of(output)
    if path.suffix.lower() not in _ALSO.get(right, (right,)):
        sys.stderr.write(f"danqing: {path.name} holds {clean(output.media_type)}, as it was delivered\n")
    return path


def _write(path: Path, content: bytes, kept_at: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):  # where it could not be written, a disk may not let it be removed either
            part.unlink(missing_ok=True)
        raise Ended(Exit.REFUSED, f"{path}: {error.strerror}; it is kept at {kept_at}") from error


def _tell(task: Task) -> None:
    """Say what else is worth knowing: outputs that failed, always; what it cost, to people."""
    errors = (task.raw.get("output") or {}).get("errors", [])
    sys.stderr.writelines(f"danqing: output {each['index']} failed: {clean(each['message'])}\n" for each in errors)
    if sys.stderr.isatty():
        cost = "simulated" if task.sandbox else money(task.raw.get("cost"))
        sys.stderr.write(plain("  ".join(filter(None, (task.id, task.model, cost)))) + "\n")
