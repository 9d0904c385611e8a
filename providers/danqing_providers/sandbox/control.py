"""The sandbox's own routes: what it is, its ledger, its faults. No key is asked for."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import orjson
from aiohttp import web

from danqing_providers.sandbox.fault_rules import parse_fault
from danqing_providers.sandbox.jobs import JobState
from danqing_providers.sandbox.keys import HOUSE
from danqing_providers.sandbox.magic import MAGIC_WORDS
from danqing_providers.sandbox.mounts import DIALECTS, ROOT_DIALECT

__all__ = ["describe", "ping", "routes"]


def routes() -> list[web.RouteDef]:
    """Return the control API; `--no-control` leaves it out."""
    return [
        web.get("/sandbox/ledger", _read_ledger),
        web.delete("/sandbox/ledger", _clear_ledger),
        web.get("/sandbox/faults", _list_faults),
        web.post("/sandbox/faults", _add_faults),
        web.delete("/sandbox/faults", _clear_faults),
        web.get("/sandbox/jobs", _list_jobs),
        web.post("/sandbox/jobs/{dialect}/{id}", _move_job),
    ]


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


async def ping(_request: web.Request) -> web.Response:
    """Answer `pong`: the sandbox is up."""
    return web.Response(text="pong")


async def describe(request: web.Request) -> web.Response:
    """Answer what this sandbox is and what it can be asked; what it says of Ark is at the root, as ever."""
    house, dialects = request.app[HOUSE], request.app[DIALECTS]
    root = dialects.load(ROOT_DIALECT)
    body = {
        "sandbox": True,
        "version": _version(),
        "dialects": {name: f"/{name}" for name in dialects.names},
        **root.describe(),
        "control": house.config.control,
        "counters": {name: house.counters[name] for name in ("requests", "outputs", "downloads")},
        "magic_words": {f"[sandbox:{name}]": word.meaning for name, word in MAGIC_WORDS.items()},
    }
    return _json(body)


def _version() -> str:
    try:
        return version("danqing")
    except PackageNotFoundError:
        return "unknown"


async def _read_ledger(request: web.Request) -> web.Response:
    after = request.query.get("after", "0")
    if not after.isascii() or not after.isdigit():
        return _json({"error": f"after: {after!r} is not a number from 0"}, 400)
    house = request.app[HOUSE]
    await house.jobs.settle()
    return _json(await house.ledger.read(int(after)))


async def _clear_ledger(request: web.Request) -> web.Response:
    await request.app[HOUSE].ledger.clear()
    return _json({"cleared": True})


async def _list_faults(request: web.Request) -> web.Response:
    return _json(request.app[HOUSE].rules.describe())


async def _add_faults(request: web.Request) -> web.Response:
    try:
        rules = orjson.loads(await request.read())
        if not isinstance(rules, list):
            raise ValueError("the body must be a JSON list of rules")
        faults = [parse_fault(rule, f"[{number}]") for number, rule in enumerate(rules)]
    except ValueError as error:
        return _json({"error": str(error)}, 400)
    house = request.app[HOUSE]
    house.rules.add(faults)
    return _json(house.rules.describe(), 201)


async def _clear_faults(request: web.Request) -> web.Response:
    request.app[HOUSE].rules.clear()
    return _json([])


async def _list_jobs(request: web.Request) -> web.Response:
    return _json(request.app[HOUSE].jobs.describe())


async def _move_job(request: web.Request) -> web.Response:
    """Bring a job into the `state` of the body at once."""
    house = request.app[HOUSE]
    job = await house.jobs.find(request.match_info["dialect"], request.match_info["id"])
    if job is None:
        return _json({"error": "there is no such job"}, 404)
    try:
        state = JobState(orjson.loads(await request.read())["state"])
    except (ValueError, KeyError, TypeError):
        return _json({"error": f'the body must be {{"state": one of {", ".join(JobState)}}}'}, 400)
    await house.jobs.move(job, state)
    return _json({"state": state})
