"""The parameters of a model as its check and its form: those of its table, and prompt, pictures, size and count."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from danqing_plugins import Text
from danqing_plugins.kit.fields import Fields
from danqing_plugins.kit.parameters import Parameter, Parameters, Prompt, References, Size, Whole
from danqing_providers.openai_images.values import FreeSizes, Knobs, Model, Preset

__all__ = ["AUTO", "Shape", "form_of", "shape_of", "size_of"]

AUTO: Final = "auto"
ADVISED: Final = 4000


class Shape(Size):
    """The size of a service that takes shapes (`16:9`); pixels are taken too, as the nearest shape."""

    def check(self, fields: Fields) -> None:
        size = fields.text(self.name)
        if size is not None and self.pixels(size) is None:
            super().check(fields)

    def nearest(self, size: str) -> str:
        """Return the shape that is nearest to *size*, `WxH`."""
        width, height = self.pixels(size) or (1, 1)
        asked = Fraction(max(1, width), max(1, height))
        shapes = {name: _ratio(name) for name in self.allowed if ":" in name}
        return min(shapes, key=lambda name: max(asked / shapes[name], shapes[name] / asked))


def _ratio(name: str) -> Fraction:
    width, _, height = name.partition(":")
    return Fraction(width) / Fraction(height)


def form_of(preset: Preset, model: Model) -> Parameters:
    """Return what *model* takes, in the order of its form."""
    return Parameters(
        Prompt(most=preset.knobs.longest_prompt),
        *_pictures(preset.knobs, model),
        *size_of(preset.knobs, model),
        Whole(
            "n",
            title=Text("Pictures", "张数"),
            description=Text("How many pictures are made", "生成图片的数量"),
            least=1,
            most=preset.knobs.most_outputs,
            default=1,
            group="main",
            unit=Text("pictures", "张"),
        ),
        *model.takes.values(),
    )


def size_of(knobs: Knobs, model: Model) -> tuple[Size, ...]:
    """Return the parameter of the size; none where the model takes none."""
    if not model.sizes and model.free is None:
        return ()
    kind = Shape if knobs.size_form == "aspect_ratio" else Size
    free = model.free or FreeSizes()
    return (
        kind(
            description=_size_in_words(knobs),
            default=model.default_size,
            allowed=model.sizes,
            free=model.free is not None,
            sides=(free.least_edge, free.most_edge),
            step=free.step,
            area=(free.least_pixels, free.most_pixels),
            widest=free.most_ratio,
        ),
    )


def _size_in_words(knobs: Knobs) -> Text:
    if knobs.size_form == "aspect_ratio":
        return Text("Width to height; pixels become the nearest shape", "宽高比；像素尺寸会换成最接近的宽高比")
    return Text("Width x height in pixels", "宽x高（像素）")


def shape_of(form: Parameters) -> Shape | None:
    """Return the parameter of a shape, None where sizes are pixels."""
    return next((parameter for parameter in form.all if isinstance(parameter, Shape)), None)


def _pictures(knobs: Knobs, model: Model) -> list[Parameter]:
    if not model.most_references:
        return []
    images = References(
        title=Text("Pictures to edit", "要编辑的图片"),
        required=model.least_references > 0,
        least=model.least_references,
        most=model.most_references,
        formats=knobs.reference_formats,
        most_bytes=knobs.reference_bytes,
    )
    mask = References(
        "mask",
        title=Text("Mask", "蒙版"),
        description=Text(
            "A PNG of the first picture's size: its transparent parts are edited",
            "与首张图片尺寸相同的 PNG，透明部分为要编辑的区域",
        ),
        group="more",
        formats=("png",),
        most_bytes=knobs.reference_bytes,
    )
    return [images, mask] if model.mask else [images]
