"""The sandbox's own routes: what it is, its ledger, its faults. No key is asked for."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import orjson
from aiohttp import web

from danqing_providers.sandbox.ark.catalogue import MODELS
from danqing_providers.sandbox.faults import parse_fault
from danqing_providers.sandbox.keys import STUDIO
from danqing_providers.sandbox.magic import MAGIC_WORDS

__all__ = ["describe", "list_models", "ping", "routes"]


def routes() -> list[web.RouteDef]:
    """Return the control API; `--no-control` leaves it out."""
    return [
        web.get("/sandbox/ledger", _read_ledger),
        web.delete("/sandbox/ledger", _clear_ledger),
        web.get("/sandbox/faults", _list_faults),
        web.post("/sandbox/faults", _add_faults),
        web.delete("/sandbox/faults", _clear_faults),
    ]


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


async def ping(_request: web.Request) -> web.Response:
    """Answer `pong`: the sandbox is up."""
    return web.Response(text="pong")


async def describe(request: web.Request) -> web.Response:
    """Answer what this sandbox is and what it can be asked."""
    studio = request.app[STUDIO]
    models = [
        {"id": model.id, "aliases": model.aliases, "served": studio.catalogue.serves(model)} for model in MODELS
    ]
    body = {
        "sandbox": True,
        "version": _version(),
        "models": models,
        "endpoints": dict(studio.config.endpoints),
        "images_per_minute": studio.config.images_per_minute,
        "url_ttl_s": studio.config.url_ttl_s,
        "control": studio.config.control,
        "counters": {name: studio.counters[name] for name in ("requests", "images", "downloads")},
        "magic_words": {f"[sandbox:{name}]": word.meaning for name, word in MAGIC_WORDS.items()},
    }
    return _json(body)


def _version() -> str:
    try:
        return version("danqing")
    except PackageNotFoundError:
        return "unknown"


async def list_models(request: web.Request) -> web.Response:
    """Answer the list of models as `GET /api/v3/models` does. Raises: ArkError 401."""
    studio = request.app[STUDIO]
    studio.check_key(request.headers.get("Authorization", ""))
    data = [
        {
            "id": model.id,
            "object": "model",
            "name": model.id.rpartition("-")[0],
            "version": model.id.rpartition("-")[2],
            "created": model.created,
            "domain": "ImageGeneration",
            "status": "" if studio.catalogue.serves(model) else "Shutdown",
            "task_type": ["TextToImage"] if model.references[1] == 0 else ["TextToImage", "ImageToImage"],
            "modalities": {"input_modalities": ["text", "image"], "output_modalities": ["image"]},
        }
        for model in MODELS
    ]
    return _json({"object": "list", "data": data})


async def _read_ledger(request: web.Request) -> web.Response:
    after = request.query.get("after", "0")
    if not after.isascii() or not after.isdigit():
        return _json({"error": f"after: {after!r} is not a number from 0"}, 400)
    return _json(await request.app[STUDIO].ledger.read(int(after)))


async def _clear_ledger(request: web.Request) -> web.Response:
    await request.app[STUDIO].ledger.clear()
    return _json({"cleared": True})


async def _list_faults(request: web.Request) -> web.Response:
    return _json(request.app[STUDIO].rules.describe())


async def _add_faults(request: web.Request) -> web.Response:
    try:
        rules = orjson.loads(await request.read())
        if not isinstance(rules, list):
            raise ValueError("the body must be a JSON list of rules")
        faults = [parse_fault(rule, f"[{number}]") for number, rule in enumerate(rules)]
    except ValueError as error:
        return _json({"error": str(error)}, 400)
    studio = request.app[STUDIO]
    studio.rules.add(faults)
    return _json(studio.rules.describe(), 201)


async def _clear_faults(request: web.Request) -> web.Response:
    request.app[STUDIO].rules.clear()
    return _json([])
