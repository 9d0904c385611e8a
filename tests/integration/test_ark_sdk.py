"""The official client library, unmodified, against the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.servers import RunningServer

ark_library = pytest.importorskip("volcenginesdkarkruntime")

MODEL = "doubao-seedream-4-0-250828"


@pytest.fixture(scope="module")
def client(sandbox: RunningServer) -> Iterator[Any]:
    """A client of the run's sandbox, that does not retry."""
    with httpx.Client(trust_env=False, timeout=60) as session:
        yield ark_library.Ark(base_url=f"{sandbox.url}/api/v3", api_key="k", max_retries=0, http_client=session)


class TestOfficialLibrary:
    """`volcengine-ark-runtime`: answers, streams, errors."""

    def test_generate(self, client: Any) -> None:
        """One picture: link, size, usage."""
        answer = client.images.generate(model=MODEL, prompt="山水", size="1280x720")
        assert answer.data[0].size == "1280x720"
        assert answer.usage.generated_images == 1
        assert httpx.get(answer.data[0].url, trust_env=False, timeout=60).headers["content-type"] == "image/jpeg"

    def test_stream(self, client: Any) -> None:
        """A streamed group: an event for each picture and the last one with the usage."""
        from volcenginesdkarkruntime.types.images import SequentialImageGenerationOptions

        events = client.images.generate(
            model=MODEL,
            prompt="3张山水",
            size="1280x720",
            sequential_image_generation="auto",
            sequential_image_generation_options=SequentialImageGenerationOptions(max_images=4),
            stream=True,
        )
        kinds = [event.type.removeprefix("image_generation.") for event in events]
        assert kinds == ["partial_succeeded"] * 3 + ["completed"]

    def test_group_with_a_refused_picture(self, client: Any) -> None:
        """An error in one item does not raise."""
        answer = client.images.generate(
            model=MODEL,
            prompt="2张山水 [sandbox:moderation-output=1]",
            size="1280x720",
            sequential_image_generation="auto",
        )
        assert answer.data[0].url
        assert answer.data[1].error["code"] == "OutputImageSensitiveContentDetected"

    @pytest.mark.parametrize(
        ("prompt", "error", "code"),
        [
            ("x [sandbox:fail]", "ArkInternalServerError", "InternalServiceError"),
            ("x [sandbox:429]", "ArkRateLimitError", "ModelAccountIpmRateLimitExceeded"),
            ("x [sandbox:unwrapped]", "ArkInternalServerError", "InternalServiceError"),
            ("x [sandbox:moderation]", "ArkBadRequestError", "InputTextSensitiveContentDetected"),
            ("x [sandbox:html502]", "ArkInternalServerError", None),
            ("x [sandbox:reset]", "ArkAPIConnectionError", None),
        ],
    )
    def test_errors(self, client: Any, prompt: str, error: str, code: str | None) -> None:
        """Each becomes the library's own class, with Ark's code."""
        with pytest.raises(ark_library._exceptions.ArkError) as caught:
            client.images.generate(model=MODEL, prompt=prompt, size="1280x720")
        assert (type(caught.value).__name__, getattr(caught.value, "code", None)) == (error, code)
