"""`danqing generate`: what it is told. What it does is in `generating`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from danqing_server.cli.asking import Asking, asks

__all__ = ["register"]

_EPILOG = """\
\b
danqing generate "a hill in the mist, ink on paper" -o hill.jpg
danqing generate "the same hill at night" -r hill.jpg -o night.jpg -n 2
danqing generate "a hill" -s 2K -p watermark=false -p 'optimize_prompt_options={"mode": "fast"}' --json
Without a server it starts one for this command; what it makes is kept as `danqing serve` keeps it.
Run again with the same --idempotency-key it goes on with the same task, and pays for nothing twice."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "generate",
        short_help="make a picture, or whatever a model makes",
        help="Make a picture, or whatever the model makes, and save it. What was saved is printed, a path a line; "
        "without -o the URLs; with --no-wait the task's id.",
        epilog=_EPILOG,
    )(asks(_generate))


def _generate(
    asking: Asking,
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="what to make; `-` reads standard input")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="where to save it: a file, a folder, or `-` for standard output"
        ),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option("-r", "--reference", metavar="FILE", help="a picture to go by, or its URL; once for each"),
    ] = None,
    model: Annotated[
        str | None, typer.Option("-m", "--model", metavar="MODEL", help="an id, alias or route (the default one)")
    ] = None,
    provider: Annotated[
        str | None, typer.Option(metavar="PROVIDER", help="whose model it is (the default one)")
    ] = None,
    count: Annotated[int | None, typer.Option("-n", metavar="N", min=1, help="how many")] = None,
    size: Annotated[
        str | None, typer.Option("-s", "--size", metavar="SIZE", help="1024x1024, 2K, … as the model takes it")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p", "--parameter", metavar="NAME=VALUE", help="another parameter of the model; once for each"
        ),
    ] = None,
    type_: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="what kind of task (what the model makes, a picture first)"),
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="USER", help="whose task it is (DANQING_USER_ID, default)")
    ] = None,
    priority: Annotated[str | None, typer.Option(metavar="PRIORITY", help="high, normal or low (normal)")] = None,
    on_ambiguous: Annotated[
        str | None,
        typer.Option(metavar="WHAT", help="after a call that may have been paid for: retry or fail (the server's)"),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="under which this is bought once, however often it is run (a new one)"),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", show_default=False, help="until it is done (yes)")
    ] = True,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=1, help="how long to wait at most (for ever)")
    ] = None,
) -> int:
    from danqing_server.cli.generating import Wish, generate

    wish = Wish.read(
        prompt,
        type=type_,
        model=model,
        provider=provider,
        references=reference or (),
        told={"n": count, "size": size},
        parameters=parameter or (),
        options={"user_id": user, "priority": priority, "on_ambiguous": on_ambiguous},
        idempotency_key=idempotency_key,
    )
    return generate(asking, wish, output, wait=wait, timeout_s=timeout)
