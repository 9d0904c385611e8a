"""The check of a submission, per model, before anything is queued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from danqing_plugins import Prepared, Price, Problem, Reference, Request
from danqing_plugins.kit.fields import Fields
from danqing_plugins.kit.texts import NOT_TAKEN, TAKERS
from danqing_providers.dashscope import texts
from danqing_providers.dashscope.catalogue import LARGE_PIXELS, Model
from danqing_providers.dashscope.form import parameters_of
from danqing_providers.dashscope.video_models import resolution_of

__all__ = ["Prices", "prepare"]

Prices = Mapping[str, Price]
"""What a picture, or a second of a video, costs, by the model's id; with `@1080P` behind it, at that resolution."""


def prepare(request: Request, model: Model, takers: Mapping[str, Sequence[str]], prices: Prices) -> Prepared:
    """Check *request* against the limits of *model*; *takers* has the models that take each parameter.

    Raises:
        InvalidRequest: with one problem per wrong field, all of them.
    """
    parameters = parameters_of(model)
    fields = parameters.read(request, model=model.id, elsewhere=takers)
    fields.problems += _strangers(request.references, parameters.names, model, takers)
    _check_together(fields, model, request.references)
    fields.finish()
    kept = fields.given
    if model.size is not None and "size" in kept:
        kept["size"] = model.size.normal(kept["size"])
    count = kept.get("n", 1)
    return Prepared(
        model=model.id,
        input=kept,
        outputs=count,
        kind=model.kind,
        single_call=not model.route.orders,
        price=_price(model, kept, prices),
    )


def _strangers(
    references: Sequence[Reference], names: Sequence[str], model: Model, takers: Mapping[str, Sequence[str]]
) -> list[Problem]:
    """Return a problem for each picture in a field that the model does not have."""
    strange = dict.fromkeys(reference.field.partition("[")[0] for reference in references)
    return [
        Problem(
            field=name,
            message=NOT_TAKEN(model=model.id, takers=TAKERS(models=", ".join(takers.get(name, ())))),
        )
        for name in strange
        if name not in names
    ]


def _check_together(fields: Fields, model: Model, references: Sequence[Reference]) -> None:
    """Check what depends on more than one field."""
    count = fields.values.get("n") or 1
    sequential = fields.values.get("enable_sequential") is True
    if model.most_sequential and isinstance(count, int) and count > model.most_images and not sequential:
        fields.refuse("n", texts.SEQUENTIAL_COUNT(most=model.most_images, more=model.most_sequential))
    size = fields.values.get("size")
    if model.one_size and size is not None and count != 1:
        fields.refuse("size", texts.ONE_SIZE())
    if references and isinstance(size, str) and size.upper() in model.text_tiers:
        fields.refuse("size", texts.TEXT_ONLY(size=size))
    if references and fields.values.get("prompt_extend_mode") == "agent":
        fields.refuse("prompt_extend_mode", texts.AGENT_WITHOUT_PICTURES())
    audio = fields.values.get("audio_url")
    if isinstance(audio, str) and (urlsplit(audio).scheme not in ("http", "https") or not urlsplit(audio).hostname):
        fields.refuse("audio_url", texts.NO_URL())


def _price(model: Model, kept: Mapping[str, Any], prices: Prices) -> Price | None:
    """Return what one output of this request costs; None: not known."""
    if model.is_video:
        return _price_of_video(model, kept, prices)
    price = prices.get(model.id)
    if price is None or price.most_micro is None:
        return price
    size = model.size.pixels(kept["size"]) if model.size is not None and "size" in kept else None
    if size is None:
        return price  # the model picks the size: one price or the other
    is_large = size[0] * size[1] > LARGE_PIXELS
    return Price(amount_micro=price.most_micro if is_large else price.amount_micro, currency=price.currency)


def _price_of_video(model: Model, kept: Mapping[str, Any], prices: Prices) -> Price | None:
    resolution = kept.get("resolution") or resolution_of(kept.get("size") or "") or "1080P"
    second = prices.get(f"{model.id}@{resolution}") or prices.get(model.id)
    seconds = kept.get("duration", 5)
    if second is None:
        return None
    if seconds != -1:
        return Price(amount_micro=second.amount_micro * seconds, currency=second.currency)
    longest = getattr(model.duration, "most", 5)
    least = getattr(model.duration, "least", 5)
    return Price(
        amount_micro=second.amount_micro * least,
        most_micro=second.amount_micro * longest,
        currency=second.currency,
    )
