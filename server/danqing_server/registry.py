"""The plugins: found through entry points, loaded, and asked through one typed face of the plugin manager.

A plugin that cannot be loaded or started is reported and left out; the server goes on without it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import attrs
import pluggy

from danqing_plugins import (
    ConfigurationError,
    Job,
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
from danqing_server.log import get_logger
from danqing_server.settings import Settings

__all__ = ["Plugin", "Registry", "load_registry"]

log = get_logger(__name__)


@attrs.define(kw_only=True)
class Plugin:
    """One installed plugin. `error` None: it works. `providers` are the names of those it brings."""

    name: str
    version: str | None = None
    distribution: str | None = None
    providers: tuple[str, ...] = ()
    error: str | None = None


@attrs.define(eq=False)
class Registry:
    """Every plugin that was found, and the providers of those that work."""

    plugins: tuple[Plugin, ...]
    providers: dict[str, ProviderInfo]
    _manager: pluggy.PluginManager

    def find_provider(self, name: str) -> ProviderInfo | None:
        """Return the provider of that name, None when no working plugin brings it."""
        return self.providers.get(name)

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
        """Stop every plugin; what one raises is logged."""
        for plugin, awaitable in self._each("danqing_stop"):
            try:
                await awaitable
            except Exception:
                log.exception("plugin_not_stopped", plugin=plugin.name)

    @property
    def has_listeners(self) -> bool:
        """Whether any plugin wants to hear of tasks' changes."""
        return bool(self._manager.hook.danqing_task_event.get_hookimpls())

    async def tell(self, event: TaskEvent) -> None:
        """Tell every plugin of a task's change; what one raises is logged."""
        for awaitable in self._manager.hook.danqing_task_event(event=event):
            try:
                await awaitable
            except Exception:
                log.exception("plugin_event_failed", task_id=event.task_id, kind=event.kind)

    def _each(self, hook: str) -> Iterable[tuple[Plugin, Awaitable[None]]]:
        for plugin in self.plugins:
            if plugin.error is not None:
                continue
            implementation = getattr(self._manager.get_plugin(plugin.name), hook, None)
            awaitable = implementation() if implementation is not None else None
            if awaitable is not None:
                yield plugin, awaitable

    def _withdraw(self, plugin: Plugin, error: Exception) -> None:
        plugin.error = f"{type(error).__name__}: {error}"
        for name in plugin.providers:
            self.providers.pop(name, None)
        self._manager.unregister(name=plugin.name)


def load_registry(settings: Settings, extra: Sequence[tuple[str, Any]] = ()) -> Registry:
    """Load and configure every installed plugin that is not disabled, then *extra* (name, plugin object).

    Raises:
        SettingsError: a plugin's setting is wrong, or two plugins bring a provider of one name.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(specifications)
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
            offered = _register(manager, plugin.name, load(), context)
        except ConfigurationError as error:
            raise SettingsError(error.message) from error
        except Exception as error:  # a broken plugin is reported, not obeyed
            log.exception("plugin_not_loaded", plugin=plugin.name)
            plugin.error = f"{type(error).__name__}: {error}"
            continue
        plugin.providers = tuple(info.name for info in offered)
        for info in offered:
            if info.name in providers:
                raise SettingsError(
                    f"two plugins bring a provider named {info.name!r}; "
                    f"disable one: DANQING_DISABLED_PLUGINS={plugin.name}"
                )
            providers[info.name] = info
    return Registry(tuple(plugins), providers, manager)


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


def _register(
    manager: pluggy.PluginManager, name: str, thing: Any, context: PluginContext
) -> Sequence[ProviderInfo]:
    """Register one plugin and return its providers; on any error nothing of it stays registered."""
    plugin = thing() if isinstance(thing, type) else thing
    manager.register(plugin, name=name)
    try:
        manager.check_pending()
        configure = getattr(plugin, "danqing_configure", None)
        if configure is not None:
            configure(context=context)
        listing = getattr(plugin, "danqing_providers", None)
        offered = tuple(listing() or ()) if listing is not None else ()
        for info in offered:
            _check_provider(info)
    except BaseException:
        manager.unregister(name=name)
        raise
    return offered


def _check_provider(info: ProviderInfo) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", info.name):
        raise ValueError(f"provider name {info.name!r}: lower-case letters, digits and _, at most 32")
    if info.default_model not in {model.id for model in info.models}:
        raise ValueError(f"provider {info.name!r}: default model {info.default_model!r} is not among its models")
