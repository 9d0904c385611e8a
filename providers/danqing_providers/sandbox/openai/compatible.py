"""The routes of services that are like OpenAI: what comes in by one profile, and what goes out."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
import orjson
from aiohttp import web

from danqing_providers.sandbox.faults import Target
from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.house import House
from danqing_providers.sandbox.ledger import Purchase
from danqing_providers.sandbox.openai.answering import answer_of
from danqing_providers.sandbox.openai.bodies import Incoming, read_form, read_json
from danqing_providers.sandbox.openai.errors import invalid_value, missing
from danqing_providers.sandbox.openai.keys import REQUEST_ID
from danqing_providers.sandbox.openai.limits import check_limits
from danqing_providers.sandbox.openai.profiles import PROFILES, Profile
from danqing_providers.sandbox.openai.repeats import Repeats
from danqing_providers.sandbox.references import Reference, look_at
from danqing_providers.sandbox.troubles import Trouble, TroubleKind

__all__ = ["Compatible", "compatible_routes"]

_SIZE: Final = re.compile(r"(\d{2,5})x(\d{2,5})")
_RATIO: Final = re.compile(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)")
_SIDE: Final = {"1k": 1024, "2k": 2048}
_FIELDS: Final = ("image", "image2", "image3", "image_url")
_FORMS: Final = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "webp": "webp"}


def compatible_routes(house: House, dialect: str) -> list[web.RouteDef]:
    """Return the routes of every profile, each below its name."""
    return [route for profile in PROFILES.values() for route in Compatible(house, dialect, profile).routes()]


@attrs.frozen(kw_only=True)
class _Wish:
    model: str
    prompt: str
    count: int
    width: int
    height: int
    inline: bool
    form: str
    seed: int | None


class Compatible:
    """One profile's routes in *house*."""

    def __init__(self, house: House, dialect: str, profile: Profile) -> None:
        self._house = house
        self._dialect = dialect
        self._profile = profile
        self._repeats = Repeats()

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the paths."""
        stem = f"/{self._profile.name}{self._profile.base}"
        yield web.post(stem + self._profile.generations, self._carry_out)
        if self._profile.edits is not None:
            yield web.post(stem + self._profile.edits, self._carry_out)

    async def _carry_out(self, request: web.Request) -> web.StreamResponse:
        key = self._check_key(request)
        incoming = await self._read(request)
        wish = self._wish(request, incoming.fields)
        extent = (wish.width, wish.height)
        check_limits(self._profile.name, wish.model, incoming.fields, extent, len(incoming.images))
        tokens = await self._look_at_all(incoming)
        target = Target(prompt=wish.prompt, models=(wish.model,), dialect=self._dialect)
        await self._house.admit(request, target)
        limit = self._house.config.images_per_minute
        self._house.rate.take(f"{self._profile.name}/{wish.model}", wish.count, most=limit)
        works, troubles = await self._make(wish, target, tokens)
        bought = [self._purchase(request, key, work) for work in works]
        body = await answer_of(self._house, request, self._profile, works, troubles, inline=wish.inline)
        await self._house.bill(bought, works)
        delivers = [request[REQUEST_ID]] if wish.inline else []
        return await self._house.answer(request, target, orjson.dumps(body), delivers=delivers)

    def _check_key(self, request: web.Request) -> str:
        raw = request.headers.get(self._profile.key_header, "")
        if self._profile.key_header == "Authorization":
            scheme, _, key = raw.partition(" ")
            raw = key if scheme.lower() == "bearer" else ""
        return self._house.check_key(raw.strip()) if raw or self._profile.needs_key else ""

    async def _read(self, request: web.Request) -> Incoming:
        """Return the fields and the pictures of *request*. Raises: OpenAIError."""
        if request.content_type == "multipart/form-data":
            if self._profile.pictures != "form" or not request.path.endswith("/edits"):
                raise invalid_value("image", "Unsupported content type: 'multipart/form-data'.")
            return await read_form(request)
        fields = read_json(await request.read())
        return Incoming(fields=fields, images=tuple(_pictures(self._profile, fields)))

    def _wish(self, request: web.Request, fields: Mapping[str, Any]) -> _Wish:
        profile = self._profile
        model = str(request.match_info.get("deployment") or fields.get("model") or "default")
        for name, message in profile.refused.items():
            if name in fields and model.startswith(profile.refusing):
                raise invalid_value(name, message)
        if profile.models and model not in profile.models:
            raise Trouble(TroubleKind.MODEL_CLOSED, f"Model '{model}' does not exist.")
        prompt = fields.get("prompt")
        if not isinstance(prompt, str) or not prompt:
            raise missing("prompt")
        width, height = _extent(profile, fields)
        return _Wish(
            model=model,
            prompt=prompt,
            count=_count(profile, fields),
            width=width,
            height=height,
            inline=_inline(profile, fields),
            form=_FORMS.get(str(fields.get("output_format")), profile.file_form),
            seed=fields["seed"] if type(fields.get("seed")) is int else None,
        )

    async def _look_at_all(self, incoming: Incoming) -> tuple[str, ...]:
        tokens = []
        for picture in [*incoming.images, *([] if incoming.mask is None else [incoming.mask])]:
            reference = await self._look_at(picture)
            await self._house.keep_reference(reference)
            tokens.append(reference.token)
        return tuple(tokens)

    async def _look_at(self, picture: bytes | str) -> Reference:
        if isinstance(picture, str):
            return Reference.elsewhere(picture)
        try:
            reference, _, form = await self._house.in_thread(look_at, picture)
        except ValueError as error:
            raise invalid_value("image", f"Invalid image: {error}.") from error
        if self._profile.reads and form not in self._profile.reads:
            raise invalid_value("image", f"Invalid image: {form}.")
        return reference

    async def _make(self, wish: _Wish, target: Target, tokens: tuple[str, ...]) -> tuple[list[Work], int]:
        """Return the pictures that were made, and how many xAI's moderation took back. Raises: Trouble."""
        works, taken_back = [], 0
        if wish.seed is None:
            wish = attrs.evolve(wish, seed=self._repeats.seed_of(wish.model, wish.prompt, tokens))
        stem = secrets.token_hex(8)
        for index in range(wish.count):
            await self._house.take_time()
            trouble = self._house.output_trouble(target, index)
            if trouble is None:
                works.append(self._work(wish, f"{stem}{index:02d}", index, tokens))
            elif self._profile.name == "xai" and trouble.kind is TroubleKind.MODERATION_OUTPUT:
                taken_back += 1
            else:
                raise trouble
        return works, taken_back

    def _work(self, wish: _Wish, name: str, index: int, tokens: tuple[str, ...]) -> Work:
        return Work(
            name=name,
            dialect=self._dialect,
            model=wish.model,
            prompt=wish.prompt,
            form=wish.form,
            index=index,
            seed=wish.seed,
            width=wish.width,
            height=wish.height,
            tokens=tokens,
            made_s=self._house.clock(),
            kept_s=self._profile.kept_s,
        )

    def _purchase(self, request: web.Request, key: str, work: Work) -> Purchase:
        cost_micro = self._profile.price_micro(work.model, work.width, work.height)
        return Purchase(
            time_s=work.made_s,
            dialect=self._dialect,
            model=work.model,
            prompt=work.prompt,
            request_id=request[REQUEST_ID],
            api_key=key,
            image_index=work.index,
            size=f"{work.width}x{work.height}",
            cost_micro=cost_micro,
            currency=self._profile.currency if cost_micro is not None else "",
        )


