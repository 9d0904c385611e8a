"""Gemini's `generateContent` for pictures.

Sources, read 2026-11-28: ai.google.dev/gemini-api/docs/image-generation, /troubleshooting, google-genai 3.6.1.
Words that no source gives are marked "our words".
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
import orjson
from aiohttp import web

from danqing_providers.sandbox.dialect import Dialect
from danqing_providers.sandbox.faults import Target
from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.ledger import Purchase
from danqing_providers.sandbox.references import Reference, look_at
from danqing_providers.sandbox.troubles import Refusal, Trouble, TroubleKind

__all__ = ["Gemini", "create"]

_RATIOS: Final[Mapping[str, tuple[int, int]]] = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
}
_WIDE: Final[Mapping[str, tuple[int, int]]] = {
    "1:4": (512, 2048),
    "4:1": (2048, 512),
    "1:8": (384, 3072),
    "8:1": (3072, 384),
}
_SCALES: Final = {"512": 0.5, "1K": 1.0, "2K": 2.0, "4K": 4.0}
_LARGEST_BYTES: Final = 20 * 1024 * 1024


@attrs.frozen(kw_only=True)
class _Model:
    """`sizes` empty: `imageSize` is refused. `tokens` is what a picture counts, `thoughts` what comes before it.

    Prices are of a million tokens in USD: of pictures, of words and thoughts, and of what is read.
    """

    sizes: tuple[str, ...]
    wide: bool
    references: int
    tokens: int
    picture_usd: float
    words_usd: float
    read_usd: float
    thoughts: int = 0

    def cost_micro(self, read: int, drawn: int) -> int:
        """Return what a picture of *drawn* tokens costs."""
        return round(read * self.read_usd + drawn * self.picture_usd + self.thoughts * self.words_usd)


_MODELS: Final[Mapping[str, _Model]] = {
    "gemini-2.5-flash-image": _Model(
        sizes=(), wide=False, references=3, tokens=1290, picture_usd=30, words_usd=2.5, read_usd=0.3
    ),
    "gemini-3.1-flash-lite-image": _Model(
        sizes=("1K",), wide=True, references=3, tokens=1120, picture_usd=30, words_usd=1.5, read_usd=0.25
    ),
    "gemini-3.1-flash-image": _Model(
        sizes=("512", "1K", "2K", "4K"),
        wide=True,
        references=14,
        tokens=1120,
        picture_usd=60,
        words_usd=3,
        read_usd=0.5,
    ),
    "gemini-3-pro-image": _Model(
        sizes=("1K", "2K", "4K"), wide=False, references=14, tokens=1120, picture_usd=120, words_usd=12, read_usd=2
    ),
    "gemini-nano-banana-2.1": _Model(
        sizes=("1K", "2K", "4K"),
        wide=True,
        references=14,
        tokens=1120,
        picture_usd=30,
        words_usd=7.5,
        read_usd=1.5,
        thoughts=800,
    ),
}
_STATUSES: Final[Mapping[TroubleKind, tuple[int, str, str]]] = {
    TroubleKind.KEY_MISSING: (403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers."),
    TroubleKind.KEY_UNKNOWN: (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    TroubleKind.INVALID: (400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    TroubleKind.ROUTE_NOT_FOUND: (404, "NOT_FOUND", "Requested entity was not found."),
    TroubleKind.METHOD_NOT_ALLOWED: (404, "NOT_FOUND", "Requested entity was not found."),
    TroubleKind.BODY_TOO_LARGE: (400, "INVALID_ARGUMENT", "Request payload size exceeds the limit."),
    TroubleKind.RATE_LIMITED: (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    TroubleKind.QUOTA: (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    TroubleKind.OVERLOADED: (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    TroubleKind.UNAVAILABLE: (503, "UNAVAILABLE", "The service is currently unavailable."),
    TroubleKind.OVERDUE: (400, "FAILED_PRECONDITION", "Please enable billing on your project."),
    TroubleKind.MODEL_CLOSED: (403, "PERMISSION_DENIED", "The caller does not have permission."),
    TroubleKind.REFERENCE_TIMEOUT: (400, "INVALID_ARGUMENT", "Unable to process input image."),
    TroubleKind.REFERENCE_AWAY: (400, "INVALID_ARGUMENT", "Unable to process input image."),
    TroubleKind.INTERNAL: (500, "INTERNAL", "An internal error has occurred."),
}
_TYPE: Final = "type.googleapis.com/google.rpc."


def create(house: House) -> Dialect:
    """Return the dialect."""
    return Gemini(house)


class Gemini(Dialect):
    """Versions v1 and v1beta of the Gemini API."""

    name = "gemini"

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the API's paths; google-genai 3.6.1 asks v1."""
        path, versions = "models/{model}:generateContent", ("v1beta", "v1")
        made = [web.post(f"/{version}/{path}", self._generate) for version in versions]
        return [*made, *(web.get(f"/{version}/models", self._list_models) for version in versions)]

    def describe(self) -> Mapping[str, Any]:
        """Return the models."""
        return {"models": [{"id": id_} for id_ in _MODELS]}

    def refuse(self, request: web.Request, refusal: Refusal) -> web.Response:
        """Return the error; a refusal of what was asked for or made is an answer with status 200."""
        trouble = refusal if isinstance(refusal, Trouble) else Trouble(TroubleKind.INTERNAL)
        if trouble.kind is TroubleKind.MODERATION:
            return _json({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **_tail()})
        if trouble.kind is TroubleKind.MODERATION_OUTPUT:
            return _json({"candidates": [{"finishReason": "IMAGE_SAFETY", "index": 0}], **_tail()})
        usual, word, message = _STATUSES[trouble.kind]
        status = trouble.status if trouble.has_own_status else usual
        error: dict[str, Any] = {
            "code": status,
            "message": trouble.message or message,
            "status": trouble.code or word,
        }
        if details := _details(trouble):
            error["details"] = details
        return _json({"error": error}, status)

    def _check_key(self, request: web.Request) -> str:
        """Return the key's fingerprint. Raises: Trouble."""
        return self.house.check_key(request.headers.get("x-goog-api-key") or request.query.get("key", ""))

    async def _list_models(self, request: web.Request) -> web.StreamResponse:
        """Answer the list of models; of each its name alone."""
        self._check_key(request)
        return _json({"models": [{"name": f"models/{id_}"} for id_ in _MODELS]})

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        key = self._check_key(request)
        id_ = request.match_info["model"]
        model = _MODELS.get(id_)
        if model is None:
            raise Trouble(TroubleKind.ROUTE_NOT_FOUND, f"models/{id_} is not found for API version v1beta.")
        body = _read(await request.read())
        prompt, pictures = _parts(body)
        size, width, height = _shape(model, body)
        references = [await self._look_at(picture) for picture in pictures]
        if len(references) > model.references:
            raise Trouble(TroubleKind.INVALID, "Too many images in the request.")  # our words
        target = Target(prompt=prompt, models=(id_,), dialect=self.name)
        await self.house.admit(request, target)
        self.house.rate.take(f"gemini/{id_}", 1, self.house.config.images_per_minute)
        await self.house.take_time()
        if trouble := self.house.output_trouble(target, 0):
            raise trouble
        name = uuid.uuid4().hex
        work = Work(
            name=name,
            dialect=self.name,
            model=id_,
            prompt=prompt,
            seed=int(name[:8], 16) if self.house.config.vary else None,
            form="png",
            made_s=self.house.clock(),
            width=width,
            height=height,
            tokens=tuple(reference.token for reference in references),
        )
        tokens = 2000 if size == "4K" else model.tokens
        response_id, read = uuid.uuid4().hex[:22], len(prompt) // 4 + 1
        bought = Purchase(
            time_s=work.made_s,
            dialect=self.name,
            model=id_,
            prompt=prompt,
            request_id=response_id,
            api_key=key,
            size=f"{width}x{height}",
            cost_micro=model.cost_micro(read, tokens),
            currency="USD",
        )
        await self.house.bill([bought], [work])
        picture = base64.b64encode(await self.house.gallery.bytes_of(work)).decode()
        answer = orjson.dumps(_answer(id_, picture, _usage(read, tokens, model.thoughts), response_id))
        return await self.house.answer(request, target, answer, delivers=[response_id])

    async def _look_at(self, picture: bytes) -> Reference:
        try:
            seen, _, _ = await self.house.in_thread(look_at, picture)
        except ValueError as error:
            raise Trouble(TroubleKind.INVALID, "Unable to process input image.") from error
        await self.house.keep_reference(seen)
        return seen


