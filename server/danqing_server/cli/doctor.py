"""`danqing doctor`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from danqing_server.cli.arguments import AsJson, EnvFile
from danqing_server.cli.exits import Exit

if TYPE_CHECKING:
    from danqing_server.doctor.finding import Finding

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "doctor",
        short_help="look for what is wrong, and say what to do; exit code 1 when something is",
        help="Look at settings, server, MongoDB, Redis, clocks, disks, storage and providers' keys. Nothing is "
        "started, changed or bought. Exit code 1 when something is wrong, 7 when nothing is but that no server "
        "answers; warnings alone end with 0.",
    )(_doctor)


def _doctor(as_json: AsJson = False, env_file: EnvFile = None) -> int:
    import asyncio

    from danqing_server.cli.environment import environment_of
    from danqing_server.doctor.examination import examine_all
    from danqing_server.doctor.finding import State
    from danqing_server.doctor.running import SERVER
    from danqing_server.log import configure_logging

    configure_logging("CRITICAL")  # what is found is told in a line
    findings = asyncio.run(examine_all(environment_of(env_file)))
    found = {each.state for each in findings}
    is_away = any(each.part == SERVER and each.state is State.SKIPPED for each in findings)
    sys.stdout.write(_as_json(findings) if as_json else _as_lines(findings))
    if State.WRONG in found:
        return Exit.FAILED
    return Exit.UNREACHABLE if is_away else Exit.DONE


def _as_json(findings: Sequence[Finding]) -> str:
    import attrs

    from danqing_server.codec.bodies import dump_json

    return dump_json({"findings": [attrs.asdict(each) for each in findings]}).decode() + "\n"


def _as_lines(findings: Sequence[Finding]) -> str:
    widths = [max(len(each.state) for each in findings), max(len(each.part) for each in findings)]
    lines = []
    for each in findings:
        lines.append(f"{each.state.ljust(widths[0])}  {each.part.ljust(widths[1])}  {each.says}")
        if each.do is not None:
            lines.append(f"{' ' * (sum(widths) + 4)}→ {each.do}")
    return "".join(f"{line}\n" for line in lines)
