"""What the simulator is started with, and the command line it is read from."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from danqing_providers.arksim.catalogue import MODELS

__all__ = ["Config", "read_config"]

PICTURES_PER_MINUTE = 500
LINK_LIFETIME_S = 86400


@attrs.frozen(kw_only=True)
class Config:
    """One simulator's configuration.

    `port` 0 picks a free one. `data_dir` None keeps everything in a temporary folder that goes with the process.
    No `api_keys` accepts any bearer. `images_per_minute` 0 is no limit. `endpoints` maps `ep-…` to a model id.
    """

    port: int = 0
    host: str = "127.0.0.1"
    data_dir: Path | None = None
    latency_s: float = 0.5
    api_keys: frozenset[str] = attrs.field(default=frozenset(), repr=False)
    images_per_minute: int = PICTURES_PER_MINUTE
    link_lifetime_s: int = LINK_LIFETIME_S
    enable_3_0: bool = False
    endpoints: Mapping[str, str] = attrs.field(factory=dict)
    control: bool = True


def read_config(arguments: Sequence[str]) -> Config:
    """Read the command line; a wrong one ends the process with status 2 and says why."""
    values = _parser().parse_args(arguments)
    return Config(
        port=values.port,
        host=values.host,
        data_dir=values.data_dir,
        latency_s=values.latency_s,
        api_keys=frozenset(values.api_key),
        images_per_minute=values.ipm,
        link_lifetime_s=values.url_ttl_s,
        enable_3_0=values.enable_3_0,
        endpoints=dict(values.endpoint),
        control=not values.no_control,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="arksim", description=__doc__)
    add = parser.add_argument
    add("--port", type=_at_least(int, 0), required=True, help="0 picks a free one")
    add("--host", default="127.0.0.1", help="the address to listen on")
    add("--data-dir", type=Path, help="where ledger, links and recipes are kept (default: a temporary folder)")
    add("--latency-s", type=_at_least(float, 0), default=0.5, help="seconds one picture takes")
    add("--api-key", action="append", default=[], metavar="KEY", help="a key to accept, repeatable (default: any)")
    add(
        "--ipm",
        type=_at_least(int, 0),
        default=PICTURES_PER_MINUTE,
        help="pictures per minute and model; 0: no limit",
    )
    add("--url-ttl-s", type=_at_least(int, 0), default=LINK_LIFETIME_S, help="seconds a picture's link lives")
    add("--enable-3-0", action="store_true", help="keep the shut-down 3.0 models alive")
    add("--endpoint", type=_endpoint, action="append", default=[], metavar="ep-x=MODEL", help="repeatable")
    add("--no-control", action="store_true", help="no /sandbox routes and no magic words")
    return parser


def _at_least(number: type[int] | type[float], lowest: int) -> Callable[[str], float]:
    def read(raw: str) -> float:
        value = number(raw)
        if not lowest <= value < float("inf"):
            raise argparse.ArgumentTypeError(f"{raw} is not {lowest} or more")
        return value

    read.__name__ = "integer" if number is int else "number"
    return read


def _endpoint(raw: str) -> tuple[str, str]:
    name, _, model = raw.partition("=")
    if not name.startswith("ep-") or model not in MODELS:
        raise argparse.ArgumentTypeError(f"{raw} is not ep-…=MODEL with one of {', '.join(MODELS)}")
    return name, model
