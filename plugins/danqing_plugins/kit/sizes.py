"""The parameter that says how large a picture is to be: named tiers, a list, or free sides within limits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

import attrs

from danqing_plugins.kit import texts
from danqing_plugins.kit.fields import Fields
from danqing_plugins.kit.parameter import Parameter
from danqing_plugins.messages import Text

__all__ = ["Size"]

_KILO: Final = re.compile(r"([0-9]{1,2}(?:\.[0-9])?)K", re.ASCII)


@attrs.frozen(kw_only=True)
class Size(Parameter):
    """A string: one of `tiers` (in whatever case), one of `allowed`, or `WxH` when `free`.

    Free sizes keep to all of: `sides` (least and most pixels of each), `step` (each a multiple of it), `area`
    (least and most pixels in all), `widest` (the longer side by the shorter). `separator` stands between the
    numbers (`*` at DashScope). Clients may write `x` all the same, and `normal` gives what the service is sent.

    `squares` are for the form of free sizes: steps of how large, each with the side of its square in pixels; the
    form offers them in several shapes of the same area. Tiers named as `1K` or `1.5K` are such steps by themselves.
    """

    name: str = attrs.field(default="size", kw_only=False)
    title: Text = Text("Size", "尺寸")
    description: Text = Text("How large the picture is to be, in pixels", "图片尺寸（像素）")
    group: Literal["main", "more"] = "main"
    tiers: Sequence[str] = ()
    allowed: Sequence[str] = ()
    free: bool = False
    sides: tuple[int, int] | None = None
    step: int = 1
    area: tuple[int, int] | None = None
    widest: float | None = None
    separator: str = "x"
    squares: Mapping[str, int] = attrs.field(factory=dict)

    usual_widget: ClassVar[str] = "size"

    def check(self, fields: Fields) -> None:
        size = fields.text(self.name)
        if size is not None and (message := self.refuses(size)) is not None:
            fields.refuse(self.name, message)

    def refuses(self, size: str) -> Text | None:
        """Return what is wrong with *size*, None for nothing."""
        normal = self.normal(size)
        if normal in (*self.tiers, *self.allowed):
            return None
        pixels = self.pixels(size)
        if not self.free or pixels is None:
            return texts.NOT_A_SIZE(allowed=self._allowed())
        return self._refuses_pixels(*pixels)

    def normal(self, size: str) -> str:
        """Return *size* as the service writes it: the case of its tiers, its separator."""
        for tier in self.tiers:
            if size.lower() == tier.lower():
                return tier
        pixels = self.pixels(size)
        return size if pixels is None else f"{pixels[0]}{self.separator}{pixels[1]}"

    def pixels(self, size: str) -> tuple[int, int] | None:
        """Return width and height, None for what is no `WxH`."""
        form = re.fullmatch(rf"([0-9]{{1,6}})[x{re.escape(self.separator)}]([0-9]{{1,6}})", size, re.ASCII)
        return None if form is None else (int(form[1]), int(form[2]))

    def _refuses_pixels(self, width: int, height: int) -> Text | None:
        short, long = sorted((width, height))
        if self.sides is not None and not self.sides[0] <= short <= long <= self.sides[1]:
            return texts.SIZE_SIDES(least=self.sides[0], most=self.sides[1])
        if width % self.step or height % self.step or not short:
            return texts.SIZE_STEP(step=self.step)
        if self.area is not None and not self.area[0] <= width * height <= self.area[1]:
            return texts.SIZE_AREA(area=width * height, least=self.area[0], most=self.area[1])
        if self.widest is not None and long > self.widest * short:
            return texts.SIZE_RATIO(widest=self.widest)
        return None

    def _squares(self) -> dict[str, int]:
        if not self.free:
            return {}
        kilo = {tier: form for tier in self.tiers if (form := _KILO.fullmatch(tier))}
        return {**{tier: round(1024 * float(form[1])) for tier, form in kilo.items()}, **self.squares}

    def _allowed(self) -> Text:
        named = ", ".join((*self.tiers, *self.allowed))
        if not self.free:
            return Text(named)
        free = texts.ANY_SIZE(separator=self.separator)
        return Text(f"{named}, {free}", f"{named}, {free.zh}") if named else free

    def shape(self) -> dict[str, Any]:
        named = [*self.tiers, *self.allowed]
        if not self.free:
            return {"type": "string", "enum": named}
        return {"type": "string", **({"examples": named} if named else {})}

    def hints(self) -> dict[str, Any]:
        return {
            "tiers": list(self.tiers),
            "sizes": list(self.allowed),
            "free": self.free or None,
            "sides": None if self.sides is None else list(self.sides),
            "step": self.step if self.step != 1 else None,
            "area": None if self.area is None else list(self.area),
            "widest": self.widest,
            "separator": self.separator if self.separator != "x" else None,
            "squares": self._squares(),
        }