def _read(raw: bytes) -> Mapping[str, Any]:
    if len(raw) > _LARGEST_BYTES:
        raise Trouble(TroubleKind.BODY_TOO_LARGE)
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Trouble(TroubleKind.INVALID, "Invalid JSON payload received.") from error
    if not isinstance(body, dict):
        raise Trouble(TroubleKind.INVALID, "Invalid JSON payload received.")
    return body


def _of(value: Mapping[str, Any], camel: str, snake: str) -> Any:
    """Return a field of the input, which may be written either way."""
    return value.get(camel, value.get(snake))


def _parts(body: Mapping[str, Any]) -> tuple[str, list[bytes]]:
    contents = body.get("contents")
    if not isinstance(contents, list) or not contents:
        raise Trouble(TroubleKind.INVALID, "contents is not specified")
    texts: list[str] = []
    pictures: list[bytes] = []
    for part in (part for content in contents for part in content.get("parts", ())):
        if isinstance(part.get("text"), str):
            texts.append(part["text"])
        data = _of(part, "inlineData", "inline_data")
        if isinstance(data, Mapping):
            try:
                pictures.append(base64.b64decode(data.get("data", ""), altchars=b"-_", validate=True))
            except (binascii.Error, TypeError) as error:
                raise Trouble(TroubleKind.INVALID, "Base64 decoding failed.") from error
    return " ".join(texts), pictures


