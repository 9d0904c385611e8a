"""The plugins: found through entry points, loaded, and asked through one typed face of the plugin manager.

A plugin that cannot be loaded or started is reported and left out; the server goes on without it. So each is also
registered with a manager of its own: what concerns it alone (its settings, start, stop, what it hears) is asked
there, and one plugin's error is not another's.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import attrs
import pluggy

from danqing_plugins import (
    ConfigurationError,
    Job,
    Limits,
    PluginContext,
    Prepared,
    ProviderInfo,
    Request,
    Result,
    Run,
    Sandbox,
    TaskEvent,
)
from danqing_plugins import hooks as specifications
from danqing_plugins.markers import PROJECT
from danqing_server.errors import SettingsError
from danqing_server.lanes import check_lanes, lanes_of
from danqing_server.log import get_logger
from danqing_server.loops.listeners import Listener
from danqing_server.settings.server import Settings

__all__ = ["Plugin", "Registry", "load_registry"]

LISTENING_ENDS_S = 2.0

log = get_logger(__name__)


@attrs.define(kw_only=True)
class Plugin:
    """One installed plugin. `error` None: it works. `providers` are the names of those it brings."""

    name: str
    version: str | None = None
    distribution: str | None = None
    providers: tuple[str, ...] = ()
    error: str | None = None


def _ignore(name: str, heard: bool) -> None:
    """Take no notice."""


@attrs.define(eq=False)
class Registry:
    """Every plugin that was found, and the providers of those that work.

    `_manager` knows them all, `_alone` has for each by name a manager that knows only that one.
    """

    plugins: tuple[Plugin, ...]
    providers: dict[str, ProviderInfo]
    _manager: pluggy.PluginManager
    _alone: Mapping[str, pluggy.PluginManager] = attrs.field(factory=dict)
    _listeners: dict[str, Listener] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        hooks = {name: alone.hook.danqing_task_event for name, alone in self._alone.items()}
        self._listeners = {
            name: Listener(name, partial(_hear, hook)) for name, hook in hooks.items() if hook.get_hookimpls()
        }

    def find_provider(self, name: str) -> ProviderInfo | None:
        """Return the provider of that name, None when no working plugin brings it."""
        return self.providers.get(name)

    @property
    def lanes(self) -> dict[str, Limits]:
        """The lanes of every provider that works, with their limits."""
        return {lane: limits for info in self.providers.values() for lane, limits in lanes_of(info).items()}

    def lanes_of(self, provider: str) -> tuple[str, ...]:
        """Return the names of a provider's lanes; its own for one that is not there (any more)."""
        info = self.providers.get(provider)
        return (provider,) if info is None else tuple(lanes_of(info))

    def prepare(self, request: Request) -> Prepared:
        """Have the provider check a submission. Raises InvalidRequest as the provider does."""
        prepared: Prepared | None = self._manager.hook.danqing_prepare(request=request)
        if prepared is None:
            raise LookupError(f"no plugin answers for provider {request.provider!r}")
        return prepared

    def generate(self, job: Job, run: Run) -> Awaitable[Result | None]:
        """Return the awaitable that carries *job* out, with every wrapper about it."""
        awaitable: Awaitable[Result | None] | None = self._manager.hook.danqing_generate(job=job, run=run)
        if awaitable is None:
            raise LookupError(f"no plugin answers for provider {job.provider!r}")
        return awaitable

    def sandboxes(self) -> tuple[Sandbox, ...]:
        """Return the simulators that providers without a key want beside the server."""
        return tuple(self._manager.hook.danqing_sandbox())

    async def start(self) -> None:
        """Start every plugin; one that fails is reported and its providers are withdrawn."""
        for plugin, awaitable in self._each("danqing_start"):
            try:
                await awaitable
            except Exception as error:  # a plugin's own fault must not stop the server
                log.exception("plugin_not_started", plugin=plugin.name)
                self._withdraw(plugin, error)

    async def stop(self) -> None:
        """Stop every plugin, after it heard what there was to hear; what one raises is logged."""
        await asyncio.gather(*(listener.stop(LISTENING_ENDS_S) for listener in self._listeners.values()))
        for plugin, awaitable in self._each("danqing_stop"):
            try:
                await awaitable
            except Exception:
                log.exception("plugin_not_stopped", plugin=plugin.name)

    @property
    def has_listeners(self) -> bool:
        """Whether any plugin wants to hear of tasks' changes."""
        return bool(self._listeners)

    @property
    def listeners(self) -> Collection[str]:
        """The names of the plugins that want to hear of tasks' changes."""
        return self._listeners.keys()

    @property
    def listening_room(self) -> int:
        """How many more events each of them has room for."""
        return min((listener.room for listener in self._listeners.values()), default=0)

    def tell(
        self, event: TaskEvent, names: Collection[str] | None = None, done: Callable[[str, bool], None] = _ignore
    ) -> None:
        """Tell the plugins *names*, or every one, of a task's change, in its own time: nobody waits for it.

        *done* is called for each, with its name and whether it heard; not for what waits when the process ends.
        """
        for name in tuple(self._listeners if names is None else names):
            self._listeners[name].tell(event, partial(done, name))

    def _each(self, hook: str) -> Iterable[tuple[Plugin, Awaitable[None]]]:
        """Yield for each working plugin what its own *hook* returns to be awaited, if it has one."""
        for plugin in self.plugins:
            if plugin.error is None and plugin.name in self._alone:
                yield plugin, _all_of(getattr(self._alone[plugin.name].hook, hook))

    def _withdraw(self, plugin: Plugin, error: Exception) -> None:
        plugin.error = f"{type(error).__name__}: {error}"
        for name in plugin.providers:
            self.providers.pop(name, None)
        self._manager.unregister(name=plugin.name)
        self._listeners.pop(plugin.name, None)


