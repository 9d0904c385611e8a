"""The check of an order for a video, before anything is queued.

Source: volcengine.com/docs/82379/1520757 and its 2.5 edition, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from danqing_plugins import OutputKind, Prepared, Request
from danqing_plugins.kit.fields import Fields
from danqing_providers.volcengine.video import texts
from danqing_providers.volcengine.video.form import DURATION_S, MEDIA_FIELDS, REFERENCE_FIELDS, form_of, takers
from danqing_providers.volcengine.video.models import VideoModel
from danqing_providers.volcengine.video.pricing import TokenPrices, estimate

__all__ = ["prepare_video"]

_REUSED: Final = (
    "prompt",
    *MEDIA_FIELDS,
    "generate_audio",
    "seed",
    "ratio",
    "duration",
    "frames",
    "camera_fixed",
    "draft",
    "tools",
    "omni_reference_task_type",
)
"""What a draft's video has from its draft."""

_SAYS_NOTHING: Final[Mapping[str, Any]] = {
    "service_tier": "default",
    "draft": False,
    "priority": 0,
    "camera_fixed": False,
    "generate_audio": False,
}
"""What a model does that does not know the field, for clients that send it to each."""


def prepare_video(request: Request, model: VideoModel, prices: TokenPrices) -> Prepared:
    """Check *request* against the limits of *model*.

    Raises:
        InvalidRequest: with one problem per wrong field, all of them.
    """
    form = form_of(model)
    meant = attrs.evolve(request, input=_meant(request.input, form.names))
    fields = form.read(meant, model=model.id, elsewhere=takers())
    keys = {reference.key for reference in request.references}
    if fields.has("draft_task"):
        _check_draft_task(fields, keys)
    else:
        _check(fields, keys, model)
    fields.finish()
    kept = _settled(fields.given, model, keys)
    outputs = 2 if kept.get("return_last_frame") else 1
    return Prepared(
        model=model.id,
        input=kept,
        outputs=outputs,
        kind=OutputKind.VIDEO,
        single_call=True,
        price=estimate(model, kept, prices, outputs),
    )


def _meant(given: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Return *given* without what says nothing to a model that has only the *known* fields."""
    return {name: value for name, value in given.items() if name in known or not _says_nothing(name, value)}


def _says_nothing(name: str, value: Any) -> bool:
    usual = _SAYS_NOTHING.get(name)
    return usual is not None and type(value) is type(usual) and value == usual


def _settled(given: Mapping[str, Any], model: VideoModel, keys: set[str]) -> dict[str, Any]:
    """Return what will be ordered: what the price depends on is always sent."""
    kept = dict(given)
    kept["resolution"] = "480p" if kept.get("draft") else kept.get("resolution", model.resolution)
    if "draft_task" in kept:
        return kept
    if "frames" not in kept:
        kept.setdefault("duration", DURATION_S)
    kept.setdefault("ratio", "16:9" if model.old and not keys else "adaptive")
    return kept


def _check_draft_task(fields: Fields, keys: set[str]) -> None:
    for name in _REUSED:
        if fields.has(name) and fields.values[name] is not False:
            fields.refuse(name, texts.DRAFT_ALONE())
    for name in keys:
        fields.refuse(name, texts.DRAFT_ALONE())


def _check(fields: Fields, keys: set[str], model: VideoModel) -> None:
    media = {name for name in MEDIA_FIELDS if fields.has(name)}
    _check_media(fields, keys, media, model)
    if not keys and not media and not (fields.text("prompt") or "").strip():
        fields.refuse("prompt", texts.NEEDS_PROMPT())
    if fields.has("frames") and fields.has("duration"):
        fields.refuse("frames", texts.TWO_LENGTHS())
    if fields.has("tools") and (keys or media):
        fields.refuse("tools", texts.WORDS_ALONE())
    if fields.values.get("draft") is True:
        _check_draft(fields)
    if "omni_reference_task_type" in model.takes:
        _check_task_type(fields, keys)


def _check_media(fields: Fields, keys: set[str], media: set[str], model: VideoModel) -> None:
    frames = keys & set(REFERENCE_FIELDS[:2])
    others = media | keys - frames
    if frames and others:
        fields.refuse(sorted(frames)[0], texts.MIXED())
    elif frames == {"last_frame"}:
        fields.refuse("last_frame", texts.NEEDS_FIRST())
    if others == {"reference_audio"} and not model.lone_audio:
        fields.refuse("reference_audio", texts.AUDIO_ALONE())
    for name in media:
        values = fields.values[name]
        if isinstance(values, list) and not all(_is_address(value) for value in values):
            fields.refuse(name, texts.NO_ADDRESS())


def _is_address(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https", "asset") and bool(parts.netloc)


def _check_draft(fields: Fields) -> None:
    if fields.values.get("return_last_frame") is True:
        fields.refuse("return_last_frame", texts.NOT_IN_DRAFT())
    if fields.values.get("service_tier") == "flex":
        fields.refuse("service_tier", texts.NOT_IN_DRAFT())
    if fields.has("resolution") and fields.values["resolution"] != "480p":
        fields.refuse("resolution", texts.DRAFT_SIZE())


def _check_task_type(fields: Fields, keys: set[str]) -> None:
    """Check what 2.5 demands of tasks whose kind is known before they are looked at."""
    kind = fields.values.get("omni_reference_task_type")
    if "image" in keys:
        kind = "image"
    if kind in ("edit", "extend", "image") and fields.values.get("ratio") not in (None, "adaptive"):
        fields.refuse("ratio", texts.ADAPTIVE_ONLY(what=kind))
    if kind == "edit" and fields.values.get("duration") != -1:
        fields.refuse("duration", texts.FREE_LENGTH_ONLY(what=kind))
