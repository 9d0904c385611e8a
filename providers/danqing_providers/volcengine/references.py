"""The limits of reference pictures, as far as they are known at submission.

Source: Volcengine's image API page 82379/1541523, read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from danqing_plugins import Problem, Reference
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
        message = f"{model.id} takes {_count_in_words(least, most)}, not {len(references)}"
        return [Problem(field=_common_field(references), message=message, value=len(references))]
    problems = []
    for reference in references:
        complaints = list(_complaints(model, reference))
        if complaints:
            problems.append(Problem(field=reference.field, message="; ".join(complaints)))
    encoded_bytes = sum((reference.size_bytes or 0) * 4 // 3 for reference in references)
    if not problems and encoded_bytes > LARGEST_BODY_BYTES:
        message = (
            f"the pictures are too large together: {encoded_bytes} bytes of base64, at most {LARGEST_BODY_BYTES}"
        )
        problems.append(Problem(field=_common_field(references), message=message))
    return problems


def _common_field(references: Sequence[Reference]) -> str:
    return references[0].field.partition("[")[0] if references else "image"


def _count_in_words(least: int, most: int) -> str:
    if most == 0:
        return "no reference pictures"
    if least == most:
        return f"exactly {most} reference picture{'s' if most > 1 else ''}"
    return f"{least} to {most} reference pictures" if least else f"at most {most} reference pictures"


def _complaints(model: Model, reference: Reference) -> Iterator[str]:
    media_type = reference.media_type
    if media_type is not None and media_type.removeprefix("image/") not in model.reference_formats:
        yield f"{media_type} is not taken by {model.id}; allowed: {', '.join(model.reference_formats)}"
    if reference.size_bytes is not None and reference.size_bytes > LARGEST_BYTES:
        yield f"has {reference.size_bytes} bytes, at most {LARGEST_BYTES}"
    if reference.width is None or reference.height is None:
        return
    short, long = sorted((reference.width, reference.height))
    if short < SHORTEST_SIDE:
        yield f"is {reference.width}x{reference.height}: each side must have more than 14 pixels"
    elif long > model.widest_reference * short:
        yield f"is too long and narrow: the ratio may be at most {model.widest_reference}:1"
    if short * long > MOST_PIXELS:
        yield f"has {short * long} pixels, at most {MOST_PIXELS}"
