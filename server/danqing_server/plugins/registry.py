"""The plugins, asked through one typed face of the plugin manager (`loading` finds and makes them).

A plugin that cannot be started is reported and left out; the server goes on without it. What concerns it alone (its
start, its stop, what it hears) is asked of it alone, and one plugin's error is not another's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import aiohttp
import attrs
import pluggy

from danqing_plugins import (
    FoundOrder,
    Job,
    Limits,
    LostCall,
    NeverPlaced,
    Prepared,
    ProviderInfo,
    Request,
    Result,
    Run,
    Sandbox,
    TaskEvent,
)
from danqing_server.log import get_logger
from danqing_server.loops.listeners import Listener
from danqing_server.plugins.installed import Plugin, Stage, staying
from danqing_server.plugins.loading import Loading, Part, find_installed
from danqing_server.records.lanes import lanes_of
from danqing_server.settings.server import Settings

__all__ = ["START_S", "Plugin", "Registry", "Stage", "bounded", "load_registry"]

LISTENING_ENDS_S = 2.0
START_S = 30.0
STOP_S = 5.0

T = TypeVar("T")

log = get_logger(__name__)


@attrs.define(eq=False)
class Registry:
    """Every plugin that was found, and the providers of those that work.

    `default_provider` is that of submissions which name none, `warnings` what an operator should be told.
    A provider made of a class is asked by a manager of its own (`_managers`), which knows the plugins of `_others`,
    too: those may be about every generation.
    """

    plugins: tuple[Plugin, ...]
    providers: dict[str, ProviderInfo]
    _others: pluggy.PluginManager
    _managers: Mapping[str, pluggy.PluginManager] = attrs.field(factory=dict)
    _parts: tuple[Part, ...] = ()
    _simulators: tuple[Sandbox, ...] = ()
    default_provider: str = ""
    warnings: tuple[str, ...] = ()
    _environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    _withdrawn: set[str] = attrs.field(init=False, factory=set)
    _listeners: dict[str, Listener] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        hooks = {part.name: part.own.hook.danqing_task_event for part in self._parts}
        self._listeners = {
            name: Listener(name, partial(_hear, hook)) for name, hook in hooks.items() if hook.get_hookimpls()
        }

    def find_provider(self, name: str) -> ProviderInfo | None:
        """Return the provider of that name, None when no working plugin brings it."""
        return self.providers.get(name)

    @property
    def simulated(self) -> Collection[str]:
        """The names of the providers that are simulators."""
        return [name for name, provider in self.providers.items() if provider.sandbox]

    def is_simulated(self, name: str) -> bool:
        """Tell whether the provider of that name is a simulator."""
        info = self.providers.get(name)
        return info is not None and info.sandbox

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
        hook = self._manager_of(request.provider).hook.danqing_prepare
        with staying():
            prepared: Prepared | None = hook(request=request)
        if prepared is None:
            raise LookupError(f"no plugin answers for provider {request.provider!r}")
        return prepared

    def generate(self, job: Job, run: Run) -> Awaitable[Result | None]:
        """Return the awaitable that carries *job* out, with every wrapper about it."""
        awaitable: Awaitable[Result | None] | None = self._manager_of(job.provider).hook.danqing_generate(
            job=job, run=run
        )
        if awaitable is None:
            raise LookupError(f"no plugin answers for provider {job.provider!r}")
        return awaitable

    async def find_order(self, job: Job, run: Run, lost: LostCall) -> FoundOrder | NeverPlaced | None:
        """Return what the provider of *job* learns of a call whose answer was lost; None: nothing."""
        hook = self._manager_of(job.provider).hook.danqing_find_order
        awaitable: Awaitable[FoundOrder | NeverPlaced | None] | None = hook(job=job, run=run, lost=lost)
        with staying():
            return None if awaitable is None else await awaitable

    async def cancel_order(self, job: Job, run: Run) -> bool:
        """Have the provider of *job* drop the order in `run.saved`; True: the service did, and charges nothing."""
        awaitable: Awaitable[bool] | None = self._manager_of(job.provider).hook.danqing_cancel_order(
            job=job, run=run
        )
        with staying():
            return awaitable is not None and await awaitable is True

    async def prove_account(self, provider: str, session: aiohttp.ClientSession) -> bool:
        """Have a provider try its key without buying; False: it cannot. Raises what the provider raises."""
        hook = self._manager_of(provider).hook.danqing_prove_account
        awaitable: Awaitable[bool] | None = hook(provider=provider, session=session)
        return awaitable is not None and await awaitable is True

    def sandboxes(self) -> tuple[Sandbox, ...]:
        """Return the simulators that providers want beside the server, the default provider's first."""
        wanted = [*self._simulators, *self._others.hook.danqing_sandbox()]
        return tuple(sorted(wanted, key=lambda sandbox: sandbox.provider != self.default_provider))

    async def start(self, within_s: float = START_S) -> None:
        """Start every plugin; one that fails, or takes longer, is reported and its providers are withdrawn."""
        for part, starting in self._each("danqing_start"):
            try:
                await bounded(starting, within_s)
            except Exception as error:  # a plugin's own fault must not stop the server
                log.exception("plugin_not_started", plugin=part.name)
                self._withdraw(part, error)

    async def stop(self) -> None:
        """Stop every plugin, after it heard what there was to hear; what one raises is logged."""
        await asyncio.gather(*(listener.stop(LISTENING_ENDS_S) for listener in self._listeners.values()))
        for part, stopping in self._each("danqing_stop"):
            try:
                await bounded(stopping, STOP_S)
            except Exception:
                log.exception("plugin_not_stopped", plugin=part.name)

    @property
    def has_listeners(self) -> bool:
        """Whether any plugin wants to hear of tasks' changes."""
        return bool(self._listeners)

    @property
    def listeners(self) -> Collection[Listener]:
        """The plugins that want to hear of tasks' changes, each told in its own time: nobody waits for it."""
        return self._listeners.values()

    def _manager_of(self, provider: str) -> pluggy.PluginManager:
        """Return the manager that asks a provider, and whatever is about it."""
        return self._managers.get(provider, self._others)

    def _each(self, hook: str) -> Iterable[tuple[Part, Coroutine[Any, Any, None]]]:
        """Yield for each part that works what its own *hook* returns to be awaited, if it has one."""
        for part in self._parts:
            if part.name not in self._withdrawn:
                yield part, _all_of(getattr(part.own.hook, hook))

    def _withdraw(self, part: Part, error: Exception) -> None:
        part.plugin.note(Stage.START, error, self._environment)
        for name in part.providers:
            self.providers.pop(name, None)
        for manager in (self._others, *self._managers.values()):
            if manager.has_plugin(part.name):
                manager.unregister(name=part.name)
        self._withdrawn.add(part.name)
        self._listeners.pop(part.name, None)