def _pictures(profile: Profile, fields: Mapping[str, Any]) -> Iterable[bytes | str]:
    """Yield the pictures of a JSON body, in the profile's form."""
    if profile.pictures == "object":
        entries = [fields.get("image"), *(fields.get("images") or ())]
        texts = [entry.get("url") for entry in entries if isinstance(entry, Mapping)]
    elif profile.pictures == "list":
        texts = list(fields.get("ref_images") or ())
    else:
        texts = [fields.get(name) for name in _FIELDS] if profile.pictures == "fields" else []
    for text in texts:
        # LocalAI drops a data URI, and says nothing.
        if isinstance(text, str) and text and not (profile.pictures == "list" and text.startswith("data:")):
            yield _decoded(profile, text)


def _decoded(profile: Profile, text: str) -> bytes | str:
    raw = profile.pictures == "list" and "://" not in text
    if not raw and not text.startswith("data:"):
        return text
    try:
        return base64.b64decode(text.rpartition(",")[2], validate=True)
    except binascii.Error as error:
        raise invalid_value("image", "The image data is not valid base64.") from error


def _extent(profile: Profile, fields: Mapping[str, Any]) -> tuple[int, int]:
    if profile.size:
        named = fields.get(profile.size)
        if named is None or named == "auto":
            return 1024, 1024
        found = _SIZE.fullmatch(str(named))
        if found is None and profile.name == "localai":  # and says nothing
            return 512, 512
        if found is None:
            raise invalid_value(profile.size, f"Invalid size '{named}'.")
        return int(found[1]), int(found[2])
    if profile.name == "together":
        return _whole(fields, "width", 1024), _whole(fields, "height", 1024)
    return _by_ratio(fields)


def _by_ratio(fields: Mapping[str, Any]) -> tuple[int, int]:
    side = _SIDE.get(str(fields.get("resolution", "1k")))
    if side is None:
        raise invalid_value("resolution", "Invalid resolution: expected 1k or 2k.")
    named = str(fields.get("aspect_ratio", "auto"))
    found = _RATIO.fullmatch("1:1" if named == "auto" else named)
    if found is None:
        raise invalid_value("aspect_ratio", f"Invalid aspect ratio '{named}'.")
    ratio = (float(found[1]) / float(found[2])) ** 0.5
    return max(64, round(side * ratio / 16) * 16), max(64, round(side / ratio / 16) * 16)


def _whole(fields: Mapping[str, Any], name: str, default: int) -> int:
    value = fields.get(name, default)
    if type(value) is not int or not 64 <= value <= 4096:
        raise invalid_value(name, f"Invalid '{name}': expected an integer from 64 to 4096.")
    return value


def _count(profile: Profile, fields: Mapping[str, Any]) -> int:
    raw = fields.get(profile.count, 1)
    value = int(raw) if isinstance(raw, str) and raw.isdigit() else raw
    if type(value) is not int or value < 1 or (value > profile.most and not profile.clamps):
        raise invalid_value(
            profile.count, f"Invalid '{profile.count}': expected an integer from 1 to {profile.most}."
        )
    return min(value, profile.most)


def _inline(profile: Profile, fields: Mapping[str, Any]) -> bool:
    """Say whether pictures come as bytes. Raises: OpenAIError."""
    asked = fields.get("response_format")
    if asked is None and profile.name != "sglang":
        return profile.inline
    if profile.formats is None:
        return profile.inline
    if not isinstance(asked, str) or asked not in profile.formats:
        # SGLang's own default is a link, and a link needs a folder that it was not given.
        raise invalid_value("response_format", f"response_format '{asked or 'url'}' is not supported.")
    return profile.formats[asked]
