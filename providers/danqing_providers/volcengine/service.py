"""How Ark is spoken to: one bearer key, JSON, errors by their code."""

from __future__ import annotations

from danqing_plugins.kit.http import Service
from danqing_providers.volcengine.endpoint import Endpoint
from danqing_providers.volcengine.failures import FAILURES
from danqing_providers.volcengine.references import LARGEST_BODY_BYTES

__all__ = ["service_at"]


def service_at(endpoint: Endpoint, timeout_s: float) -> Service:
    """Return Ark at *endpoint*; *timeout_s* is for a whole exchange. The sandbox's key is no secret."""
    return Service(
        failures=FAILURES,
        base_url=endpoint.base_url,
        headers={"Authorization": f"Bearer {endpoint.key}"},
        secrets=() if endpoint.sandbox else (endpoint.key,),
        timeout_s=timeout_s,
        most_request_bytes=LARGEST_BODY_BYTES,
    )
