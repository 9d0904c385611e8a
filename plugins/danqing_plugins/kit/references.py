"""The parameter that holds reference pictures, and the limits of those, as far as they are known at submission."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final, Literal

import attrs

from danqing_plugins.errors import Problem
from danqing_plugins.kit import texts
from danqing_plugins.kit.fields import Fields
from danqing_plugins.kit.parameter import Parameter
from danqing_plugins.messages import Text
from danqing_plugins.models import Reference

__all__ = ["References"]

MIB: Final = 1024 * 1024


@attrs.frozen(kw_only=True)
class References(Parameter):
    """`least` to `most` pictures: URLs, data URIs or pictures of this server.

    The server takes the field out of the input when `ProviderInfo.reference_fields` names it. `formats` are
    subtypes of `image/`; `shortest` and `longest` bound each side in pixels, `most_pixels` their product, `widest`
    the longer side by the shorter. `most_bytes` is for one picture, `most_encoded_bytes` for the base64 of all.
    None is no limit. Of a URL nothing is known before it is fetched.
    """

    name: str = attrs.field(default="image", kw_only=False)
    title: Text = Text("Reference pictures", "参考图")
    description: Text = Text(
        "URLs, data:image/...;base64,... or pictures of this server",
        "图片 URL、data:image/...;base64,... 或本服务器上的图片",
    )
    group: Literal["main", "more"] = "main"
    least: int = 0
    most: int = 1
    formats: tuple[str, ...] = ("jpeg", "png", "webp")
    most_bytes: int | None = 30 * MIB
    most_encoded_bytes: int | None = None
    shortest: int = 1
    longest: int = 100_000
    most_pixels: int | None = None
    widest: float | None = None

    usual_widget: ClassVar[str] = "references"

    def check(self, fields: Fields) -> None:
        """Do nothing: the server reads the field itself."""

    def shape(self) -> dict[str, Any]:
        one = {"type": "string"}
        if self.most == 1:
            return one
        many = {"type": "array", "items": one, "minItems": self.least, "maxItems": self.most}
        return {"anyOf": [one, many]}

    def hints(self) -> dict[str, Any]:
        return {
            "most": self.most,
            "formats": list(self.formats),
            "most_bytes": self.most_bytes,
            "sides": [self.shortest, self.longest],
            "widest": self.widest,
        }

    def refused_references(self, references: Sequence[Reference]) -> list[Problem]:
        """Return what is wrong with *references*, all of this field."""
        field = references[0].field.partition("[")[0] if references else self.name
        if not self.least <= len(references) <= self.most:
            message = texts.REFERENCE_COUNT(allowed=self._count_in_words(), count=len(references))
            return [Problem(field=field, message=message, value=len(references))]
        problems = []
        for reference in references:
            complaints = list(self._complaints(reference))
            if complaints:
                problems.append(Problem(field=reference.field, message=_joined(complaints)))
        encoded_bytes = sum((reference.size_bytes or 0) * 4 // 3 for reference in references)
        if not problems and self.most_encoded_bytes is not None and encoded_bytes > self.most_encoded_bytes:
            message = texts.REFERENCES_TOO_LARGE(count=encoded_bytes, most=self.most_encoded_bytes)
            problems.append(Problem(field=field, message=message))
        return problems

    def _count_in_words(self) -> Text:
        least, most = self.least, self.most
        if most == 0:
            return texts.NO_REFERENCES()
        if least == most:
            return texts.EXACT_REFERENCES(most=most)
        return texts.SOME_REFERENCES(least=least, most=most) if least else texts.AT_MOST_REFERENCES(most=most)

    def _complaints(self, reference: Reference) -> Iterator[Text]:
        media_type = reference.media_type
        if media_type is not None and media_type.removeprefix("image/") not in self.formats:
            yield texts.REFERENCE_KIND(media_type=media_type, allowed=", ".join(self.formats))
        if self.most_bytes and reference.size_bytes is not None and reference.size_bytes > self.most_bytes:
            yield texts.REFERENCE_BYTES(count=reference.size_bytes, most=self.most_bytes)
        if reference.width is None or reference.height is None:
            return
        short, long = sorted((reference.width, reference.height))
        if short < self.shortest or long > self.longest:
            yield texts.REFERENCE_SIDES(
                width=reference.width, height=reference.height, least=self.shortest, most=self.longest
            )
        elif self.widest is not None and long > self.widest * short:
            yield texts.REFERENCE_NARROW(widest=self.widest)
        if self.most_pixels is not None and short * long > self.most_pixels:
            yield texts.REFERENCE_PIXELS(count=short * long, most=self.most_pixels)


def _joined(complaints: Sequence[Text]) -> Text:
    return Text("; ".join(complaints), "；".join(each.zh for each in complaints), complaints[0].key)
