"""Which providers there are, each real or simulated, and what routes may lead to. Pure.

A provider with all that it needs (its key) is real. One that lacks something is simulated when that was asked for,
or when no provider at all has what it needs and nothing was asked for: a server without any key serves them all.
Else a provider that the file names is a mistake, and one that is only installed is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

import attrs

from danqing_plugins import Provider, ProviderInfo, nearest
from danqing_plugins.options import ReadOptions
from danqing_server.settings.routes import Route

__all__ = ["EVERYTHING", "Candidate", "Decided", "Mode", "decide", "lost_aliases", "wrong_targets"]

EVERYTHING = "all"
"""In place of providers' names: simulate every one."""
_SIMULATED = "as no provider has its key, it is simulated"


class Mode(StrEnum):
    """What became of a candidate."""

    REAL = "real"
    SANDBOX = "sandbox"
    LEFT_OUT = "left_out"


@attrs.frozen(kw_only=True, eq=False)
class Candidate:
    """A provider there may be. `where` is its place in the file, None when it is only installed."""

    name: str
    plugin: str
    factory: type[Provider]
    read: ReadOptions
    where: str | None = None
    sandbox: bool = False

    @property
    def needs_something(self) -> bool:
        """Whether there is anything without which it does not reach the real service."""
        return any(setting.required for setting in self.read.settings)

    @property
    def complete(self) -> bool:
        """Whether all that it needs is set, rightly or wrongly."""
        return not self.read.missing


@attrs.frozen(kw_only=True)
class Decided:
    """`problems` has one line for each mistake; then nothing may be made of the rest.

    `warnings` has one for each provider of the file that is simulated for want of something, and not by a wish.
    """

    modes: tuple[tuple[Candidate, Mode], ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def decide(candidates: Sequence[Candidate], simulated: Collection[str]) -> Decided:
    """Say what becomes of each; *simulated* are the names that `DANQING_SANDBOX` asks to simulate."""
    asked = {one.name for one in candidates if one.sandbox or one.name in simulated or EVERYTHING in simulated}
    keyed = any(one.needs_something and one.complete and one.name not in asked for one in candidates)
    everything = not asked and not keyed
    modes, warnings = [], list[str]()
    problems = [*_unknown(simulated, [one.name for one in candidates])]
    for one in candidates:
        mode = _mode(one, one.name in asked, everything)
        modes.append((one, mode))
        if mode is not Mode.LEFT_OUT or one.where is not None:
            problems += one.read.problems
        if one.name in asked and mode is not Mode.SANDBOX and EVERYTHING not in simulated:
            problems.append(f"{one.where or 'DANQING_SANDBOX'}: provider {one.name!r} has no simulator")
        elif mode is Mode.LEFT_OUT and one.where is not None:
            problems += _lacking(one, one.where)
        if mode is Mode.SANDBOX and one.name not in asked and one.where is not None:
            warnings += [f"{each.where or one.where}: {each.told}; {_SIMULATED}" for each in one.read.missing]
    return Decided(modes=tuple(modes), problems=tuple(problems), warnings=tuple(warnings))


def _mode(one: Candidate, asked: bool, everything: bool) -> Mode:
    has_simulator = one.factory.sandbox is not None
    if asked and has_simulator:
        return Mode.SANDBOX
    if one.complete:
        return Mode.REAL
    return Mode.SANDBOX if everything and has_simulator else Mode.LEFT_OUT


def _lacking(one: Candidate, where: str) -> Sequence[str]:
    way_out = "set it" if one.factory.sandbox is None else f"set it, or write sandbox = true for {one.name!r}"
    return [f"{missing.where or where}: {missing.told}; {way_out}" for missing in one.read.missing]


def wrong_targets(
    routes: Iterable[Route], providers: Mapping[str, ProviderInfo], left_out: Mapping[str, Sequence[str]]
) -> Sequence[str]:
    """Return a line for each target of a route that there is not.

    *left_out* has, by name, what providers lack that are not there for want of it.
    """
    lines = []
    for route in routes:
        for target in route.targets:
            info = providers.get(target.provider)
            if info is None:
                lines.append(f"{target.where}: to: {_absent(target.provider, providers, left_out)}")
            elif not _has_model(info, target.model):
                lines.append(f"{target.where}: to: {_strange(info, target.model)}")
    return lines


def lost_aliases(
    aliases: Mapping[str, str], routes: Iterable[Route], providers: Mapping[str, ProviderInfo]
) -> Sequence[str]:
    """Return a line for each of *aliases* that means no route and no model: whoever sends it is told 404."""
    named = {route.model for route in routes}
    return [
        f"DANQING_MODEL_ALIASES: {name!r} means {meant!r}, which is no model now"
        for name, meant in aliases.items()
        if meant not in named and not _is_offered(meant, providers)
    ]


def _is_offered(meant: str, providers: Mapping[str, ProviderInfo]) -> bool:
    first, _, rest = meant.partition("/")
    by_provider = first in providers and _has_model(providers[first], rest)
    return by_provider or any(_has_model(info, meant) for info in providers.values())


def _absent(name: str, providers: Mapping[str, ProviderInfo], left_out: Mapping[str, Sequence[str]]) -> str:
    if name in left_out:
        return f"provider {name!r} is left out, for want of {', '.join(left_out[name])}"
    near = nearest(name, providers)
    hint = f"did you mean {near}? " if near else ""
    return f"{name!r} is no provider; {hint}allowed: {', '.join(providers)}"


def _has_model(info: ProviderInfo, name: str) -> bool:
    return any(name == model.id or name in model.aliases for model in info.models)


def _strange(info: ProviderInfo, name: str) -> str:
    near = nearest(name, [each for model in info.models for each in (model.id, *model.aliases)])
    hint = f"did you mean {near}? " if near else ""
    return f"{name!r} is no model of {info.name}; {hint}allowed: {', '.join(model.id for model in info.models)}"


def _unknown(simulated: Collection[str], known: Sequence[str]) -> Sequence[str]:
    lines = []
    for name in simulated:
        if name != EVERYTHING and name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near}? " if near else ""
            lines.append(
                f"DANQING_SANDBOX: {name!r} is no provider; {hint}allowed: {', '.join(known)}, {EVERYTHING}"
            )
    return lines
