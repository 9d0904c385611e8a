"""`danqing sandbox`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from danqing_server.cli.arguments import EnvFile

if TYPE_CHECKING:
    from danqing_server.settings.server import Settings
    from danqing_server.supervision.survey import WantedSandbox

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "sandbox",
        short_help="run the default provider's simulator alone",
        help="Run the default provider's simulator alone: no key, no cost. Any other option goes to the simulator, "
        "--latency-s 0 say: docs/sandbox.md lists them.",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(_sandbox)


def _sandbox(
    context: typer.Context,
    port: Annotated[
        int, typer.Option(metavar="N", show_default=False, help="port to listen on, 0 for a free one (9000)")
    ] = 9000,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="where it keeps its files (`sandbox` in DANQING_DATA_DIR)"),
    ] = None,
    env_file: EnvFile = None,
) -> None:
    from danqing_server.cli.environment import environment_of
    from danqing_server.settings.reading import read_settings

    settings = read_settings(environment_of(env_file))
    found = _find_sandboxes(settings)
    module = found[0].module
    folder = data_dir or settings.data_dir / "sandbox"
    os.umask(0o077)  # its journal holds prompts
    folder.mkdir(parents=True, exist_ok=True)
    if port:
        _say_where(port, [one for one in found if one.module == module])
    command = [sys.executable, "-m", module, "--port", str(port), "--data-dir", str(folder)]
    os.execv(sys.executable, command + context.args)


def _say_where(port: int, served: Sequence[WantedSandbox]) -> None:
    url = f"http://127.0.0.1:{port}"
    sys.stdout.write(
        f"sandbox at {url}: pictures are simulated and cost nothing\n"
        f"  with danqing:  DANQING_SANDBOX_URL={url} danqing serve   (and no key)\n"
        "  with your own client:  in place of the service's own address\n"
    )
    sys.stdout.writelines(f"    {one.provider}  {url}{one.path}\n" for one in served)
    sys.stdout.flush()


def _find_sandboxes(settings: Settings) -> Sequence[WantedSandbox]:
    """Return the simulators, wanted or not, the default provider's first. Raises SettingsError when it has none."""
    from danqing_server.errors import SettingsError
    from danqing_server.settings.server import Settings
    from danqing_server.supervision.survey import take_survey

    # A name of the file's own says nothing here: its plugin brings its simulator under the plugin's.
    named = {one.name for one in settings.providers}
    wanted = None if settings.default_provider in named else settings.default_provider
    # Asked without any key: a provider that has one wants no simulator.
    keyless = Settings.read(
        {
            "DANQING_DISABLED_PLUGINS": ",".join(settings.disabled_plugins),
            "DANQING_DEFAULT_PROVIDER": wanted or "",
        }
    )
    found = take_survey(keyless).sandboxes
    if not found or wanted not in (None, found[0].provider):
        raise SettingsError(f"DANQING_DEFAULT_PROVIDER: {wanted!r} has no simulator")
    return found