def _hear(hook: pluggy.HookCaller, event: TaskEvent) -> Sequence[Awaitable[None]]:
    heard: Sequence[Awaitable[None]] = hook(event=event)
    return heard


async def _all_of(hook: pluggy.HookCaller) -> None:
    """Call *hook*, which one plugin implements, and await what it returns."""
    for awaitable in hook():
        await awaitable


def load_registry(settings: Settings, extra: Sequence[tuple[str, Any]] = ()) -> Registry:
    """Load and configure every installed plugin that is not disabled, then *extra* (name, plugin object).

    Raises:
        SettingsError: a plugin's setting is wrong, or two plugins bring a provider of one name.
    """
    manager = _new_manager()
    alone: dict[str, pluggy.PluginManager] = {}
    context = PluginContext(
        environment=settings.environment,
        data_dir=settings.data_dir,
        call_timeout_s=settings.call_timeout_s,
        sandbox_url=settings.sandbox_url,
    )
    providers: dict[str, ProviderInfo] = {}
    plugins = []
    for plugin, load in _candidates(settings.disabled_plugins, extra):
        plugins.append(plugin)
        try:
            thing = load()
            implementation = thing() if isinstance(thing, type) else thing
            own, offered = _load(plugin.name, implementation, context)
            manager.register(implementation, name=plugin.name)
        except ConfigurationError as error:
            raise SettingsError(error.message) from error
        except Exception as error:  # a broken plugin is reported, not obeyed
            log.exception("plugin_not_loaded", plugin=plugin.name)
            plugin.error = f"{type(error).__name__}: {error}"
            continue
        alone[plugin.name] = own
        plugin.providers = tuple(info.name for info in offered)
        for info in offered:
            if info.name in providers:
                raise SettingsError(
                    f"two plugins bring a provider named {info.name!r}; "
                    f"disable one: DANQING_DISABLED_PLUGINS={plugin.name}"
                )
            providers[info.name] = info
    return Registry(tuple(plugins), providers, manager, alone)


def _new_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(specifications)
    return manager


def _candidates(disabled: Sequence[str], extra: Sequence[tuple[str, Any]]) -> Iterable[tuple[Plugin, Any]]:
    for entry in sorted(entry_points(group=PROJECT), key=lambda entry: entry.name):
        if entry.name not in disabled:
            yield _described(entry), entry.load
    for name, thing in extra:
        yield Plugin(name=name), lambda thing=thing: thing


def _described(entry: EntryPoint) -> Plugin:
    distribution = entry.dist
    if distribution is None:
        return Plugin(name=entry.name)
    return Plugin(name=entry.name, version=distribution.version, distribution=distribution.name)


def _load(
    name: str, implementation: Any, context: PluginContext
) -> tuple[pluggy.PluginManager, Sequence[ProviderInfo]]:
    """Configure one plugin; return a manager that knows only it, and its providers."""
    own = _new_manager()
    own.register(implementation, name=name)
    own.check_pending()
    own.hook.danqing_configure(context=context)
    offered = tuple(info for listed in own.hook.danqing_providers() for info in listed)
    for info in offered:
        _check_provider(info)
    return own, offered


def _check_provider(info: ProviderInfo) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", info.name):
        raise ValueError(f"provider name {info.name!r}: lower-case letters, digits and _, at most 32")
    if info.default_model not in {model.id for model in info.models}:
        raise ValueError(f"provider {info.name!r}: default model {info.default_model!r} is not among its models")
    check_lanes(info)
