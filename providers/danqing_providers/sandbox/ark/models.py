"""`GET /api/v3/models`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from danqing_providers.sandbox.ark.catalogue import MODELS
from danqing_providers.sandbox.ark.studio import Studio
from danqing_providers.sandbox.ark.video.models import VIDEO_MODELS, VideoCatalogue, VideoModel

__all__ = ["describe", "list_models"]


async def list_models(studio: Studio, videos: VideoCatalogue, request: web.Request) -> web.Response:
    """Answer the list of models. Raises: Trouble for the key."""
    studio.check_key(request)
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
    data += [_film_model(model, served=videos.serves(model)) for model in VIDEO_MODELS]
    body = orjson.dumps({"object": "list", "data": data})
    return web.Response(body=body, content_type="application/json")


def _film_model(model: VideoModel, *, served: bool) -> dict[str, Any]:
    takes = ["text", *(["image"] if model.roles else []), *(["video", "audio"] if model.films else [])]
    kinds = [kind for kind, meant in (("TextToVideo", model.text_only), ("ImageToVideo", model.roles)) if meant]
    return {
        "id": model.id,
        "object": "model",
        "name": model.id.rpartition("-")[0],
        "version": model.id.rpartition("-")[2],
        "created": model.created,
        "domain": "VideoGeneration",
        "status": "" if served else "Shutdown",
        "task_type": kinds,
        "modalities": {"input_modalities": takes, "output_modalities": ["video"]},
    }


def describe(studio: Studio) -> Mapping[str, Any]:
    """Return what `GET /sandbox` says of the models."""
    config = studio.house.config
    return {
        "models": [
            {"id": model.id, "aliases": model.aliases, "served": studio.catalogue.serves(model)} for model in MODELS
        ],
        "endpoints": dict(config.endpoints),
        "images_per_minute": config.images_per_minute,
        "url_ttl_s": config.url_ttl_s,
    }
