"""`GET /models`. Source: the official command line's and Go SDK's model type, read 2026-11-23."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from danqing_providers.arksim.catalogue import MODELS, Model
from danqing_providers.arksim.simulator import SIMULATOR

__all__ = ["list_models"]


async def list_models(request: web.Request) -> web.Response:
    """Answer with every model, shut-down ones too."""
    simulator = request.app[SIMULATOR]
    simulator.check_key(request.headers.get("Authorization", ""))
    models = [_as_json(model, simulator.config.enable_3_0) for model in MODELS.values()]
    return web.Response(body=orjson.dumps({"object": "list", "data": models}), content_type="application/json")


def _as_json(model: Model, revived: bool) -> dict[str, Any]:
    takes_images = model.max_references > 0
    tasks = ["ImageToImage"] * takes_images + ["TextToImage"] * (model.min_references == 0)
    released = datetime.strptime(model.version, "%y%m%d").replace(tzinfo=UTC)
    return {
        "id": model.id,
        "object": "model",
        "name": model.family,
        "version": model.version,
        "created": int(released.timestamp()),
        "domain": "ImageGeneration",
        "status": "Shutdown" if model.shut_down and not revived else "",
        "modalities": {
            "input_modalities": ["text", "image"] if takes_images else ["text"],
            "output_modalities": ["image"],
        },
        "task_type": tasks,
    }
