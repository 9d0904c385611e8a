"""Opening the reference pictures of a task for its provider, and what its user reads when that fails."""

from __future__ import annotations

from danqing_plugins import InvalidRequest, Reference, ReferenceData, Text, Unavailable
from danqing_server.assets.fetching import fetch_public
from danqing_server.assets.keys import media_type_of
from danqing_server.assets.texts import NOT_HERE
from danqing_server.errors import NotFound, PictureRejected, SourceUnavailable
from danqing_server.life.decision import REFERENCE_UNAVAILABLE
from danqing_server.worker import texts
from danqing_server.worker.tools import Tools

__all__ = ["open_reference"]

REFERENCE_TIMEOUT_S = 30.0


async def open_reference(reference: Reference, tools: Tools) -> ReferenceData:
    """Return what *reference* holds: of a kept one from our storage, else from its public address.

    Raises:
        Unavailable: it cannot be had just now.
        InvalidRequest: it is gone, refused, or no picture that is taken.
    """
    try:
        if reference.asset is not None:
            body = await tools.assets.read(reference.asset)
            return ReferenceData(body=body, media_type=media_type_of(reference.asset))
        body, media_type = await fetch_public(
            reference.url or "",
            session=tools.public_session,
            limit_bytes=tools.max_picture_bytes,
            timeout_s=REFERENCE_TIMEOUT_S,
        )
    except SourceUnavailable as error:
        if not (error.gone or error.refused):
            raise Unavailable(_about(reference, error.message), code=REFERENCE_UNAVAILABLE) from error
        raise InvalidRequest(_about(reference, error.message), code="reference_refused") from error
    except PictureRejected as error:
        raise InvalidRequest(_about(reference, error.message), code="reference_refused") from error
    except NotFound as error:
        raise InvalidRequest(_about(reference, NOT_HERE()), code="reference_refused") from error
    return ReferenceData(body=body, media_type=media_type)


def _about(reference: Reference, why: str) -> Text:
    return texts.OF_REFERENCE(field=reference.field, why=why)
