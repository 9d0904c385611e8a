"""`danqing login`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from danqing_server.cli.asking import checked_url, refusals
from danqing_server.cli.exits import Ended, Exit
from danqing_server.cli.profiles import Profile, read_profiles, write_profiles

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "login",
        short_help="keep a server's URL and key",
        help="Keep a server's URL and key, in a file that this account alone can read. The key is asked for, or "
        "read from standard input; it never stands among the arguments, which others on this machine can list.",
    )(_login)


def _login(
    url: Annotated[str, typer.Argument(metavar="URL", help="such as https://danqing.example.com")],
    profile: Annotated[
        str, typer.Option(metavar="NAME", show_default=False, help="what to call it (default)")
    ] = "default",
    no_key: Annotated[bool, typer.Option("--no-key", help="the server wants none")] = False,
    default: Annotated[bool, typer.Option("--default", help="take it where no profile is named")] = False,
) -> None:
    address = checked_url(url, "URL")
    key = None if no_key else _key()
    before = read_profiles()
    after = before.with_one(profile, Profile(url=address, key=key), default=default)
    project = _looked_up(address, key)
    path = write_profiles(after)
    whose = "without a key" if key is None else f"as {project}"
    sys.stdout.write(f"{profile}: {address}, {whose}; kept in {path}\n")


def _key() -> str:
    if sys.stdin.isatty():
        from getpass import getpass

        key = getpass("API key: ")
    else:
        key = sys.stdin.readline()
    if not key.strip():
        raise Ended(Exit.REFUSED, "the key is empty; `--no-key` is for servers that want none")
    return key.strip()


def _looked_up(url: str, key: str | None) -> str:
    """Return whose key it is. Raises Ended: the server does not take it, or is not there."""
    from danqing_client import Client

    with refusals(url), Client(url, key or "", retries=1) as client:
        if key is not None:
            own = client.request("GET", "/api/v1/key")
            return str(own["project"] or own["label"])
        client.providers()
    return ""
