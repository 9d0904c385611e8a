"""`danqing.toml`: providers, routes, and the server's settings, read with file and line for every mistake."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from danqing_plugins import nearest
from danqing_plugins.options import Written, reference_in
from danqing_server.settings.providers import ConfiguredProvider
from danqing_server.settings.retention import DISK_SPARES_S, ENDED, RetentionRule
from danqing_server.settings.routes import Route, Target
from danqing_server.settings.toml_lines import Lines, lines_of
from danqing_server.settings.variables import duration

__all__ = ["ConfigFile", "parse_file"]

PROVIDER_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
LONGEST_MODEL = 200
LONGEST_KEPT_S = 100 * 366 * 86400.0
ON_AMBIGUOUS = ("retry", "fail")
ON_REJECTED = ("fail", "next")

_TABLES = ("providers", "routes", "retention", "server")
_PROVIDER_KEYS = ("name", "plugin", "enabled", "sandbox")
_RETENTION_KEYS = ("project", "status", "keep_for", "keep_tasks", "keep_disk_below", "disk_spares")
_ROUTE_KEYS = ("model", "to", "on_ambiguous", "on_rejected")
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


@attrs.frozen(kw_only=True)
class ConfigFile:
    """What a file says. `server` is what stands in `[server]`, by key; `problems` has a line for each mistake."""

    providers: tuple[ConfiguredProvider, ...] = ()
    routes: tuple[Route, ...] = ()
    retention: tuple[RetentionRule, ...] = ()
    server: Mapping[str, Written] = attrs.field(factory=dict, repr=False)
    problems: tuple[str, ...] = ()


def parse_file(text: str, name: str) -> ConfigFile:
    """Read the *text* of the file *name*. Raises nothing: mistakes are told in what is returned."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return ConfigFile(problems=(_syntax(str(error), name, text),))
    reading = _Reading(name=name, lines=lines_of(text))
    reading.refuse_unknown(document, _TABLES)
    providers = reading.providers(document.get("providers", []))
    reading.disabled = frozenset(one.name for one in providers if not one.enabled)
    return ConfigFile(
        providers=providers,
        routes=reading.routes(document.get("routes", [])),
        retention=reading.retention(document.get("retention", [])),
        server=reading.server(document.get("server", {})),
        problems=tuple(reading.problems),
    )


def _syntax(message: str, name: str, text: str) -> str:
    place = _PLACE.search(message)
    if place is None:  # "(at end of document)"
        return f"{name}:{text.count(chr(10)) + 1}: {message}"
    return f"{name}:{place[1]}: {message[: place.start()].strip()} (column {place[2]})"


