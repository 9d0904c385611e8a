"""What the commands share that ask a running server: which one, in what language, and what its refusals mean."""

from __future__ import annotations

import contextlib
import inspect
import os
import shlex
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Literal, ParamSpec, TypeAlias
from urllib.parse import urlsplit

import attrs
import typer

from danqing_server.cli.arguments import AsJson
from danqing_server.cli.exits import Ended, Exit
from danqing_server.cli.profiles import read_profiles

if TYPE_CHECKING:
    from danqing_client import ApiError, Client

__all__ = ["Asking", "asks", "checked_url", "refusal_of", "refusals", "unreachable"]

HERE = "http://127.0.0.1:{}"
USUAL_PORT = "8080"
LOOKS_FOR_S = 0.5
RETRIES = 3

_Told = ParamSpec("_Told")
_Language: TypeAlias = Literal["en", "zh"]


@attrs.frozen(kw_only=True)
class Asking:
    """A question to a server. `named`: somebody said which; otherwise it is this machine's, if one runs.

    `said` is the option by which it was named, as it has to stand in the next command.
    """

    url: str
    key: str | None = attrs.field(repr=False)
    named: bool
    language: str
    as_json: bool
    embedded: bool
    said: tuple[str, ...] = ()

    def command_for(self, client: Client, *words: str) -> str:
        """Return the command, to be shown, that does *words* at the same server as *client* asks."""
        started = client.settings.url != self.url
        return shlex.join(["danqing", *words, *(["--embedded"] if started else self.said)])

    @contextlib.contextmanager
    def client(self, *, may_start: bool = False) -> Iterator[Client]:
        """Yield a client of the server, and turn what it raises into the end of the command.

        With `--embedded` a server is started and stopped again; also with *may_start*, when no server was named and
        none answers. Raises Ended.
        """
        from danqing_client import Client

        with contextlib.ExitStack() as stack:
            url, key = self.url, self.key
            if self.embedded or not (self.named or _answers(url)):
                if not (self.embedded or may_start):
                    raise unreachable(url)
                from danqing_server.cli.embedded import serving

                url, key = stack.enter_context(serving(key))
            stack.enter_context(refusals(url))
            yield stack.enter_context(Client(url, key or "", retries=RETRIES, language=self.language))


def asks(run: Callable[Concatenate[Asking, _Told], int | None]) -> Callable[..., int | None]:
    """Give a command the arguments that say which server is asked; *run* is handed them as `Asking`."""
    own = [*inspect.signature(run, eval_str=True).parameters.values()][1:]
    shared = [*inspect.signature(_where, eval_str=True).parameters.values()]

    def command(*args: _Told.args, **told: _Told.kwargs) -> int | None:
        where: dict[str, Any] = {each.name: told.pop(each.name) for each in shared}
        return run(_where(**where), *args, **told)

    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *shared)]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    vars(command)["__signature__"] = inspect.Signature(parameters)  # what typer reads
    return command


def _where(
    as_json: AsJson = False,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="which server, of `danqing login` (DANQING_PROFILE)")
    ] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="which server (DANQING_URL)")] = None,
    lang: Annotated[
        _Language | None, typer.Option(show_choices=True, help="language of the server's messages (LANG)")
    ] = None,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="start a server for this command, as `danqing serve` would be")
    ] = False,
) -> Asking:
    found, key, named = _server(profile, url)
    said = [("--profile", profile), ("--url", url)]
    return Asking(
        said=tuple(word for name, value in said if value is not None for word in (name, value)),
        url=checked_url(found, "--url" if url is not None else "DANQING_URL"),
        key=key,
        named=named,
        language=lang or _language(),
        as_json=as_json,
        embedded=embedded,
    )


def _server(profile: str | None, url: str | None) -> tuple[str, str | None, bool]:
    """Return URL, key, and whether somebody said which server is meant.

    A key goes to the server that it belongs to: a profile's to its URL, that of the environment to whichever URL is
    named beside it.
    """
    if profile is not None and url is not None:
        raise Ended(Exit.REFUSED, "--profile and --url both say which server: one of them is enough")
    of_environment = os.environ.get("DANQING_KEY") or None
    if url is not None:
        return url, of_environment or _key_for(url), True
    chosen = profile or os.environ.get("DANQING_PROFILE")
    if chosen:
        kept = read_profiles().named(chosen)
        return kept.url, kept.key, True
    address = os.environ.get("DANQING_URL")
    if address:
        return address, of_environment or _key_for(address), True
    profiles = read_profiles()
    if profiles.default is None:
        return _here(), of_environment, False
    kept = profiles.named(profiles.default)
    return kept.url, of_environment or kept.key, True


def _here() -> str:
    """Return where `danqing serve` listens that is started in this folder."""
    from dotenv import dotenv_values

    port = os.environ.get("PORT") or dotenv_values(".env").get("PORT") or ""
    return HERE.format(port if port.isdecimal() and port != "0" else USUAL_PORT)


def _key_for(url: str) -> str | None:
    """Return the key of the profile of this very URL."""
    kept = read_profiles().by_name.values()
    return next((each.key for each in kept if each.url.rstrip("/") == url.rstrip("/")), None)


def checked_url(url: str, said_as: str) -> str:
    """Return the URL of a server, which was said by the argument or variable *said_as*. Raises Ended."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right:
        raise Ended(Exit.REFUSED, f"{said_as}: {url!r} is not allowed; allowed: http://HOST:PORT or https://HOST")
    return url.rstrip("/")


def _language() -> str:
    told = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "zh" if told.lower().startswith("zh") else "en"


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=LOOKS_FOR_S):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def refusals(url: str) -> Iterator[None]:
    """Turn what the client library raises into the end of the command. Raises Ended."""
    import danqing_client as client

    try:
        yield
    except client.ApiError as error:
        raise refusal_of(error) from error
    except client.ConnectionFailed as error:
        raise unreachable(url) from error
    except client.UnusableProxy as error:
        raise Ended(Exit.REFUSED, str(error)) from error
    except LookupError as error:
        raise Ended(Exit.REFUSED, str(error)) from error


def unreachable(url: str) -> Ended:
    """Return the end of a command whose server does not answer."""
    return Ended(
        Exit.UNREACHABLE,
        f"no server answers at {url}",
        "start one with `danqing serve`, or say which with `danqing login`, DANQING_URL or --url",
    )


def refusal_of(error: ApiError, *further: str) -> Ended:
    """Return the end of a command whose server said no; *further* are lines behind what it said."""
    return Ended(_code_of(error), *_lines_of(error), *further)


def _code_of(error: Exception) -> Exit:
    import danqing_client as client

    kinds = {
        client.NotFound: Exit.NOT_FOUND,
        client.NotAuthorized: Exit.NOT_ALLOWED,
        client.Conflict: Exit.CONFLICT,
        client.LimitReached: Exit.LIMIT,
        client.ServerUnavailable: Exit.UNREACHABLE,
    }
    return next((code for kind, code in kinds.items() if isinstance(error, kind)), Exit.REFUSED)


def _lines_of(error: Any) -> list[str]:
    fields = [f"{each.get('field')}: {each.get('message')}" for each in error.details]
    hint = ["`danqing login` keeps a key; DANQING_KEY is one for now"] if error.status == 401 else []
    request = f", request {error.request_id}" if error.request_id and error.status >= 500 else ""
    further = [each for each in fields if each not in error.message]
    return [f"{error.message} ({error.code}{request})", *further, *hint]
