"""The check of a submission, per model, before anything is queued."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from danqing_plugins import InvalidRequest, Prepared, Price, Problem, Request, Text, nearest
from danqing_plugins.kit.fields import Fields
from danqing_providers.volcengine import texts
from danqing_providers.volcengine.catalogue import AUTO_SIZE, Catalogue, Model
from danqing_providers.volcengine.editing import check_background, check_layers
from danqing_providers.volcengine.parameters import MOST_IMAGES, Forms
from danqing_providers.volcengine.sizes import choose_size

__all__ = ["MOST_LAYERS", "find_model", "prepare"]

MOST_LAYERS: Final = 17
"""A base picture and up to 16 layers."""

_HARMLESS_WHEN_FALSE: Final = ("stream", "layer_decomposition")


def find_model(catalogue: Catalogue, name: str | None, default: str) -> Model:
    """Return the model of that id or alias.

    Raises:
        InvalidRequest: there is none, or Ark has shut it down; the message lists those on offer.
    """
    model = catalogue.find(default if name is None else name)
    if model is not None:
        return model
    message = _unknown(catalogue, name or default)
    raise InvalidRequest(message, problems=[Problem(field="model", message=message, value=name)])


def _unknown(catalogue: Catalogue, name: str) -> Text:
    offered = ", ".join(catalogue.models)
    if name in catalogue.shut_down:
        return texts.MODEL_SHUT_DOWN(models=offered)
    near = nearest(name, [*catalogue.models, *catalogue.aliases])
    if near is None:
        return texts.UNKNOWN_MODEL(known=offered)
    return texts.MISSPELT_MODEL(near=near, known=offered)


def prepare(request: Request, catalogue: Catalogue, forms: Forms, *, default_model: str, currency: str) -> Prepared:
    """Check *request* against the limits of its model.

    Raises:
        InvalidRequest: with one problem per wrong field, all of them.
    """
    model = find_model(catalogue, request.model, default_model)
    checked = _check(request, model, forms)
    price: Price | None = model.price(currency, checked.kept.get("size"), len(request.references))
    renamed = _renamed(request.model, model)
    return Prepared(
        model=model.name_for(request.model or default_model, overseas=False),
        input=checked.kept,
        outputs=checked.images,
        single_call=checked.single_call,
        price=price,
        notes=(() if renamed is None else (renamed,)) + checked.notes,
    )


@attrs.frozen(kw_only=True)
class _Checked:
    kept: dict[str, Any]
    images: int
    single_call: bool
    notes: tuple[str, ...]


def _check(request: Request, model: Model, forms: Forms) -> _Checked:
    layered = request.input.get("layer_decomposition") is True and "layer_decomposition" in model.takes
    fields = forms.by_model[model.id].read(
        attrs.evolve(request, input=_meant(request.input, model, layered=layered)),
        model=model.id,
        elsewhere=forms.takers,
        optional=("prompt",) if layered else (),
    )
    kept = fields.given
    notes = [_check_size(fields, model, kept, layered=layered)]
    grouped = _check_group(fields, len(request.references))
    count = _count(fields)
    if layered:
        check_layers(fields, model, request.references, count, grouped)
    notes.append(check_background(fields, model, request.references, kept))
    fields.finish()
    images = grouped or (MOST_LAYERS if layered else count)
    single_call = bool(grouped) or layered or images == 1
    told = tuple(note for note in notes if note is not None)
    return _Checked(kept=kept, images=images, single_call=single_call, notes=told)


def _meant(input_: Mapping[str, Any], model: Model, *, layered: bool) -> dict[str, Any]:
    """Return *input_* without what says nothing: false for what *model* cannot do, no words beside a picture."""
    silent = {name for name in _HARMLESS_WHEN_FALSE if name not in model.takes and input_.get(name) is False}
    if layered and isinstance(prompt := input_.get("prompt"), str) and not prompt.strip():
        silent.add("prompt")
    return {name: value for name, value in input_.items() if name not in silent}


def _count(fields: Fields) -> int:
    count = fields.values.get("n")
    return count if type(count) is int else 1


def _check_size(fields: Fields, model: Model, kept: dict[str, Any], *, layered: bool) -> str | None:
    quality, size = fields.values.get("quality"), fields.text("size")
    if fields.has("size") and size is None:
        return None
    if layered and size is not None and size.lower() == AUTO_SIZE:
        kept["size"] = AUTO_SIZE
        return None
    try:
        chosen = choose_size(model, size, quality)
    except ValueError as error:
        fields.refuse("size", error.args[0])
        return None
    if chosen.size is not None:
        kept["size"] = chosen.size
    return chosen.note


def _check_group(fields: Fields, references: int) -> int:
    """Return the largest number of pictures of a group, 0 when none is asked for."""
    options = fields.object("sequential_image_generation_options")
    if fields.values.get("sequential_image_generation") != "auto":
        if options is not None:
            fields.refuse("sequential_image_generation_options", texts.EFFECT_WITH_AUTO())
        return 0
    if _count(fields) > 1:
        fields.refuse("n", texts.TWO_COUNTS())
    room = MOST_IMAGES - references
    wanted = None if options is None else options.values.get("max_images")
    if type(wanted) is not int:
        return max(1, room)
    if wanted > room and options is not None:
        options.refuse("max_images", texts.TOO_MANY_TOGETHER(most=MOST_IMAGES, room=room))
    return max(1, min(wanted, room))


def _renamed(name: str | None, model: Model) -> str | None:
    if name is None or not name.startswith("doubao-seedream-3") or name == model.id:
        return None
    return texts.MODEL_RENAMED(name=name, model=model.id)
