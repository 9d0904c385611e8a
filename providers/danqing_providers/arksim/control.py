"""The control routes under `/sandbox`: what is simulated, the ledger, the faults. Ark has none of them."""

from __future__ import annotations

import orjson
from aiohttp import web

from danqing_providers.arksim.faults import KINDS, BadRule, Fault
from danqing_providers.arksim.magic import MAGIC_WORDS
from danqing_providers.arksim.simulator import SIMULATOR
from danqing_providers.arksim.validation import MAX_IMAGES

__all__ = ["control_routes"]


def control_routes() -> list[web.RouteDef]:
    """Return the routes."""
    return [
        web.get("/sandbox", _describe),
        web.get("/sandbox/ledger", _read_ledger),
        web.delete("/sandbox/ledger", _clear_ledger),
        web.get("/sandbox/faults", _list_faults),
        web.post("/sandbox/faults", _add_fault),
        web.delete("/sandbox/faults", _remove_faults),
        web.delete("/sandbox/faults/{id:[0-9]{1,9}}", _remove_faults),
    ]


async def _describe(request: web.Request) -> web.Response:
    config = request.app[SIMULATOR].config
    words = {
        f"[sandbox:{name}{'=<seconds>' if word.takes_seconds else ''}]": word.meaning
        for name, word in MAGIC_WORDS.items()
    }
    return _json(
        {
            "simulates": "Volcengine Ark, image generation (api/v3)",
            "magic_words": words,
            "faults": dict(KINDS),
            "latency_s": config.latency_s,
            "images_per_minute": config.images_per_minute,
            "url_ttl_s": config.link_lifetime_s,
            "max_images": MAX_IMAGES,
        }
    )


async def _read_ledger(request: web.Request) -> web.Response:
    after = request.query.get("after", "0")
    if not (after.isascii() and after.isdigit()):
        return _bad("after must be the number of entries to leave out")
    entries, total = await request.app[SIMULATOR].ledger.entries(int(after))
    return _json({"entries": entries, "total": total})


async def _clear_ledger(request: web.Request) -> web.Response:
    await request.app[SIMULATOR].ledger.clear()
    return _json({"entries": [], "total": 0})


async def _list_faults(request: web.Request) -> web.Response:
    return _json({"faults": request.app[SIMULATOR].faults.as_json()})


async def _add_fault(request: web.Request) -> web.Response:
    try:
        fault = Fault.read(orjson.loads(await request.read()))
    except (orjson.JSONDecodeError, BadRule) as error:
        return _bad(str(error))
    return _json({"id": request.app[SIMULATOR].faults.add(fault)}, status=201)


async def _remove_faults(request: web.Request) -> web.Response:
    raw = request.match_info.get("id")
    removed = request.app[SIMULATOR].faults.remove(None if raw is None else int(raw))
    if raw is not None and not removed:
        return _bad(f"there is no fault {raw}", status=404)
    return _json({"faults": request.app[SIMULATOR].faults.as_json()})


def _bad(message: str, status: int = 400) -> web.Response:
    return _json({"error": {"code": "BadControlRequest", "message": message}}, status=status)


def _json(document: dict[str, object], status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(document), content_type="application/json")
