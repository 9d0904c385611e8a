"""The command `danqing`. Each subcommand imports what it needs when it runs, so that `--help` is quick."""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from danqing_server.cli.access_arguments import add_access

if TYPE_CHECKING:
    from danqing_server.settings.server import Settings
    from danqing_server.supervision.survey import Survey, WantedSandbox

__all__ = ["main", "plugins_table", "settings_table"]

REFUSED = 2
"""The exit code when a setting, an argument or something that is missing makes it impossible to start."""

WRONG = 1
"""The exit code of a check that found something wrong."""

GAVE_UP = 1
"""The exit code when something that is needed ended again and again; a later start may succeed."""

_DESCRIPTION = "丹青 danqing: a self-hosted task server for AI image generation."
_EPILOG = """\
Start with no settings at all:  danqing serve
It brings its own MongoDB and Redis, and a simulator in place of the paid service until there is a key.
Settings are variables of the environment or of .env, or stand in danqing.toml; `danqing settings` lists them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 for success, 2 when it cannot start with these settings."""
    if sys.platform == "win32":
        sys.stderr.write("danqing: Windows is not supported; use WSL 2 or Docker\n")
        return REFUSED
    arguments, passed_on = _parser().parse_known_args(argv)
    if passed_on and arguments.command != "sandbox":
        _parser().error(f"unrecognized arguments: {' '.join(passed_on)}")
    arguments.passed_on = passed_on
    from danqing_server.errors import DanqingError
    from danqing_server.supervision.processes import KeepsDying, StartRefused

    try:
        run: Callable[[argparse.Namespace], int] = arguments.run
        return run(arguments)
    except KeepsDying as error:
        sys.stderr.write(f"danqing: {error}\n")
        return GAVE_UP
    except DanqingError as error:
        if not (isinstance(error, StartRefused) and error.explained):
            sys.stderr.write("".join(f"danqing: {line}\n" for line in str(error).split("\n")))
        return REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="danqing",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"danqing {importlib.metadata.version('danqing')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_sandbox(commands)
    _add_plugins(commands)
    _add_plugin(commands)
    _add_check(commands)
    add_access(commands)
    settings = commands.add_parser("settings", help="list every setting as a Markdown table")
    settings.set_defaults(run=_settings)
    return parser


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="start the server, and whatever it needs that is not named by a URL",
        description="Start the server. What an option names takes precedence over its variable.",
        epilog="Signals: TERM and INT stop in order (INT twice: at once), "
        "HUP reads all settings anew and replaces the processes one by one.",
    )
    serve.add_argument("--host", help="address to listen on (DANQING_HOST, 127.0.0.1)")
    serve.add_argument("--port", help="port to listen on, 0 for a free one (PORT, 8080)")
    serve.add_argument("--processes", metavar="N", help="serving processes (DANQING_PROCESSES, 1)")
    serve.add_argument("--role", choices=("all", "api", "worker"), help="what they do (DANQING_ROLE, all)")
    _add_env_file(serve)
    serve.set_defaults(run=_serve)


