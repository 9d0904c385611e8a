"""What `danqing projects`, `danqing keys` and `danqing audit` are told. What they do is in `access_acts`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

__all__ = ["LIMITS", "add_access"]

_Commands = argparse._SubParsersAction

LIMITS = """\
Limits (--limit NAME=VALUE, each as often as you like; --no-limit NAME takes one away):
  models=doubao-*,gpt-image-1          patterns, of which a model has to match one
  spend_per_day=CNY:100.00,USD:5       amounts by currency
  spend_per_month=CNY:1000.00
  requests_per_minute=60               of those that ask for something to be made
  pictures_in_flight=4
  waiting_tasks=100
  addresses=10.0.0.0/8,192.0.2.1       from where it may be used
  expires_at=2027-01-01T00:00:00Z"""


def add_access(commands: _Commands[argparse.ArgumentParser]) -> None:
    """Add the three commands."""
    _add_projects(commands)
    _add_keys(commands)
    audit = commands.add_parser("audit", help="list what was done with projects and keys, and by whom")
    audit.add_argument("--last", type=int, default=50, metavar="N", help="how many entries (50)")
    _end(audit, "audit")


def _add_projects(commands: _Commands[argparse.ArgumentParser]) -> None:
    what = _group(commands, "projects", "make, list and limit projects, which own tasks and keys")
    create = _limited(what, "create", "make a project")
    create.add_argument("name", metavar="NAME", help="what people call it")
    create.add_argument(
        "--id", metavar="NAME", help="of DANQING_API_KEYS: limit that project, whose tasks are kept"
    )
    _end(create, "create_project")
    _end(what.add_parser("list", help="list the projects"), "list_projects")
    show = what.add_parser("show", help="show a project")
    update = _limited(what, "update", "change a project's name or limits")
    update.add_argument("--name", help="another name")
    archive = what.add_parser("archive", help="refuse a project's keys from now on; what it made is kept")
    archive.add_argument("--undo", action="store_true", help="take its keys again")
    for parser, act in ((show, "show_project"), (update, "update_project"), (archive, "archive_project")):
        parser.add_argument("project", metavar="PROJECT", help="its id or name")
        _end(parser, act)


def _add_keys(commands: _Commands[argparse.ArgumentParser]) -> None:
    what = _group(commands, "keys", "make, list, rotate and revoke API keys")
    create = _limited(what, "create", "make a key; its secret is shown once")
    whose = create.add_mutually_exclusive_group(required=True)
    whose.add_argument("--project", metavar="PROJECT", help="whose key: the project's id or name")
    whose.add_argument("--admin", action="store_true", help="an administrator's key: it manages and makes nothing")
    create.add_argument("--name", required=True, help="what people call it")
    _end(create, "create_key")
    listed = what.add_parser("list", help="list the keys")
    listed.add_argument("--project", metavar="PROJECT", help="of one project (all)")
    _end(listed, "list_keys")
    show = what.add_parser("show", help="show a key")
    update = _limited(what, "update", "change a key's name, scopes or limits")
    update.add_argument("--name", help="another name")
    rotate = what.add_parser("rotate", help="give a key a new secret under the same id")
    rotate.add_argument("--grace", default="24h", metavar="TIME", help="how long the old one stays good (24h)")
    revoke = what.add_parser("revoke", help="take a key back for good, within ten seconds everywhere")
    acts = ((show, "show_key"), (update, "update_key"), (rotate, "rotate_key"), (revoke, "revoke_key"))
    for parser, act in acts:
        parser.add_argument("key", metavar="KEY", help="its id")
        _end(parser, act)
    for parser in (create, update):
        parser.add_argument(
            "--scope",
            action="append",
            metavar="SCOPE",
            help="generate, read, webhooks, usage or admin; once for each (all that go together)",
        )


def _group(
    commands: _Commands[argparse.ArgumentParser], name: str, help_: str
) -> _Commands[argparse.ArgumentParser]:
    return commands.add_parser(name, help=help_).add_subparsers(dest="what", required=True, metavar="WHAT")


def _limited(what: _Commands[argparse.ArgumentParser], name: str, help_: str) -> argparse.ArgumentParser:
    parser = what.add_parser(name, help=help_, epilog=LIMITS, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", action="append", default=[], metavar="NAME=VALUE", help="see below")
    parser.add_argument("--no-limit", action="append", default=[], metavar="NAME", help="take a limit away")
    return parser


def _end(parser: argparse.ArgumentParser, act: str) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON on one line")
    parser.add_argument("--env-file", type=Path, metavar="FILE", help="file of variables to read (.env)")
    parser.set_defaults(run=_runner(act))


def _runner(act: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from danqing_server.cli.access_acts import carry_out

        return carry_out(act, arguments)

    return run