def _shape(model: _Model, body: Mapping[str, Any]) -> tuple[str, int, int]:
    config = _of(body, "generationConfig", "generation_config") or {}
    if (config.get("candidateCount") or 1) != 1:
        raise Trouble(TroubleKind.INVALID, "Multiple candidates is not enabled for this model")
    image = _of(config, "imageConfig", "image_config") or {}
    ratio, size = _of(image, "aspectRatio", "aspect_ratio") or "1:1", _of(image, "imageSize", "image_size")
    known = {**_RATIOS, **(_WIDE if model.wide else {})}
    if ratio not in known or (size is not None and size not in model.sizes):
        raise Trouble(TroubleKind.INVALID)
    scale = _SCALES[size or "1K"]
    return size or "1K", int(known[ratio][0] * scale), int(known[ratio][1] * scale)


def _details(trouble: Trouble) -> list[dict[str, Any]]:
    if trouble.kind is TroubleKind.KEY_UNKNOWN:
        return [{"@type": f"{_TYPE}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]
    if trouble.kind not in (TroubleKind.RATE_LIMITED, TroubleKind.QUOTA):
        return []
    span = "Day" if trouble.kind is TroubleKind.QUOTA else "Minute"
    quota = f"GenerateRequestsPer{span}PerProjectPerModel"
    delay_s = 37 if trouble.retry_after_s is None else trouble.retry_after_s
    return [
        {"@type": f"{_TYPE}QuotaFailure", "violations": [{"quotaMetric": "requests", "quotaId": quota}]},
        {"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{delay_s}s"},
    ]


def _tail() -> dict[str, Any]:
    return {"usageMetadata": _usage(0, 0), "responseId": uuid.uuid4().hex[:22]}


def _usage(read: int, tokens: int, thoughts: int = 0) -> dict[str, Any]:
    usage: dict[str, Any] = {"promptTokenCount": read, "totalTokenCount": read + tokens + thoughts}
    if thoughts:
        usage["thoughtsTokenCount"] = thoughts
    if tokens:
        usage |= {
            "candidatesTokenCount": tokens,
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": tokens}],
        }
    return usage


def _answer(model: str, picture: str, usage: Mapping[str, Any], response_id: str) -> dict[str, Any]:
    """Return words, and the picture; newer models show a draft among their thoughts first."""
    part = {"inlineData": {"mimeType": "image/png", "data": picture}}
    draft = [] if model.startswith("gemini-2.5") else [{"thought": True, "text": "A draft."}]
    content = {"role": "model", "parts": [*draft, {"text": "Here is the picture."}, part]}
    candidate = {"content": content, "finishReason": "STOP", "index": 0}
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": model,
        "responseId": response_id,
    }


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
