"""What a sandbox is told when it is started."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

__all__ = ["BODY_LIMIT_BYTES", "DEFAULT_BAD_KEY", "DEFAULT_PORT", "SandboxConfig"]

DEFAULT_PORT: Final = 9000
DEFAULT_BAD_KEY: Final = "bad-key"
BODY_LIMIT_BYTES: Final = 64 * 1024 * 1024


@attrs.frozen(kw_only=True)
class SandboxConfig:
    """The settings of one sandbox.

    `port` 0 picks a free one. `data_dir` None is a temporary folder that goes with the process. `api_keys` empty
    accepts every bearer but those in `bad_keys`. `latency_s` is per image, plus up to `jitter_s` more.
    `endpoints` maps `ep-...` ids to model ids. `vary` gives a request without a seed a seed of its own, as Ark
    and Gemini do; without it the same prompt paints the same picture. `stream_done` and `stream_completed` say
    whether a stream ends with `data: [DONE]` and with the `completed` event. A job waits `queued_s` and takes
    `running_s`.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    data_dir: Path | None = None
    api_keys: frozenset[str] = frozenset()
    bad_keys: frozenset[str] = frozenset({DEFAULT_BAD_KEY})
    enable_3_0: bool = False
    endpoints: Mapping[str, str] = attrs.field(factory=dict)
    url_ttl_s: int = 86_400
    latency_s: float = 0.5
    jitter_s: float = 0.0
    queued_s: float = 0.5
    running_s: float = 2.0
    images_per_minute: int = 500
    vary: bool = False
    stream_done: bool = True
    stream_completed: bool = True
    control: bool = True
