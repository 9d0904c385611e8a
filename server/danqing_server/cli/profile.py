"""`danqing profile`: the servers that `danqing login` kept."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from danqing_server.cli.arguments import AsJson
from danqing_server.cli.profiles import Profiles, profiles_path, read_profiles, write_profiles
from danqing_server.cli.showing import show_json, show_table

__all__ = ["register"]

_Name = Annotated[str, typer.Argument(metavar="NAME", help="the profile")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="list, choose and forget what `login` kept")
    group.command(
        "list",
        short_help="list them; keys are not shown",
        help="List the profiles; keys are not shown.",
        epilog="Where no terminal is: name, URL, whether it has a key, whether it is the default; tabs between.",
    )(_list)
    group.command("use", help="take this one where none is named")(_use)
    group.command("forget", help="forget one, and its key")(_forget)
    group.command("path", help="print where they are kept")(_path)
    app.add_typer(group, name="profile")


def _list(as_json: AsJson = False) -> None:
    kept = read_profiles()
    shown = [
        {"name": name, "url": each.url, "key": each.key is not None, "default": name == kept.default}
        for name, each in kept.by_name.items()
    ]
    if as_json:
        show_json(shown)
    else:
        show_table(
            ("NAME", "URL", "KEY", "DEFAULT"),
            [list(each.values()) for each in shown],
            nothing="no profiles; `danqing login URL` makes one",
        )


def _use(name: _Name) -> None:
    kept = read_profiles()
    kept.named(name)
    write_profiles(Profiles(by_name=kept.by_name, default=name))


def _forget(name: _Name) -> None:
    write_profiles(read_profiles().without(name))


def _path() -> None:
    sys.stdout.write(f"{profiles_path()}\n")
