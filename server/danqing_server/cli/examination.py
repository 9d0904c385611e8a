"""`danqing check`: what would be served with the settings as they are, and everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from danqing_server.assets.opening import require_places
from danqing_server.errors import SettingsError
from danqing_server.plugins.registry import Registry, load_registry
from danqing_server.settings.reading import examine, find_file, in_order
from danqing_server.settings.routes import Route
from danqing_server.settings.server import Settings

__all__ = ["check", "require_all_right"]


def check(environment: Mapping[str, str]) -> tuple[str, Sequence[str]]:
    """Return a report of the providers and routes, warnings before them, and one line for each mistake.

    The report is empty when what there would be cannot be told for all the mistakes.
    """
    settings, problems = examine(environment)
    try:
        require_places(settings)
    except SettingsError as error:
        problems = (*problems, *error.lines)
    try:
        registry = load_registry(settings)
    except SettingsError as error:
        return "", in_order(*problems, *error.lines)
    broken = [f"plugin {plugin.name} is broken: {plugin.error}" for plugin in registry.plugins if plugin.error]
    file = find_file(environment)
    read = f"{file.name}: read" if file.text is not None else f"no {file.name}: the environment alone"
    warnings = [f"warning: {each}" for each in (*settings.warnings(), *registry.warnings)]
    lines = [read, *warnings, "", *_aligned(_provider_rows(registry)), *_route_lines(settings.routes)]
    return "\n".join([*lines, f"default provider: {registry.default_provider}"]) + "\n", in_order(
        *problems, *broken
    )


def require_all_right(environment: Mapping[str, str]) -> Settings:
    """Return the settings; plugins are looked at only when these are wrong, so that all mistakes are told at once.

    Raises:
        SettingsError: a line for each mistake.
    """
    settings, problems = examine(environment)
    if not problems:
        return settings
    try:
        load_registry(settings)
    except SettingsError as error:
        problems = (*problems, *error.lines)
    raise SettingsError(*in_order(*problems))


def _provider_rows(registry: Registry) -> Sequence[Sequence[str]]:
    rows = [("PROVIDER", "PLUGIN", "MODE", "MODELS", "")]
    for plugin in registry.plugins:
        for name in plugin.providers:
            info = registry.providers[name]
            rows.append((name, plugin.name, "sandbox" if info.sandbox else "real", str(len(info.models)), ""))
        if plugin.missing:
            rows.append(("-", plugin.name, "left out", "-", f"not set: {', '.join(plugin.missing)}"))
    return rows


def _route_lines(routes: Sequence[Route]) -> Sequence[str]:
    return [
        "",
        *(
            f"route {route.model}: "
            + ", then ".join(f"{target.provider}/{target.model}" for target in route.targets)
            for route in routes
        ),
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> Sequence[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