def _add_sandbox(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sandbox = commands.add_parser(
        "sandbox",
        help="run the default provider's simulator alone",
        description="Run the default provider's simulator alone: no key, no cost. It gets all other options.",
    )
    sandbox.add_argument(
        "--port",
        dest="sandbox_port",
        type=int,
        metavar="N",
        default=9000,
        help="port to listen on, 0 for a free one (9000)",
    )
    sandbox.add_argument("--data-dir", type=Path, help="where it keeps its files (`sandbox` in DANQING_DATA_DIR)")
    _add_env_file(sandbox)
    sandbox.set_defaults(run=_sandbox)


def _add_plugins(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    plugins = commands.add_parser("plugins", help="list the installed plugins; exit code 1 when one is broken")
    plugins.add_argument("--json", action="store_true", help="as JSON on one line")
    _add_env_file(plugins)
    plugins.set_defaults(run=_plugins)


def _add_plugin(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    plugin = commands.add_parser("plugin", help="write a plugin, or check one")
    what = plugin.add_subparsers(dest="what", required=True, metavar="WHAT")
    new = what.add_parser(
        "new",
        help="write the package of a new provider, with a simulator and tests that pass",
        description="Write danqing-NAME: a provider, a simulator to work against, and tests that pass as they are.",
    )
    new.add_argument("name", metavar="NAME", help="what the provider is called: lower-case letters, digits and _")
    new.add_argument(
        "--async", dest="asynchronous", action="store_true", help="a service that is polled for results"
    )
    new.add_argument("--into", type=Path, default=Path(), metavar="FOLDER", help="where to write it (here)")
    new.set_defaults(run=_plugin_new)
    check = what.add_parser(
        "check",
        help="run the conformance kit against an installed plugin; exit code 1 when a check fails",
        description="Run the conformance kit, against the provider's simulator. Nothing is paid for.",
    )
    check.add_argument(
        "name", nargs="?", metavar="NAME", help="the plugin or its provider (every installed plugin)"
    )
    check.add_argument("--model", metavar="MODEL", help="the model to check (the default one)")
    check.set_defaults(run=_plugin_check)


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser(
        "check",
        help="check environment and danqing.toml without starting; exit code 1 when something is wrong",
        description="Check environment and danqing.toml, and list the providers and routes that would be there.",
    )
    _add_env_file(check)
    check.set_defaults(run=_check)


def _add_env_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--env-file", type=Path, metavar="FILE", help="file of variables to read (.env)")


def _environment(arguments: argparse.Namespace) -> dict[str, str]:
    from danqing_server.cli.environment import environment_of

    return environment_of(arguments)


def _serve(arguments: argparse.Namespace) -> int:
    from danqing_server.cli.examination import require_all_right
    from danqing_server.log import configure_logging
    from danqing_server.supervision.supervisor import Supervisor

    settings = require_all_right(_environment(arguments))
    json_lines = True if settings.environment_name == "production" else None
    configure_logging(settings.log_level.upper(), json_lines=json_lines)
    asyncio.run(Supervisor(read_environment=lambda: _environment(arguments)).run())
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from danqing_server.cli.examination import check
    from danqing_server.log import configure_logging

    configure_logging("CRITICAL")  # what is broken is told in a line
    report, mistakes = check(_environment(arguments))
    sys.stdout.write(report)
    sys.stderr.writelines(f"danqing: {line}\n" for line in mistakes)
    return WRONG if mistakes else 0


def _sandbox(arguments: argparse.Namespace) -> int:
    from danqing_server.settings.reading import read_settings

    settings = read_settings(_environment(arguments))
    found = _find_sandboxes(settings)
    module = found[0].module
    data_dir: Path = arguments.data_dir or settings.data_dir / "sandbox"
    os.umask(0o077)  # its journal holds prompts
    data_dir.mkdir(parents=True, exist_ok=True)
    if arguments.sandbox_port:
        url = f"http://127.0.0.1:{arguments.sandbox_port}"
        sys.stdout.write(
            f"sandbox at {url}: pictures are simulated and cost nothing\n"
            f"  with danqing:  DANQING_SANDBOX_URL={url} danqing serve   (and no key)\n"
            "  with your own client:  in place of the service's own address\n"
        )
        sys.stdout.writelines(f"    {one.provider}  {url}{one.path}\n" for one in found if one.module == module)
        sys.stdout.flush()
    command = [sys.executable, "-m", module, "--port", str(arguments.sandbox_port), "--data-dir", str(data_dir)]
    os.execv(sys.executable, command + arguments.passed_on)


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


def _plugin_new(arguments: argparse.Namespace) -> int:
    from danqing_server.cli.scaffolding import write_plugin

    folder = write_plugin(arguments.name, arguments.into, asynchronous=arguments.asynchronous)
    sys.stdout.write(
        f"written: {folder}\n  cd {folder}\n  pip install -e '.[dev]'   # beside danqing\n"
        f"  pytest\n  danqing plugin check {arguments.name}\n"
    )
    return 0


def _plugin_check(arguments: argparse.Namespace) -> int:
    from danqing_server.cli.checking import check_plugins, report_of
    from danqing_server.log import configure_logging

    configure_logging("CRITICAL")  # what fails stands in the report
    checked = check_plugins(arguments.name, arguments.model)
    sys.stdout.write(report_of(checked) + "\n")
    return 1 if any(one.failed for one in checked) else 0


def _plugins(arguments: argparse.Namespace) -> int:
    from danqing_server.log import configure_logging
    from danqing_server.settings.reading import read_settings
    from danqing_server.supervision.survey import take_survey

    configure_logging("CRITICAL")  # what is broken stands in the table
    survey = take_survey(read_settings(_environment(arguments)))
    sys.stdout.write((survey.to_json() if arguments.json else plugins_table(survey)) + "\n")
    return 1 if survey.broken else 0


def plugins_table(survey: Survey) -> str:
    """Return the plugins as aligned text, the broken ones with their error."""
    rows = [("PLUGIN", "VERSION", "STATUS", "PROVIDERS", "MODELS")]
    for plugin in survey.plugins:
        status = "broken" if plugin.error is not None else "left out" if plugin.missing else "ok"
        names = [f"{name} (sandbox)" if name in survey.simulated else name for name in plugin.providers]
        shown = (", ".join(names) or "-", ", ".join(plugin.models) or "-")
        rows.append((plugin.name, plugin.version or "-", status, *shown))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows
    ]
    lines += [
        f"{plugin.name} is left out: set {', '.join(plugin.missing)}" for plugin in survey.plugins if plugin.missing
    ]
    lines += [f"{plugin.name} is broken: {plugin.error}" for plugin in survey.broken]
    return "\n".join(lines) if survey.plugins else "no plugins are installed"


def _settings(_arguments: argparse.Namespace) -> int:
    sys.stdout.write(settings_table())
    return 0


def settings_table() -> str:
    """Return every variable of the server as a Markdown table."""
    from danqing_server.settings.server import variables

    lines = ["| Variable | Default | Unit | Allowed | Meaning |", "|---|---|---|---|---|"]
    for variable in variables():
        default = f"`{variable.default}`" if variable.default else "(unset)"
        unit = variable.unit or "—"
        lines.append(f"| `{variable.name}` | {default} | {unit} | {variable.allowed} | {variable.meaning} |")
    return "\n".join(lines) + "\n"
