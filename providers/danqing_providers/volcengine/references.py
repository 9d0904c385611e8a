"""The limits of reference pictures, as far as they are known at submission.

Source: Volcengine's image API page 82379/1541523, read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from danqing_plugins import Problem, Reference, Text
from danqing_providers.volcengine import texts
from danqing_providers.volcengine.catalogue import Model

__all__ = ["LARGEST_BODY_BYTES", "check_references"]

LARGEST_BYTES: Final = 30 * 1024 * 1024
LARGEST_BODY_BYTES: Final = 64 * 1024 * 1024
MOST_PIXELS: Final = 36_000_000
SHORTEST_SIDE: Final = 15


def check_references(model: Model, references: Sequence[Reference]) -> list[Problem]:
    """Return what is wrong with *references* for *model*; of a URL only its existence is known."""
    least, most = model.least_references, model.most_references
    if not least <= len(references) <= most:
        message = texts.REFERENCE_COUNT(model=model.id, allowed=_count_in_words(least, most), count=len(references))
        return [Problem(field=_common_field(references), message=message, value=len(references))]
    problems = []
    for reference in references:
        complaints = list(_complaints(model, reference))
        if complaints:
            problems.append(Problem(field=reference.field, message=_joined(complaints)))
    encoded_bytes = sum((reference.size_bytes or 0) * 4 // 3 for reference in references)
    if not problems and encoded_bytes > LARGEST_BODY_BYTES:
        message = texts.REFERENCES_TOO_LARGE(count=encoded_bytes, most=LARGEST_BODY_BYTES)
        problems.append(Problem(field=_common_field(references), message=message))
    return problems


def _common_field(references: Sequence[Reference]) -> str:
    return references[0].field.partition("[")[0] if references else "image"


def _count_in_words(least: int, most: int) -> Text:
    if most == 0:
        return texts.NO_REFERENCES()
    if least == most:
        return texts.EXACT_REFERENCES(most=most)
    return texts.SOME_REFERENCES(least=least, most=most) if least else texts.AT_MOST_REFERENCES(most=most)


def _joined(complaints: Sequence[Text]) -> Text:
    return Text("; ".join(complaints), "；".join(each.zh for each in complaints), complaints[0].key)


def _complaints(model: Model, reference: Reference) -> Iterator[Text]:
    media_type = reference.media_type
    if media_type is not None and media_type.removeprefix("image/") not in model.reference_formats:
        yield texts.REFERENCE_KIND(
            media_type=media_type, model=model.id, allowed=", ".join(model.reference_formats)
        )
    if reference.size_bytes is not None and reference.size_bytes > LARGEST_BYTES:
        yield texts.REFERENCE_BYTES(count=reference.size_bytes, most=LARGEST_BYTES)
    if reference.width is None or reference.height is None:
        return
    short, long = sorted((reference.width, reference.height))
    if short < SHORTEST_SIDE:
        yield texts.REFERENCE_SMALL(width=reference.width, height=reference.height)
    elif long > model.widest_reference * short:
        yield texts.REFERENCE_NARROW(widest=model.widest_reference)
    if short * long > MOST_PIXELS:
        yield texts.REFERENCE_PIXELS(count=short * long, most=MOST_PIXELS)
