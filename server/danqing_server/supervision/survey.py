"""What is installed: the plugins, their providers, and the simulators that are wanted for lack of a key.

Asking means importing every plugin. The supervisor leaves that to a short-lived child (`danqing plugins --json`)
and reads its answer, so that it stays small itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from danqing_server.supervision.processes import StartRefused

if TYPE_CHECKING:
    from danqing_server.plugins.registry import Registry
    from danqing_server.settings.server import Settings

__all__ = ["InstalledPlugin", "Survey", "WantedSandbox", "ask_survey", "take_survey"]

_PATIENCE_S = 120.0
_GONE_WITHIN_S = 2.0
_LISTS = ("providers", "models", "missing")


@attrs.frozen(kw_only=True)
class InstalledPlugin:
    """One plugin as `danqing plugins` shows it. `error` None: it works; `version` None: unknown.

    `missing` names the variables for want of which a provider of it is left out.
    """

    name: str
    version: str | None = None
    error: str | None = None
    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class WantedSandbox:
    """A simulator to start because `provider` is simulated; `path` is where its service begins in it."""

    provider: str
    module: str
    path: str = ""


@attrs.frozen(kw_only=True)
class Survey:
    """Everything the registry knows that starting and listing need."""

    plugins: tuple[InstalledPlugin, ...] = ()
    sandboxes: tuple[WantedSandbox, ...] = ()
    simulated: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def broken(self) -> tuple[InstalledPlugin, ...]:
        """The plugins that could not be loaded."""
        return tuple(plugin for plugin in self.plugins if plugin.error is not None)

    def to_json(self) -> str:
        """Return the survey on one line."""
        return json.dumps(attrs.asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Survey:
        """Read what `to_json` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        found: Mapping[str, Any] = json.loads(text)
        return cls(
            plugins=tuple(
                InstalledPlugin(**{**plugin, **{name: tuple(plugin[name]) for name in _LISTS}})
                for plugin in found["plugins"]
            ),
            sandboxes=tuple(WantedSandbox(**sandbox) for sandbox in found["sandboxes"]),
            simulated=tuple(found["simulated"]),
            warnings=tuple(found["warnings"]),
        )


def take_survey(settings: Settings) -> Survey:
    """Load every plugin and say what is there. Raises what `load_registry` raises."""
    from danqing_server.plugins.registry import load_registry

    return describe(load_registry(settings))


def describe(registry: Registry) -> Survey:
    """Say what *registry* holds."""
    return Survey(
        plugins=tuple(
            InstalledPlugin(
                name=plugin.name,
                version=plugin.version,
                error=plugin.error,
                providers=plugin.providers,
                missing=plugin.missing,
                models=tuple(
                    model.id
                    for name in plugin.providers
                    if name in registry.providers
                    for model in registry.providers[name].models
                ),
            )
            for plugin in registry.plugins
        ),
        sandboxes=tuple(
            WantedSandbox(provider=sandbox.provider, module=sandbox.module, path=sandbox.path)
            for sandbox in registry.sandboxes()
        ),
        simulated=tuple(info.name for info in registry.providers.values() if info.sandbox),
        warnings=registry.warnings,
    )


async def ask_survey(command: Sequence[str], environment: Mapping[str, str], *, quoted: bool = False) -> Survey:
    """Have a child list the plugins; what it says against them is passed on, or *quoted* in the error.

    Raises StartRefused.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE if quoted else None,
        start_new_session=True,  # Ctrl-C is ours to handle
    )
    try:
        async with asyncio.timeout(_PATIENCE_S):
            output, errors = await process.communicate()
    except TimeoutError:
        raise StartRefused(
            f"the plugins could not be listed within {_PATIENCE_S:.0f} s: one of them hangs while it is "
            "loaded; DANQING_DISABLED_PLUGINS leaves one out"
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            with suppress(TimeoutError):  # what it started may keep its pipes open
                async with asyncio.timeout(_GONE_WITHIN_S):
                    await process.wait()
    try:
        return Survey.from_json(output.decode().strip().rpartition("\n")[2])
    except (ValueError, KeyError, TypeError):
        told = _told(errors or b"")
        raise StartRefused(told or "the plugins could not be listed", explained=process.returncode == 2) from None


def _told(errors: bytes) -> str:
    """Return the lines in which a child of ours says why it refuses to start."""
    lines = errors.decode(errors="replace").splitlines()
    return "\n".join(line.removeprefix("danqing: ") for line in lines if line.startswith("danqing: "))
