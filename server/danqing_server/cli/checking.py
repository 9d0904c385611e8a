"""`danqing plugin check`: the conformance kit from the terminal, against the simulators of what is checked.

Nothing is paid for: secret settings are left out, and every variable of the environment that is called like one; a
provider that has a simulator works against it, and of one that has secrets and no simulator only what it says and
takes is checked.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import attrs

from danqing_plugins import ConfigurationError, ModelInfo, PluginContext, Provider, Sandbox
from danqing_plugins.findings import Finding, findings_of
from danqing_plugins.options import read_options
from danqing_plugins.sampling import sample_request
from danqing_server.errors import SettingsError
from danqing_server.plugins.loading import find_installed
from danqing_server.plugins.registry import START_S, bounded

__all__ = ["Checked", "check_plugins", "report_of"]

PAGE = "docs/plugins.md"
LOADING = "1. The package"
SETTINGS = "3. Your settings: `settings` and `configure`"
SIMULATING = "`danqing_sandbox() -> Sandbox | None`"
STARTING = "`danqing_start() -> Awaitable[None] | None`"
SECRET = re.compile(r"KEYS?$|(^|_)KEYS?_|SECRET|TOKEN|PASSWORD|CREDENTIAL", re.IGNORECASE)
CALL_TIMEOUT_S = 30.0
SIMULATOR_STARTS_S = 60.0
SIMULATOR_ENDS_S = 5.0


class _NoSimulator(Exception):
    """The simulator of a provider does not run."""


@attrs.frozen(kw_only=True)
class Checked:
    """What was found of one model of a provider, or of a plugin without one. `note` tells what was left out."""

    plugin: str
    subject: str
    findings: Sequence[Finding] = ()
    note: str = ""

    @property
    def failed(self) -> bool:
        """Whether any check failed."""
        return any(finding.failed is not None for finding in self.findings)


def check_plugins(wanted: str | None, model: str | None = None) -> list[Checked]:
    """Check the plugin *wanted*, by its own name or its provider's; None: every one that is installed.

    Of each provider its default model is checked, or *model*.

    Raises:
        SettingsError: no plugin of that name is installed.
    """
    checked: list[Checked] = []
    names = []
    for plugin, load in find_installed(()):
        names.append(plugin.name)
        try:
            thing = load()
        except Exception as error:  # noqa: BLE001 — a broken plugin is what this command is asked about
            if wanted in (None, plugin.name):
                checked.append(
                    _broken(plugin.name, LOADING, f"it cannot be loaded: {type(error).__name__}: {error}")
                )
            continue
        provider = _provider_of(thing)
        if wanted in (None, plugin.name) or (provider is not None and wanted == provider.name):
            try:
                checked += _check(plugin.name, provider, model)
            except _NoSimulator as error:  # the others are checked all the same
                checked.append(_broken(plugin.name, SIMULATING, str(error)))
    if wanted is not None and not checked:
        raise SettingsError(f"no plugin {wanted!r} is installed; installed: {', '.join(names) or '-'}")
    return checked


def report_of(checked: Sequence[Checked]) -> str:
    """Return what was found as text: a line for each check, and where to read on about those that failed."""
    lines = []
    for one in checked:
        lines.append(f"{one.plugin}: {one.subject}")
        for finding in one.findings:
            lines.append(f"  {finding.check:<16} {'ok' if finding.failed is None else 'FAILED'}")
            if finding.failed is not None:
                lines += [f"    {finding.failed}", f"    read on: {PAGE}, {finding.read_on}"]
        if one.note:
            lines.append(f"  {one.note}")
    failed = sum(finding.failed is not None for one in checked for finding in one.findings)
    count = sum(len(one.findings) for one in checked)
    lines.append(f"{failed} of {count} checks failed" if failed else f"all {count} checks passed")
    return "\n".join(lines)


def _provider_of(thing: object) -> type[Provider] | Provider | None:
    if isinstance(thing, Provider):
        return thing
    return thing if isinstance(thing, type) and issubclass(thing, Provider) else None


def _broken(plugin: str, read_on: str, failed: str) -> Checked:
    return Checked(plugin=plugin, subject="-", findings=[Finding(check="loading", failed=failed, read_on=read_on)])


def _check(plugin: str, thing: type[Provider] | Provider | None, model: str | None) -> list[Checked]:
    if thing is None:
        return [Checked(plugin=plugin, subject="brings no `Provider`", note="nothing to check")]
    secret = [setting for setting in thing.settings if setting.secret]
    variables = {setting.variable for setting in secret}
    # A class that declares no settings finds its key itself, and would buy with it.
    environment = {
        name: value for name, value in os.environ.items() if name not in variables and not SECRET.search(name)
    }
    simulator = thing.sandbox
    generates = simulator is not None or not secret
    with tempfile.TemporaryDirectory(prefix="danqing-check-") as folder, _running(simulator, Path(folder)) as url:
        context = PluginContext(
            name=thing.name,
            options=read_options(thing.settings_for({}), environment).options,
            environment=environment,
            data_dir=Path(folder),
            call_timeout_s=CALL_TIMEOUT_S,
            sandbox=simulator is not None,
            sandbox_url=url,
        )
        try:
            provider = thing() if isinstance(thing, type) else thing
            provider.danqing_configure(context=context)
            models = _models(provider, model)
        except ConfigurationError as error:
            return [_broken(plugin, SETTINGS, error.message)]
        except SettingsError:
            raise
        except Exception as error:  # noqa: BLE001 — whatever an author's code raises is a finding
            return [_broken(plugin, SETTINGS, f"{type(error).__name__}: {error}")]
        return asyncio.run(_check_models(plugin, provider, models, generates=generates))


def _models(provider: Provider, wanted: str | None) -> Sequence[ModelInfo]:
    info = provider.info
    found = [model for model in info.models if model.id == (wanted or info.default_model)]
    if not found:
        known = ", ".join(model.id for model in info.models)
        raise SettingsError(f"--model: {wanted!r} is no model of {info.name}; allowed: {known}")
    return found


async def _check_models(
    plugin: str, provider: Provider, models: Sequence[ModelInfo], *, generates: bool
) -> list[Checked]:
    note = "" if generates else "nothing was ordered: it takes a key and has no simulator (`Provider.sandbox`)"
    checked = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        try:
            await bounded(provider.start(), START_S)
        except Exception as error:  # noqa: BLE001 — the same
            late = isinstance(error, TimeoutError)
            told = f"it did not start within {START_S:g} s" if late else f"{type(error).__name__}: {error}"
            return [_broken(plugin, STARTING, told)]
        try:
            for model in models:
                subject = f"{provider.info.name}/{model.id}"
                request, data = sample_request(provider.info.name, model)
                found = await findings_of(provider, request, session=session, references=data, generates=generates)
                checked.append(Checked(plugin=plugin, subject=subject, findings=found, note=note))
        finally:
            await provider.stop()
    return checked


@contextmanager
def _running(simulator: Sandbox | None, folder: Path) -> Iterator[str | None]:
    """Run *simulator* while the block lasts and yield where it is; None for none."""
    if simulator is None:
        yield None
        return
    port = _free_port()
    data_dir = folder / "simulator"
    data_dir.mkdir()
    command = [sys.executable, "-m", simulator.module, "--port", str(port), "--data-dir", str(data_dir)]
    with (folder / "simulator.log").open("wb") as written:
        process = subprocess.Popen(command, stdout=written, stderr=written)
        try:
            _wait(process, f"http://127.0.0.1:{port}/ping", folder / "simulator.log")
            yield f"http://127.0.0.1:{port}{simulator.path}"
        finally:
            process.terminate()
            try:
                process.wait(SIMULATOR_ENDS_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Return when *url* answers. Raises _NoSimulator when the process ended instead, or takes too long."""
    ends_s = time.monotonic() + SIMULATOR_STARTS_S
    while time.monotonic() < ends_s and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise _NoSimulator(f"the simulator did not start: {log.read_text(errors='replace').strip()[-500:] or '-'}")
