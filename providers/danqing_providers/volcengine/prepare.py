"""The check of a submission, per model, before anything is queued."""

from __future__ import annotations

from typing import Any, Final

import attrs

from danqing_plugins import InvalidRequest, Prepared, Price, Problem, Request, Text, nearest
from danqing_plugins.kit import texts as kit_texts
from danqing_plugins.kit.fields import Fields
from danqing_providers.volcengine import texts
from danqing_providers.volcengine.catalogue import Catalogue, Model
from danqing_providers.volcengine.editing import AUTO_SIZE, check_background, check_layers
from danqing_providers.volcengine.references import check_references
from danqing_providers.volcengine.sizes import choose_size
from danqing_providers.volcengine.style import STYLES

__all__ = ["LONGEST_PROMPT", "MOST_IMAGES", "MOST_LAYERS", "PARAMETERS", "QUALITIES", "find_model", "prepare"]

LONGEST_PROMPT: Final = 8000
MOST_IMAGES: Final = 15
LARGEST_SEED: Final = 2_147_483_647
MOST_LAYERS: Final = 17
"""A base picture and up to 16 layers."""

QUALITIES: Final = ("standard", "hd")
PARAMETERS: Final = (
    "prompt",
    "image",
    "size",
    "n",
    "quality",
    "style",
    "seed",
    "guidance_scale",
    "watermark",
    "response_format",
    "sequential_image_generation",
    "sequential_image_generation_options",
    "stream",
    "optimize_prompt_options",
    "output_format",
    "tools",
    "layer_decomposition",
    "background",
)
_SEARCH = [{"type": "web_search"}]
_PER_MODEL = (
    "seed",
    "guidance_scale",
    "sequential_image_generation",
    "sequential_image_generation_options",
    "stream",
    "optimize_prompt_options",
    "output_format",
    "tools",
    "layer_decomposition",
    "background",
)
_HARMLESS_WHEN_FALSE = ("stream", "layer_decomposition")


def parameters_of(model: Model) -> tuple[str, ...]:
    """Return the names that *model* takes."""
    refused = {name for name in _PER_MODEL if name not in model.takes} | (
        {"image"} if not model.most_references else set()
    )
    return tuple(name for name in PARAMETERS if name not in refused)


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


def prepare(request: Request, catalogue: Catalogue, *, default_model: str, currency: str) -> Prepared:
    """Check *request* against the limits of its model.

    Raises:
        InvalidRequest: with one problem per wrong field, all of them.
    """
    model = find_model(catalogue, request.model, default_model)
    checked = _check(request, model, catalogue)
    if checked.problems:
        raise InvalidRequest(kit_texts.SOME_WRONG(count=len(checked.problems)), problems=checked.problems)
    price: Price | None = model.price(currency, checked.kept.get("size"))
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
    problems: list[Problem]


def _check(request: Request, model: Model, catalogue: Catalogue) -> _Checked:
    fields = Fields(request.input)
    fields.refuse_unknown(PARAMETERS, lambda: parameters_of(model))
    _check_prompt(fields)
    kept = {name: value for name, value in request.input.items() if value is not None}
    layered = fields.flag("layer_decomposition") is True and "layer_decomposition" in model.takes
    notes = [_check_size(fields, model, kept, layered=layered)]
    fields.choice("style", STYLES)
    fields.flag("watermark")
    fields.choice("response_format", ("url", "b64_json"))
    _check_per_model(fields, model, catalogue)
    count = fields.whole("n", 1, MOST_IMAGES)
    grouped = _check_group(fields, len(request.references), count)
    if layered:
        check_layers(fields, model, request.references, count, grouped)
    notes.append(check_background(fields, model, request.references, kept))
    fields.problems += check_references(model, request.references)
    images = grouped or (MOST_LAYERS if layered else count or 1)
    single_call = bool(grouped) or layered or images == 1
    told = tuple(note for note in notes if note is not None)
    return _Checked(kept=kept, images=images, single_call=single_call, notes=told, problems=fields.problems)


def _check_prompt(fields: Fields) -> None:
    prompt = fields.text("prompt")
    optional = fields.values.get("layer_decomposition") is True
    if prompt is None:
        if not optional and not fields.has("prompt"):
            fields.refuse("prompt", kit_texts.REQUIRED())
    elif not prompt.strip() and not optional:
        fields.refuse("prompt", kit_texts.EMPTY_PROMPT())
    elif len(prompt) > LONGEST_PROMPT:
        fields.refuse("prompt", kit_texts.TOO_LONG(count=len(prompt), most=LONGEST_PROMPT))
    elif "\0" in prompt or any("\ud800" <= character <= "\udfff" for character in prompt):
        fields.refuse("prompt", kit_texts.NOT_TEXT())


def _check_size(fields: Fields, model: Model, kept: dict[str, Any], *, layered: bool) -> str | None:
    quality = fields.choice("quality", QUALITIES)
    size = fields.text("size")
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


def _check_per_model(fields: Fields, model: Model, catalogue: Catalogue) -> None:
    for name in _PER_MODEL:
        harmless = name in _HARMLESS_WHEN_FALSE and fields.values.get(name) is False
        if fields.has(name) and name not in model.takes and not harmless:
            fields.refuse(name, texts.NOT_TAKEN(model=model.id, takers=catalogue.takers(name)))
    fields.whole("seed", -1, LARGEST_SEED)
    fields.number("guidance_scale", 1, 10)
    fields.flag("stream")
    fields.choice("output_format", ("jpeg", "png"))
    fields.choice("background", ("transparent", "opaque"))
    if fields.has("tools") and fields.values["tools"] != _SEARCH:
        fields.refuse("tools", texts.SEARCH_TOOL())
    options = fields.object("optimize_prompt_options")
    if options is not None and "optimize_prompt_options" in model.takes:
        options.refuse_unknown(("mode",))
        options.choice("mode", model.optimize_modes)


def _check_group(fields: Fields, references: int, count: int | None) -> int:
    """Return the largest number of pictures of a group, 0 when none is asked for."""
    mode = fields.choice("sequential_image_generation", ("disabled", "auto"))
    options = fields.object("sequential_image_generation_options")
    wanted = None
    if options is not None:
        options.refuse_unknown(("max_images",))
        wanted = options.whole("max_images", 1, MOST_IMAGES)
    if mode != "auto":
        if options is not None:
            fields.refuse("sequential_image_generation_options", texts.EFFECT_WITH_AUTO())
        return 0
    if count is not None and count > 1:
        fields.refuse("n", texts.TWO_COUNTS())
    room = MOST_IMAGES - references
    if wanted is not None and wanted > room and options is not None:
        options.refuse("max_images", texts.TOO_MANY_TOGETHER(most=MOST_IMAGES, room=room))
    return max(1, min(wanted or MOST_IMAGES, room))


def _renamed(name: str | None, model: Model) -> str | None:
    if name is None or not name.startswith("doubao-seedream-3") or name == model.id:
        return None
    return texts.MODEL_RENAMED(name=name, model=model.id)
