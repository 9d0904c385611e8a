"""OpenAI as a dialect: its paths, its headers and its form of an error.

Sources: openai 3.57.0 and requests of it seen on the wire; OpenAI's reference; recorded answers of 2026-05 to
2026-10; read 2026-11-28.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from aiohttp import web

from danqing_providers.sandbox.dialect import Dialect
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.keys import RECEIVED_S
from danqing_providers.sandbox.links import PREFIX
from danqing_providers.sandbox.openai.bodies import read_incoming
from danqing_providers.sandbox.openai.catalogue import MODELS
from danqing_providers.sandbox.openai.compatible import compatible_routes
from danqing_providers.sandbox.openai.complaints import complaint
from danqing_providers.sandbox.openai.errors import OpenAIError, worded
from danqing_providers.sandbox.openai.keys import REQUEST_ID
from danqing_providers.sandbox.openai.orders import Order
from danqing_providers.sandbox.openai.profiles import PROFILES, Profile
from danqing_providers.sandbox.openai.streaming import stream_answer
from danqing_providers.sandbox.openai.studio import Studio
from danqing_providers.sandbox.troubles import Refusal, Trouble, TroubleKind

__all__ = ["OpenAI", "create"]

_API: Final = "/v1"
_MADE: Final = 1_735_689_600
"""When the models are said to have been made: any time will do."""


def create(house: House) -> Dialect:
    """Return the dialect."""
    return OpenAI(house)


class OpenAI(Dialect):
    """OpenAI's Images API, and below a name of its own each service that is like it."""

    name = "openai"

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._studio = Studio(house, self.name)

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the API's paths."""
        return [
            web.post(f"{_API}/images/generations", self._generate),
            web.post(f"{_API}/images/edits", self._edit),
            web.get(f"{_API}/models", self._list_models),
            web.get(f"{_API}/models/{{id}}", self._show_model),
            *compatible_routes(self.house, self.name),
        ]

    def receive(self, request: web.Request) -> None:
        """Give *request* an id."""
        request[REQUEST_ID] = f"req_{secrets.token_hex(16)}"

    def headers(self, request: web.Request) -> Mapping[str, str]:
        """Return the id, and what is left of the minute; durations as OpenAI writes them."""
        if (profile := _profile_of(request)) is not None:
            return {profile.request_header: request[REQUEST_ID]}
        most = self.house.config.images_per_minute
        left_s = 60 - int(self.house.clock()) % 60
        took_ms = round((time.monotonic() - request[RECEIVED_S]) * 1000)
        return {
            "x-request-id": request[REQUEST_ID],
            "openai-version": "2020-10-01",
            "openai-processing-ms": str(took_ms),
            "x-ratelimit-limit-requests": str(most),
            "x-ratelimit-remaining-requests": str(max(0, most - 1)),
            "x-ratelimit-reset-requests": "1m0s" if left_s == 60 else f"{left_s}s",
        }

    def refuse(self, request: web.Request, refusal: Refusal) -> web.Response:
        """Return the error object, or what stands for it at the service whose path it is."""
        trouble = refusal if isinstance(refusal, Trouble) else None
        error = worded(trouble) if trouble is not None else refusal
        if not isinstance(error, OpenAIError):
            error = worded(Trouble(TroubleKind.INTERNAL))
        profile = _profile_of(request)
        form = "object" if profile is None else profile.errors
        status, body = complaint(form, error, trouble)
        return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")

    def describe(self) -> Mapping[str, Any]:
        """Return the models that live."""
        now_s = self.house.clock()
        return {"models": [model.id for model in MODELS.values() if model.lives(now_s)]}

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        return await self._carry_out(request, edits=False)

    async def _edit(self, request: web.Request) -> web.StreamResponse:
        return await self._carry_out(request, edits=True)

    async def _carry_out(self, request: web.Request, *, edits: bool) -> web.StreamResponse:
        """Answer as OpenAI does. A client that leaves does not stop the work: it is billed all the same."""
        fingerprint = self._check_key(request)
        incoming = await read_incoming(request, edits=edits)
        order = await self._studio.settle(request, incoming, fingerprint, edits=edits)
        urls = [picture for picture in incoming.images if isinstance(picture, str)]
        await self.house.admit(request, order.target, reference_url=urls[0] if urls else "")
        self._studio.admit(order)
        if order.wish.stream:
            return await stream_answer(request, self._studio, order)
        return await self._answer(request, order)

    def _check_key(self, request: web.Request) -> str:
        """Return the fingerprint of the bearer. Raises: Trouble."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return self.house.check_key(key.strip() if scheme.lower() == "bearer" else "")

    async def _answer(self, request: web.Request, order: Order) -> web.StreamResponse:
        works = await self._studio.make(order)
        body = orjson.dumps(await self._studio.answer(order, works))
        await self._studio.bill(order, works)
        return await self.house.answer(request, order.target, body, delivers=[order.request_id])

    async def _list_models(self, request: web.Request) -> web.Response:
        self._check_key(request)
        now_s = self.house.clock()
        listed = [_entry(model.id) for model in MODELS.values() if model.lives(now_s)]
        return web.json_response({"object": "list", "data": listed})

    async def _show_model(self, request: web.Request) -> web.Response:
        self._check_key(request)
        model = MODELS.get(request.match_info["id"])
        if model is None or not model.lives(self.house.clock()):
            message = f"The model '{request.match_info['id']}' does not exist"
            raise OpenAIError(404, message, code="model_not_found", param="model")
        return web.json_response(_entry(model.id))


def _profile_of(request: web.Request) -> Profile | None:
    """Return the profile whose path *request* has; None for OpenAI itself."""
    return PROFILES.get(request.path.removeprefix(request[PREFIX]).split("/")[1])


def _entry(id_: str) -> dict[str, Any]:
    return {"id": id_, "object": "model", "created": _MADE, "owned_by": "system"}