@attrs.define(kw_only=True)
class _Reading:
    name: str
    lines: Lines
    problems: list[str] = attrs.field(factory=list)
    disabled: frozenset[str] = frozenset()

    def where(self, *path: str | int) -> str:
        """Return file and line of a path."""
        return f"{self.name}:{self.lines.of(*path)}"

    def note(self, path: Sequence[str | int], told: str) -> None:
        """Note a mistake at *path*, which ends with a key."""
        self.problems.append(f"{self.where(*path)}: {path[-1]}: {told}")

    def refuse_unknown(self, table: Mapping[str, Any], known: Sequence[str], *path: str | int) -> None:
        """Name each key of *table* that there is not."""
        for key in table:
            if key not in known:
                near = nearest(key, known)
                hint = f"did you mean {near}? " if near else ""
                self.note((*path, key), f"unknown key; {hint}allowed: {', '.join(known)}")

    def tables(self, key: str, value: object) -> Sequence[Mapping[str, Any]]:
        """Return an array of tables; nothing when it is none."""
        if isinstance(value, list) and all(isinstance(part, dict) for part in value):
            return value
        self.note((key,), f"is no array of tables; begin each with [[{key}]]")
        return ()

    def take(
        self, table: Mapping[str, Any], path: Sequence[str | int], is_right: Callable[[Any], bool], allowed: str
    ) -> Any:
        """Return the value of the key that *path* ends with; None when it is absent, or wrong and noted."""
        value = table.get(str(path[-1]))
        if value is None or is_right(value):
            return value
        self.note(path, f"{_shown(value)} is not allowed; allowed: {allowed}")
        return None

    def providers(self, value: object) -> tuple[ConfiguredProvider, ...]:
        """Read every `[[providers]]`."""
        found: dict[str, ConfiguredProvider] = {}
        for index, table in enumerate(self.tables("providers", value)):
            provider = self._provider(table, ("providers", index))
            if provider is None:
                continue
            if provider.name in found:
                first = found[provider.name].where
                self.note(("providers", index, "name"), f"{provider.name!r} names two providers; one is at {first}")
            found.setdefault(provider.name, provider)
        return tuple(found.values())

    def _provider(self, table: Mapping[str, Any], path: Sequence[str | int]) -> ConfiguredProvider | None:
        before = len(self.problems)
        allowed = "lower-case letters, digits and _, beginning with a letter, at most 32"
        name = self.take(table, (*path, "name"), _is_name, allowed)
        plugin = self.take(table, (*path, "plugin"), _is_text, "a plugin's name (`danqing plugins` lists them)")
        enabled = self.take(table, (*path, "enabled"), _is_flag, "true, false")
        sandbox = self.take(table, (*path, "sandbox"), _is_flag, "true, false")
        if len(self.problems) > before:
            return None
        if name is None and not (_is_name(plugin)):
            self.note((*path, "name"), f"is missing; allowed: {allowed}")
            return None
        return ConfiguredProvider(
            name=name or plugin,
            plugin=plugin or name,
            where=self.where(*path, "name" if name else "plugin"),
            options={
                key: Written(value=value, where=self.where(*path, key))
                for key, value in table.items()
                if key not in _PROVIDER_KEYS
            },
            enabled=enabled is not False,
            sandbox=sandbox is True,
        )

    def routes(self, value: object) -> tuple[Route, ...]:
        """Read every `[[routes]]`."""
        found: dict[str, Route] = {}
        for index, table in enumerate(self.tables("routes", value)):
            route = self._route(table, ("routes", index))
            if route is None:
                continue
            if route.model in found:
                first = found[route.model].where
                self.note(("routes", index, "model"), f"{route.model!r} names two routes; one is at {first}")
            found.setdefault(route.model, route)
        return tuple(found.values())

    def _route(self, table: Mapping[str, Any], path: Sequence[str | int]) -> Route | None:
        before = len(self.problems)
        self.refuse_unknown(table, _ROUTE_KEYS, *path)
        model = self.take(
            table, (*path, "model"), _is_model, f"a text of 1 to {LONGEST_MODEL} characters, and no variable"
        )
        if "model" not in table:
            self.note((*path, "model"), "is missing; allowed: the name that clients will send")
        on_ambiguous = self._policy(table, (*path, "on_ambiguous"), ON_AMBIGUOUS)
        on_rejected = self._policy(table, (*path, "on_rejected"), ON_REJECTED)
        targets = self._targets(table.get("to"), (*path, "to"))
        if len(self.problems) > before:
            return None
        return Route(
            model=model,
            targets=targets,
            on_ambiguous=on_ambiguous,
            on_rejected=on_rejected or ON_REJECTED[0],
            where=self.where(*path, "model"),
        )

    def _policy(self, table: Mapping[str, Any], path: Sequence[str | int], allowed: Sequence[str]) -> str | None:
        policy: str | None = self.take(table, path, lambda value: value in allowed, ", ".join(map(repr, allowed)))
        return policy

    def _targets(self, value: object, path: Sequence[str | int]) -> tuple[Target, ...]:
        allowed = 'a list like ["provider/model", "provider/model"]'
        if value is None or value == []:
            self.note(path, f"is missing or empty; allowed: {allowed}")
            return ()
        if not isinstance(value, list) or not all(_is_text(part) for part in value):
            self.note(path, f"{_shown(value)} is not allowed; allowed: {allowed}")
            return ()
        targets = []
        for part in value:
            provider, _, model = part.partition("/")
            target = Target(provider=provider, model=model, where=self.where(*path))
            if not provider or not model:
                self.note(path, f"{part!r} is not allowed; allowed: provider/model")
            elif target in targets:
                self.note(path, f"{part!r} stands there twice")
            targets.append(target)
        enabled = tuple(target for target in targets if target.provider not in self.disabled)
        if not enabled:
            self.note(path, "none of these providers is enabled")
        return enabled

    def retention(self, value: object) -> tuple[RetentionRule, ...]:
        """Read every `[[retention]]`."""
        rules: list[RetentionRule] = []
        for index, table in enumerate(self.tables("retention", value)):
            rule = self._retention_rule(table, ("retention", index))
            if rule is None:
                continue
            before = next((one for one in rules if not one.leaves(rule)), None)
            if before is not None:
                self.note(
                    ("retention", index, next(iter(table), "")), f"the rule at {before.where} leaves it no task"
                )
            rules.append(rule)
        return tuple(rules)

    def _retention_rule(self, table: Mapping[str, Any], path: Sequence[str | int]) -> RetentionRule | None:
        before = len(self.problems)
        self.refuse_unknown(table, _RETENTION_KEYS, *path)
        project = self.take(table, (*path, "project"), _is_text, "a project's id, or a name of DANQING_API_KEYS")
        status = self.take(table, (*path, "status"), _are_ended, f"a list of {', '.join(map(repr, ENDED))}")
        keep_tasks = self.take(table, (*path, "keep_tasks"), _is_whole(1, 10**9), "1 to 1000000000")
        disk = self.take(table, (*path, "keep_disk_below"), _is_whole(1, 99), "1 to 99 (percent)")
        keep_for_s = self._duration_s(table, (*path, "keep_for"), 60)
        disk_spares_s = self._duration_s(table, (*path, "disk_spares"), 0)
        if len(self.problems) > before:
            return None
        return RetentionRule(
            statuses=ENDED if status is None else tuple(status),
            project=project or "",
            keep_for_s=keep_for_s,
            keep_tasks=keep_tasks,
            keep_disk_below=disk,
            disk_spares_s=DISK_SPARES_S if disk_spares_s is None else disk_spares_s,
            where=self.where(*path),
        )

    def _duration_s(self, table: Mapping[str, Any], path: Sequence[str | int], low_s: float) -> float | None:
        """Return the seconds that a key says; None when it is absent, or wrong and noted."""
        read = duration(low_s, LONGEST_KEPT_S, days=True)
        value = table.get(str(path[-1]))
        if value is None:
            return None
        try:
            return read(str(value))
        except ValueError:
            self.note(path, f"{_shown(value)} is not allowed; allowed: seconds or a duration ('36h', '90d')")
            return None

    def server(self, value: object) -> Mapping[str, Written]:
        """Read `[server]`; its keys are judged with the variables."""
        if not isinstance(value, dict):
            self.note(("server",), "is no table; begin it with [server]")
            return {}
        return {key: Written(value=each, where=self.where("server", key)) for key, each in value.items()}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _are_ended(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(part in ENDED for part in value)


def _is_whole(low: int, high: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_name(value: object) -> bool:
    return isinstance(value, str) and PROVIDER_NAME.fullmatch(value) is not None


def _is_model(value: object) -> bool:
    told = isinstance(value, str) and value == value.strip() and 1 <= len(value) <= LONGEST_MODEL
    return told and reference_in(value) is None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