def _hear(hook: pluggy.HookCaller, event: TaskEvent) -> Sequence[Awaitable[None]]:
    heard: Sequence[Awaitable[None]] = hook(event=event)
    return heard


async def _all_of(hook: pluggy.HookCaller) -> None:
    """Call *hook*, which one plugin implements, and await what it returns."""
    with staying():
        for awaitable in hook():
            await awaitable


async def bounded(work: Coroutine[Any, Any, T], within_s: float) -> T:
    """Return what a plugin's *work* does; leave it behind when it takes longer, whether or not it can be cancelled.

    Raises TimeoutError then, and else what it raises.
    """
    working = asyncio.create_task(work)
    try:
        await asyncio.wait({working}, timeout=within_s)
        if not working.done():
            raise TimeoutError(f"did not end within {within_s:g} s")
        return working.result()
    finally:
        working.cancel()


def _same(thing: Any) -> Any:
    return thing


def load_registry(settings: Settings, extra: Sequence[tuple[str, Any]] = ()) -> Registry:
    """Load and configure every installed plugin that is not disabled, then *extra* (name, plugin object).

    Raises:
        SettingsError: settings of plugins are wrong, or two plugins bring a provider of one name.
    """
    loading = Loading(settings=settings)
    for plugin, load in find_installed(settings.disabled_plugins):
        loading.add(plugin, load)
    for name, thing in extra:
        loading.add(Plugin(name=name), partial(_same, thing))
    loading.finish()
    return Registry(
        tuple(loading.plugins),
        loading.providers,
        loading.others,
        loading.managers,
        tuple(loading.parts),
        tuple(loading.simulators),
        loading.default_provider,
        tuple(loading.warnings),
        settings.environment,
    )
