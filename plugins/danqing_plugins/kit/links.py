"""A reference picture as most services take it: a link, which holds its bytes where nobody else has them."""

from __future__ import annotations

import base64

from danqing_plugins.models import Reference, ReferenceData
from danqing_plugins.run import Run

__all__ = ["data_uri", "link_of"]


def data_uri(picture: ReferenceData) -> str:
    """Return *picture* as a `data:` URI."""
    return f"data:{picture.media_type.lower()};base64,{base64.b64encode(picture.body).decode('ascii')}"


async def link_of(run: Run, reference: Reference) -> str:
    """Return the URL of a reference; one in the server's own storage as a `data:` URI.

    Raises:
        InvalidRequest: see `Run.open_reference`.
    """
    if reference.asset is None:
        return reference.url or ""
    return data_uri(await run.open_reference(reference))
