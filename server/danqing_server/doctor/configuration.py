"""What is set, and what is installed."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence

import attrs

from danqing_server.doctor.finding import Finding, fine, warning, wrong
from danqing_server.errors import SettingsError
from danqing_server.plugins.registry import Registry, load_registry
from danqing_server.settings.reading import examine, find_file
from danqing_server.settings.server import Settings

__all__ = ["Configuration", "look_at_configuration"]


@attrs.frozen(kw_only=True)
class Configuration:
    """What there is to work with. `registry` None: the settings of providers are so wrong that there are none."""

    settings: Settings
    registry: Registry | None
    findings: Sequence[Finding]


def look_at_configuration(environment: Mapping[str, str]) -> Configuration:
    """Read settings and load plugins; each mistake is a finding."""
    settings, problems = examine(environment)
    found = [_mistake(line) for line in problems]
    registry = None
    try:
        registry = load_registry(settings)
    except SettingsError as error:
        found += [_mistake(line) for line in error.lines]
    file = find_file(environment)
    if not found:
        read = f"{file.name} and the environment" if file.text is not None else "the environment alone"
        found.append(fine("settings", f"read from {read}"))
    found += [warning("settings", line, "set it right") for line in settings.warnings()]
    found.append(fine("python", platform.python_version()))
    if registry is not None:
        found += _plugins(registry)
    return Configuration(settings=settings, registry=registry, findings=found)


def _mistake(line: str) -> Finding:
    return wrong(
        "settings", line, "correct it; `danqing settings` lists what there is, `danqing check` looks again"
    )


def _plugins(registry: Registry) -> Iterator[Finding]:
    for plugin in registry.plugins:
        if plugin.error is not None:
            do = "mend or uninstall it, or name it in DANQING_DISABLED_PLUGINS"
            yield wrong(f"plugin {plugin.name}", f"broken: {plugin.error}", do)
    if not registry.providers:
        yield wrong("providers", "there is none", "set the key of one; `danqing plugins` says which variable it is")
