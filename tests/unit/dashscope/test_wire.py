"""What is sent, and how answers are read."""

from __future__ import annotations

from typing import Any

from danqing_plugins import OutputKind, PluginError, Source
from danqing_plugins.kit.failures import Answered
from danqing_plugins.kit.reading import Answer
from danqing_providers.dashscope.answers import OrderState, sources_of, state_of
from danqing_providers.dashscope.settings import find_model
from danqing_providers.dashscope.wire import body_of

FRAME = "data:image/png;base64,AAAA"


def sent(model: str, pictures: dict[str, str] | None = None, count: int = 1, **asked: Any) -> dict[str, Any]:
    """Return the body for *model*."""
    found = find_model(model)
    assert found is not None
    return body_of(found, {"prompt": "a fox", **asked}, pictures or {}, count)


class TestBodies:
    """One for each route."""

    def test_text_to_image(self) -> None:
        """The count is always there: four is the service's own."""
        assert sent("wan2.2-t2i-flash", negative_prompt="fog", size="1024*1024", seed=7) == {
            "model": "wan2.2-t2i-flash",
            "input": {"prompt": "a fox", "negative_prompt": "fog"},
            "parameters": {"size": "1024*1024", "seed": 7, "n": 1},
        }

    def test_messages(self) -> None:
        """Pictures before words, the negative prompt among the parameters."""
        body = sent(
            "qwen-image-edit-plus", {"image[0]": "https://x/1", "image[1]": FRAME}, 2, negative_prompt="fog"
        )
        assert body["input"]["messages"] == [
            {"role": "user", "content": [{"image": "https://x/1"}, {"image": FRAME}, {"text": "a fox"}]}
        ]
        assert body["parameters"] == {"negative_prompt": "fog", "n": 2}

    def test_what_is_left_is_asked_for(self) -> None:
        """A later call asks for what is missing, not for what the user wrote."""
        assert sent("wan2.2-t2i-flash", count=2, n=4)["parameters"]["n"] == 2

    def test_video_from_text(self) -> None:
        """No count: there is one."""
        body = sent("wan2.7-t2v", duration=3, resolution="720P", ratio="1:1", audio_url="https://x/a.mp3")
        assert body["input"] == {"prompt": "a fox", "audio_url": "https://x/a.mp3"}
        assert body["parameters"] == {"duration": 3, "resolution": "720P", "ratio": "1:1"}

    def test_video_from_pictures(self) -> None:
        """The old models know one picture, the new one a list of media."""
        assert sent("wan2.6-i2v", {"image": FRAME})["input"] == {"prompt": "a fox", "img_url": FRAME}
        given = sent("wan2.7-i2v", {"image": FRAME, "last_frame": "https://x/2"}, audio_url="https://x/a.mp3")[
            "input"
        ]
        assert given["media"] == [
            {"type": "first_frame", "url": FRAME},
            {"type": "last_frame", "url": "https://x/2"},
            {"type": "driving_audio", "url": "https://x/a.mp3"},
        ]


class TestAnswers:
    """In every form."""

    def answer(self, **output: Any) -> Answer:
        return Answer({"output": output, "request_id": "r"}, Answered(status=200))

    def test_results_with_failures(self) -> None:
        """Of four pictures one was refused."""
        whole, failed = sources_of(
            self.answer(results=[{"url": "https://x/1"}, {"code": "DataInspectionFailed", "message": "no"}])
        )
        assert isinstance(whole, Source)
        assert whole.url == "https://x/1"
        assert isinstance(failed, PluginError)
        assert failed.code == "DataInspectionFailed"

    def test_choices(self) -> None:
        """Text beside a picture is no picture."""
        content = [{"text": "here"}, {"image": "https://x/1"}, {"image": "https://x/2", "type": "image"}]
        answer = self.answer(choices=[{"finish_reason": "stop", "message": {"content": content}}])
        assert sources_of(answer) == [Source.from_url("https://x/1"), Source.from_url("https://x/2")]

    def test_video(self) -> None:
        """One link."""
        film = Source.from_url("https://x/v.mp4", OutputKind.VIDEO)
        assert sources_of(self.answer(video_url="https://x/v.mp4")) == [film]

    def test_states(self) -> None:
        """One that is not known is under way."""
        for state in ("PENDING", "RUNNING", "SUSPENDED", "ODD"):
            assert state_of({"output": {"task_status": state}}) is OrderState.LIVE
        for state in ("SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN"):
            assert state_of({"output": {"task_status": state}}).value == state
