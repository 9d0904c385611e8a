"""The check of a submission, by the model's own table, before anything is queued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from danqing_plugins import Prepared, Problem, Reference, Request
from danqing_plugins.kit.fields import Fields
from danqing_plugins.kit.parameters import Parameters
from danqing_plugins.kit.texts import UNKNOWN_PARAMETER
from danqing_providers.openai_images import texts
from danqing_providers.openai_images.forms import AUTO, form_of, shape_of
from danqing_providers.openai_images.prices import price_of
from danqing_providers.openai_images.values import Model, Preset

__all__ = ["REFERENCE_FIELDS", "Desk", "calls_of", "images_of", "mask_of"]

REFERENCE_FIELDS: Final = ("image", "mask")
OURS_ON_THE_WIRE: Final = ("model", "prompt", "n", "size", "width", "height", "aspect_ratio", "stream", "images")
"""What goes out by the model's own tables alone, also where unknown fields are passed on."""


def images_of(references: Sequence[Reference]) -> tuple[Reference, ...]:
    """Return those that are pictures to edit."""
    return tuple(reference for reference in references if reference.field.partition("[")[0] != "mask")


def mask_of(references: Sequence[Reference]) -> Reference | None:
    """Return the mask, None when there is none."""
    return next((reference for reference in references if reference.field.partition("[")[0] == "mask"), None)


def calls_of(preset: Preset, model: Model, input_: Mapping[str, Any], indexes: Sequence[int]) -> list[list[int]]:
    """Return which pictures each call is for. One at a time where previews are shown: events name no picture."""
    most = 1 if input_.get("partial_images") else model.most_per_call or preset.knobs.most_per_call
    return [list(indexes[start : start + most]) for start in range(0, len(indexes), most)]


@attrs.frozen
class Desk:
    """Checks submissions for one preset: the form of each model, and who takes what not all take."""

    preset: Preset
    forms: Mapping[str, Parameters]
    takers: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, preset: Preset) -> Desk:
        """Return the desk of *preset*."""
        forms = {model.id: form_of(preset, model) for model in preset.models.values()}
        names = dict.fromkeys(name for form in forms.values() for name in form.names)
        takers = {name: [id_ for id_, form in forms.items() if name in form.names] for name in names}
        return cls(preset, forms, takers)

    def prepare(self, request: Request, model: Model) -> Prepared:
        """Check *request* against what *model* takes.

        Raises:
            InvalidRequest: with one problem per wrong field, all of them.
        """
        form = self.forms[model.id]
        fields = form.read(self._known_of(request), model=model.id, elsewhere=self.takers)
        _check_together(fields)
        self._check_extra(request, fields)
        fields.problems += _check_mask(request.references)
        fields.finish()
        kept = {name: value for name, value in request.input.items() if value is not None}
        notes = _settle_size(kept, model, form)
        count = kept.get("n", 1)
        calls = len(calls_of(self.preset, model, kept, range(count)))
        sent = len(images_of(request.references)) * calls / count
        return Prepared(
            model=model.id,
            input=kept,
            outputs=count,
            single_call=calls == 1,
            price=price_of(self.preset, model, kept, sent),
            notes=notes,
        )

    def _check_extra(self, request: Request, fields: Fields) -> None:
        """Check that no field that is passed on takes the place of what we send: another model, more pictures."""
        knobs = self.preset.knobs
        ours = {*OURS_ON_THE_WIRE, *knobs.rename.values(), *knobs.constants, *knobs.reference_names}
        for name, value in request.input.items():
            if knobs.extra and value is not None and name in ours and name not in self.takers:
                message = UNKNOWN_PARAMETER(known=", ".join(self.takers))
                fields.problems.append(Problem(field=name, message=message, value=value))

    def _known_of(self, request: Request) -> Request:
        """Return *request* without the fields that are passed on as they are."""
        if not self.preset.knobs.extra:
            return request
        known = {name: value for name, value in request.input.items() if name in self.takers}
        return attrs.evolve(request, input=known)


def _check_together(fields: Fields) -> None:
    """Check what depends on another field (OpenAI's reference, `background`)."""
    if fields.values.get("background") == "transparent" and fields.values.get("output_format") == "jpeg":
        fields.refuse("background", texts.ALPHA_FORMAT())


def _check_mask(references: Sequence[Reference]) -> list[Problem]:
    images, mask = images_of(references), mask_of(references)
    if mask is None:
        return []
    if not images:
        return [Problem(field="mask", message=texts.MASK_ALONE())]
    if None not in (mask.width, images[0].width) and _extent(mask) != _extent(images[0]):
        message = texts.MASK_SIZE(mask=_extent(mask), image=_extent(images[0]))
        return [Problem(field="mask", message=message)]
    return []


def _extent(reference: Reference) -> str:
    return f"{reference.width}x{reference.height}"


def _settle_size(kept: dict[str, Any], model: Model, form: Parameters) -> tuple[str, ...]:
    """Put the size that will be sent into *kept*, and return what to tell of it."""
    size = kept.get("size")
    if size is None:
        if model.default_size not in (None, AUTO):
            kept["size"] = model.default_size
        return ()
    shape = shape_of(form)
    if shape is None or shape.pixels(size) is None:
        return ()
    kept["size"] = shape.nearest(size)
    return (texts.SHAPE_CHOSEN(size=size, ratio=kept["size"]),)
