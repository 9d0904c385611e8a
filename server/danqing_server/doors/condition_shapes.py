"""What is sent of the server's own condition."""

from __future__ import annotations

from typing import Annotated, TypedDict

from danqing_server.http.shapes import Moment, said
from danqing_server.plugins.installed import Stage

__all__ = [
    "BrokenPluginShape",
    "ConditionShape",
    "LanguageGapShape",
    "LoopShape",
    "SpaceShape",
    "WorkerShape",
]


class SpaceShape(TypedDict):
    """The room of the file system in which outputs are kept."""

    free_bytes: Annotated[int, said("that may still be written", 52_613_349_376)]
    total_bytes: Annotated[int, said("of all", 107_374_182_400)]


class WorkerShape(TypedDict):
    """A process that carries tasks out."""

    host: Annotated[str, said("its machine", "studio-1")]
    pid: Annotated[int, said("its number there", 4711)]
    started_at: Moment | None
    seen_at: Annotated[Moment, said("when it last renewed its lease; it does so every five seconds")]


class LoopShape(TypedDict):
    """A loop of the process that answered."""

    name: Annotated[str, said("what it does", "sweep")]
    alive: Annotated[bool, said("whether it is kept running", True)]
    deaths: Annotated[int, said("how often it had to be started again", 0)]


class BrokenPluginShape(TypedDict):
    """A plugin that does not work, for who wrote it."""

    name: Annotated[str, said("its entry point", "hills")]
    version: Annotated[str | None, said("of its distribution", "0.1.0")]
    distribution: Annotated[str | None, said("what it was installed with", "danqing-hills")]
    stage: Annotated[Stage | None, said("what failed: its import, its making, or `danqing_start`", "import")]
    error: Annotated[
        str, said("what it raised, without keys and URLs", "ModuleNotFoundError: No module named 'hils'")
    ]
    where: Annotated[str | None, said("its own last line; null when none of its lines ran", "hills/plugin.py:12")]


class LanguageGapShape(TypedDict):
    """A text of a form that stands in one language alone, or in none."""

    provider: Annotated[str, said("whose", "hills")]
    model: Annotated[str, said("of which model", "hills-1")]
    field: Annotated[str, said("the parameter, with dots where it is inside another", "style")]
    text: Annotated[str, said("`title`, `description`, `advice`, or `label` and the value", "title")]
    lacks: Annotated[list[str], said("the languages", ["zh"])]


class ConditionShape(TypedDict):
    """How the server is, for who looks after it."""

    version: Annotated[str, said("of danqing", "0.2.0")]
    python: Annotated[str, said("its version", "3.11.2")]
    mongodb: Annotated[str | None, said("its version; null when it does not answer", "6.0.20")]
    redis: Annotated[str | None, said("its version; null when it does not answer", "7.0.15")]
    pid: Annotated[int, said("the process that answered", 4711)]
    began_at: Annotated[Moment, said("when that process began")]
    checks: Annotated[
        dict[str, str], said("as of `/health`: `ok`, or what is wrong", {"mongodb": "ok", "redis": "ok"})
    ]
    loops: Annotated[list[LoopShape], said("of that process")]
    workers: Annotated[list[WorkerShape] | None, said("of all machines, the oldest first; null: not known now")]
    storage: Annotated[str, said("where outputs are kept", "folder", enum=["folder", "bucket"])]
    space: Annotated[SpaceShape | None, said("null of a bucket, or when it does not answer")]
    asks_for_keys: Annotated[bool, said("whether a request needs a key", False)]
    simulated: Annotated[list[str], said("the providers that are simulated", ["volcengine"])]
    broken: Annotated[list[BrokenPluginShape], said("the plugins that do not work")]
    gaps: Annotated[list[LanguageGapShape], said("texts of forms that lack a language")]
