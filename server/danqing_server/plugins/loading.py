"""Finds the plugins through entry points, makes what they bring, and configures it.

A plugin that cannot be loaded is reported and left out. An entry point may name

- a `Provider` class with a name of its own: an instance is made for each provider of it that is present,
- any other class, which is called once without arguments, an instance, or a module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import Distribution, EntryPoint, PackageMetadata, entry_points
from typing import Any

import attrs
import orjson
import pluggy

from danqing_plugins import ConfigurationError, PluginContext, Provider, ProviderInfo, Sandbox, nearest
from danqing_plugins import hooks as specifications
from danqing_plugins.markers import PROJECT
from danqing_plugins.messages import spoken
from danqing_plugins.options import read_options
from danqing_server.errors import SettingsError
from danqing_server.log import get_logger
from danqing_server.plugins.installed import Plugin, Stage, staying
from danqing_server.plugins.presence import Candidate, Mode, decide, lost_aliases, wrong_targets
from danqing_server.records.lanes import check_lanes
from danqing_server.settings.providers import ConfiguredProvider
from danqing_server.settings.reading import in_order
from danqing_server.settings.server import Settings

__all__ = ["Loading", "Part", "find_installed"]

FIRST_CHOICE = "volcengine"
"""The default provider where it is present and no setting names another."""

log = get_logger(__name__)


@attrs.frozen(kw_only=True, eq=False)
class Part:
    """What was made of a plugin: itself, or one of the providers that it brings; `own` knows it alone."""

    name: str
    plugin: Plugin
    made: Any
    own: pluggy.PluginManager
    providers: tuple[str, ...]


@attrs.define(kw_only=True, eq=False)
class Loading:
    """One loading of all plugins: `add` each, then `finish`. The attributes are what comes of it."""

    settings: Settings
    plugins: list[Plugin] = attrs.field(factory=list)
    providers: dict[str, ProviderInfo] = attrs.field(factory=dict)
    simulators: list[Sandbox] = attrs.field(factory=list)
    parts: list[Part] = attrs.field(factory=list)
    others: pluggy.PluginManager = attrs.field(factory=lambda: _new_manager())
    managers: dict[str, pluggy.PluginManager] = attrs.field(factory=dict)
    default_provider: str = ""
    warnings: list[str] = attrs.field(factory=list)
    _factories: dict[str, tuple[Plugin, type[Provider]]] = attrs.field(factory=dict)
    _problems: list[str] = attrs.field(factory=list)
    _left_out: dict[str, Sequence[str]] = attrs.field(factory=dict)

    def add(self, plugin: Plugin, load: Callable[[], Any]) -> None:
        """Load one plugin, and make it unless it is a class of providers: those are made by `finish`."""
        self.plugins.append(plugin)
        try:
            with staying():
                thing = load()
        except Exception as error:  # a broken plugin is reported, not obeyed
            log.exception("plugin_not_loaded", plugin=plugin.name)
            plugin.note(Stage.IMPORT, error, self.settings.environment)
            return
        if isinstance(thing, type) and issubclass(thing, Provider) and thing.name:
            self._factories[plugin.name] = plugin, thing
        else:
            part = self._make(plugin, plugin.name, thing, self._context(sandbox_url=self._any_sandbox_url()))
            if part is not None:
                self.others.register(part.made, name=part.name)

    def finish(self) -> None:
        """Make the providers. Raises SettingsError with a line for each mistake in the settings of any plugin."""
        decided = decide(self._candidates(), self.settings.sandbox)
        self._problems += decided.problems
        self.warnings += decided.warnings
        for candidate, mode in decided.modes:
            if not candidate.read.problems:
                self._settle(candidate, mode)
        self._check_routes()
        self._check_names()
        self.default_provider = self._find_default()
        if self._problems:
            raise SettingsError(*in_order(*self._problems))
        for manager in self.managers.values():
            for name, made in self.others.list_name_plugin():
                manager.register(made, name=name)

    def _candidates(self) -> Sequence[Candidate]:
        """Return the providers that the file names, then those of plugins that it does not mention."""
        configured = self.settings.providers
        listed = [one for one in configured if one.enabled and self._is_known(one)]
        mentioned = {one.plugin for one in configured}
        taken = {one.name for one in listed}
        installed = [
            (name, factory)
            for name, (_, factory) in self._factories.items()
            if name not in mentioned and factory.name not in taken
        ]
        found = [
            *(self._candidate(one.plugin, one.name, one) for one in listed),
            *(self._candidate(name, factory.name) for name, factory in installed),
        ]
        return [candidate for candidate in found if candidate is not None]

    def _is_known(self, one: ConfiguredProvider) -> bool:
        if one.plugin in self._factories:
            return True
        why = "brings one provider and takes no options" if self._is_loaded(one.plugin) else "is not installed"
        near = nearest(one.plugin, self._factories)
        hint = f"did you mean {near}? " if near else ""
        allowed = ", ".join(self._factories) or "-"
        self._problems.append(f"{one.where}: plugin {one.plugin!r} {why}; {hint}allowed: {allowed}")
        return False

    def _is_loaded(self, plugin: str) -> bool:
        return any(part.plugin.name == plugin for part in self.parts)

    def _candidate(self, plugin: str, name: str, listed: ConfiguredProvider | None = None) -> Candidate | None:
        """Return what there may be of *name*; None when its plugin cannot say what is set, which is noted."""
        described, factory = self._factories[plugin]
        written = {} if listed is None else listed.options
        try:
            with staying():
                settings = factory.settings_for({key: value.value for key, value in written.items()})
        except ConfigurationError as error:
            self._problems.append(error.message)
            return None
        except Exception as error:  # a broken plugin is reported, not obeyed
            log.exception("plugin_not_loaded", plugin=name)
            described.note(Stage.CONFIGURE, error, self.settings.environment)
            return None
        return Candidate(
            name=name,
            plugin=plugin,
            factory=factory,
            read=read_options(settings, self.settings.environment, written),
            where=None if listed is None else listed.where,
            sandbox=listed is not None and listed.sandbox,
        )

    def _settle(self, one: Candidate, mode: Mode) -> None:
        """Make the provider of a candidate, or note why there is none."""
        plugin, factory = self._factories[one.plugin]
        lacking = [missing.variable or missing.setting for missing in one.read.missing]
        if mode is Mode.LEFT_OUT:
            plugin.missing = (*plugin.missing, *lacking)
            self._left_out[one.name] = lacking
            return
        plugin.wanted = (*plugin.wanted, *lacking)
        simulator = None
        if mode is Mode.SANDBOX and factory.sandbox is not None:
            simulator = attrs.evolve(factory.sandbox, provider=one.name)
        context = self._context(
            name=one.name,
            options=one.read.options,
            places=one.read.places,
            where=one.where or "",
            sandbox=mode is Mode.SANDBOX,
            sandbox_url=None if simulator is None else self._url_of(simulator),
        )
        part_name = plugin.name if one.name == factory.name else f"{plugin.name}:{one.name}"
        part = self._make(plugin, part_name, factory, context)
        if part is not None:
            self.managers[one.name] = _new_manager()
            self.managers[one.name].register(part.made, name=part.name)
            self.simulators += [] if simulator is None else [simulator]

    def _check_routes(self) -> None:
        """Note the targets that there are not, unless the reason may be a plugin that is broken."""
        if not self._problems and not self._has_broken:
            self._problems += wrong_targets(self.settings.routes, self.providers, self._left_out)

    def _check_names(self) -> None:
        """Warn of aliases that mean nothing, and of limits that hold for nobody; misspelt ones are a mistake."""
        if self._problems or self._has_broken:
            return
        self.warnings += lost_aliases(self.settings.model_aliases, self.settings.routes, self.providers)
        present = {*self.providers, *self._left_out, *(one.name for one in self.settings.providers)}
        for name in self.settings.daily_spend_limits_micro.keys() - present:
            near = nearest(name, present)
            if near is not None:
                self._problems.append(f"DANQING_DAILY_SPEND_LIMITS: {name!r} is no provider; did you mean {near}?")
            else:
                there = ", ".join(sorted(self.providers)) or "-"
                self.warnings.append(
                    f"DANQING_DAILY_SPEND_LIMITS: {name!r} is no provider now: its limit holds for nobody; "
                    f"providers: {there}"
                )

    @property
    def _has_broken(self) -> bool:
        return any(plugin.error for plugin in self.plugins)

    def _url_of(self, simulator: Sandbox) -> str | None:
        urls = self.settings.sandbox_urls
        base = urls.get(simulator.module, urls.get(""))
        return None if base is None else base + simulator.path

    def _any_sandbox_url(self) -> str | None:
        """Return what a plugin is given that declares nothing: the one simulator's address, or the first's."""
        return next(iter(self.settings.sandbox_urls.values()), None)

    def _context(self, **own: Any) -> PluginContext:
        settings = self.settings
        return PluginContext(
            environment=settings.environment,
            data_dir=settings.data_dir,
            call_timeout_s=settings.call_timeout_s,
            **own,
        )

    def _make(self, plugin: Plugin, name: str, thing: Any, context: PluginContext) -> Part | None:
        """Make and configure what *thing* stands for; None when it cannot be, which is noted."""
        try:
            with staying():
                made = thing() if isinstance(thing, type) else thing
                own = _new_manager()
                own.register(made, name=name)
                own.check_pending()
                own.hook.danqing_configure(context=context)
                offered = [info for listed in own.hook.danqing_providers() for info in listed]
            _check_offered(offered, context.name)
        except ConfigurationError as error:
            self._problems.append(error.message)
            return None
        except Exception as error:  # the same
            log.exception("plugin_not_loaded", plugin=name)
            plugin.note(Stage.CONFIGURE, error, self.settings.environment)
            return None
        part = Part(name=name, plugin=plugin, made=made, own=own, providers=tuple(info.name for info in offered))
        self.parts.append(part)
        plugin.providers += part.providers
        self._offer(plugin, offered)
        return part

    def _offer(self, plugin: Plugin, offered: Sequence[ProviderInfo]) -> None:
        for info in offered:
            if info.name in self.providers:
                self._problems.append(
                    f"two plugins bring a provider named {info.name!r}; "
                    f"disable one: DANQING_DISABLED_PLUGINS={plugin.name}"
                )
            self.providers[info.name] = info

    def _find_default(self) -> str:
        """Return the default provider: the one that is set, else the first choice, else the first there is."""
        wanted = self.settings.default_provider
        if wanted is None:
            return FIRST_CHOICE if FIRST_CHOICE in self.providers else next(iter(self.providers), FIRST_CHOICE)
        if self.providers and wanted not in self.providers and not self._problems and not self._has_broken:
            near = nearest(wanted, self.providers)
            hint = f"did you mean {near}? " if near else ""
            allowed = ", ".join(self.providers) or "-"
            self._problems.append(f"DANQING_DEFAULT_PROVIDER: {wanted!r} is not present; {hint}allowed: {allowed}")
        return wanted


def find_installed(disabled: Sequence[str]) -> Iterable[tuple[Plugin, Callable[[], Any]]]:
    """Yield every installed plugin but the *disabled* ones, by name, and what loads it."""
    read: dict[Distribution, PackageMetadata] = {}  # it is parsed anew each time, and most come in one
    for entry in sorted(entry_points(group=PROJECT), key=lambda entry: entry.name):
        if entry.name not in disabled:
            yield _described(entry, read), entry.load


def _described(entry: EntryPoint, read: dict[Distribution, PackageMetadata]) -> Plugin:
    distribution = entry.dist
    if distribution is None:
        return Plugin(name=entry.name)
    if distribution not in read:
        read[distribution] = distribution.metadata
    metadata = read[distribution]
    return Plugin(name=entry.name, version=metadata["Version"], distribution=metadata["Name"])


def _new_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(specifications)
    return manager


def _check_offered(offered: Sequence[ProviderInfo], wanted: str) -> None:
    for info in offered:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", info.name):
            raise ValueError(f"provider name {info.name!r}: lower-case letters, digits and _, at most 32")
        if wanted and info.name != wanted:
            raise ValueError(f"provider {wanted!r} calls itself {info.name!r}; info.name must be context.name")
        if info.default_model not in {model.id for model in info.models}:
            raise ValueError(
                f"provider {info.name!r}: default model {info.default_model!r} is not among its models"
            )
        check_lanes(info)
        _check_shown(info)


def _check_shown(info: ProviderInfo) -> None:
    """Raise ValueError when what is listed of a provider is no JSON: the list of all could not be answered."""
    told = [info.title, info.homepage, info.reference_fields, info.parameters]
    for model in info.models:
        try:
            said = [*told, model.id, model.title, model.types, model.aliases, spoken(model.parameters, "en")]
            orjson.dumps(said)
        except (TypeError, ValueError) as error:
            raise ValueError(f"provider {info.name!r}: what it says of {model.id!r} is no JSON: {error}") from None
