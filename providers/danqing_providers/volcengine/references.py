"""The limits of reference pictures.

Source: Volcengine's image API page 82379/1541523, read 2026-11-23.
"""

from __future__ import annotations

from typing import Final

from danqing_plugins.kit.parameters import References
from danqing_providers.volcengine.catalogue import Model

__all__ = ["LARGEST_BODY_BYTES", "references_of"]

LARGEST_BODY_BYTES: Final = 64 * 1024 * 1024
MOST_PIXELS: Final = 36_000_000
SHORTEST_SIDE: Final = 15


def references_of(model: Model) -> References:
    """Return the parameter of the pictures that *model* may refer to."""
    return References(
        required=model.least_references > 0,
        least=model.least_references,
        most=model.most_references,
        formats=model.reference_formats,
        most_encoded_bytes=LARGEST_BODY_BYTES,
        shortest=SHORTEST_SIDE,
        most_pixels=MOST_PIXELS,
        widest=model.widest_reference,
    )
