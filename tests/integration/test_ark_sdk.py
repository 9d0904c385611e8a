"""The official client library, unmodified, against the sandbox."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.servers import RunningServer

pytestmark = pytest.mark.clients

ark_library = pytest.importorskip("volcenginesdkarkruntime")

MODEL = "doubao-seedream-4-0-250828"
VIDEO_MODEL = "doubao-seedance-2-0-260128"
TEXT_MODEL = "doubao-seed-1-6-250615"


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

    def test_film(self, client: Any) -> None:
        """Create, look, list, delete: every field that the library knows is where it looks for it."""
        tasks = client.content_generation.tasks
        created = tasks.create(
            model=VIDEO_MODEL,
            content=[{"type": "text", "text": "江南春色"}],
            resolution="480p",
            ratio="16:9",
            duration=4,
            return_last_frame=True,
            safety_identifier="job-of-the-library",
        )
        task = _ended(tasks, created.id)
        assert (task.status, task.model, task.safety_identifier) == ("succeeded", VIDEO_MODEL, "job-of-the-library")
        assert (task.resolution, task.ratio, task.duration, task.framespersecond) == ("480p", "16:9", 4, 24)
        assert task.usage.completion_tokens == task.usage.total_tokens == 97 * 864 * 496 // 1024
        film = httpx.get(task.content.video_url, trust_env=False, timeout=60)
        assert (film.status_code, film.headers["content-type"]) == (200, "video/mp4")
        assert httpx.get(task.content.last_frame_url, trust_env=False, timeout=60).content.startswith(b"\x89PNG")
        listed = tasks.list(task_ids=[created.id], status="succeeded", model=VIDEO_MODEL)
        assert [item.id for item in listed.items] == [created.id]
        assert listed.items[0].content.video_url == task.content.video_url
        tasks.delete(task_id=created.id)
        with pytest.raises(ark_library._exceptions.ArkNotFoundError):
            tasks.get(task_id=created.id)

    def test_film_that_fails(self, client: Any) -> None:
        """The error is in the task."""
        tasks = client.content_generation.tasks
        content = [{"type": "text", "text": "江南 [sandbox:moderation-output]"}]
        task = _ended(tasks, tasks.create(model=VIDEO_MODEL, content=content).id)
        assert (task.status, task.error.code) == ("failed", "OutputVideoSensitiveContentDetected")

    def test_film_of_a_model_that_makes_none(self, client: Any) -> None:
        """A refusal raises the class of its status."""
        with pytest.raises(ark_library._exceptions.ArkBadRequestError) as caught:
            client.content_generation.tasks.create(model=MODEL, content=[{"type": "text", "text": "x"}])
        assert caught.value.code == "InvalidParameter"

    def test_text(self, client: Any) -> None:
        """A whole answer, and a stream that ends by itself."""
        messages = [{"role": "user", "content": "江南春色"}]
        answer = client.chat.completions.create(model=TEXT_MODEL, messages=messages)
        assert answer.choices[0].message.content == "模拟回答：江南春色"
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
        chunks = list(client.chat.completions.create(model=TEXT_MODEL, messages=messages, stream=True))
        assert "".join(chunk.choices[0].delta.content for chunk in chunks) == "模拟回答：江南春色"


def _ended(tasks: Any, task_id: str) -> Any:
    """Return the task when it has ended."""
    deadline = time.monotonic() + 30
    while (task := tasks.get(task_id=task_id)).status in ("queued", "running"):
        assert time.monotonic() < deadline, f"{task_id} is still {task.status}"
        time.sleep(0.05)
    return task
