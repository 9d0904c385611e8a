"""Programs that have a field for a base URL: what they send is taken, and what they read of the answer is there."""

from __future__ import annotations

import base64
import io
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.integration.doors.sdks.conftest import KEY, ORIGIN
from tests.integration.doors.sdks.recorded import RECORDED, Recorded
from tests.support.servers import RunningServer

pytestmark = pytest.mark.clients

OPENAI_JS = (
    "authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-os,x-stainless-package-version,"
    "x-stainless-retry-count,x-stainless-runtime,x-stainless-runtime-version,x-stainless-timeout"
)
"""What openai-node 7.59.0 sends (client.js, internal/detect-platform.js)."""


@pytest.fixture
def client(port: int) -> Iterator[httpx.Client]:
    """A client that follows redirects, as all of them do."""
    base = f"http://127.0.0.1:{port}/v1"
    with httpx.Client(trust_env=False, base_url=base, timeout=60, follow_redirects=True) as client:
        yield client


def send(client: httpx.Client, recorded: Recorded, prompt: str, reference: str) -> httpx.Response:
    key = {"api-key": KEY} if "api-key" in recorded.headers else {"Authorization": f"Bearer {KEY}"}
    fields, headers = {"prompt": prompt, **recorded.fields}, {**recorded.headers, **key}
    if not recorded.files:
        return client.post(recorded.path, json=fields, headers=headers)
    data = base64.b64decode(reference)
    files = [(part, (f"{index}.png", data, "image/png")) for index, part in enumerate(recorded.files)]
    return client.post(recorded.path, data=fields, files=files, headers=headers)


def opens(data: bytes) -> bool:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.width > 0


def linked(client: httpx.Client, url: str) -> bytes:
    """Return what a link leads to; a browser or an `<img>` sends no key."""
    return client.get(url).raise_for_status().content


def read(client: httpx.Client, recorded: Recorded, entry: dict[str, Any]) -> bytes:
    """Return the picture of an entry of `data` as the program gets at it."""
    first, _, second = recorded.reads.partition(", else ")
    key = first if entry.get(first) else second
    return linked(client, entry["url"]) if key == "url" else base64.b64decode(entry["b64_json"], validate=True)


def purchases(client: httpx.Client, sandbox: RunningServer, prompt: str) -> int:
    """Return how many pictures the service charged for; a `style` may have been written behind the prompt."""
    entries = client.get(f"{sandbox.url}/sandbox/ledger").json()["entries"]
    return sum(entry["prompt"].startswith(prompt) for entry in entries)


class TestPrograms:
    @pytest.mark.parametrize("recorded", RECORDED, ids=str)
    def test_picture_is_where_it_looks(
        self, client: httpx.Client, sandbox: RunningServer, reference: str, recorded: Recorded
    ) -> None:
        """And is bought once, by the service's own ledger."""
        prompt = f"a lake for {recorded.program}, {uuid.uuid4().hex}"
        reply = send(client, recorded, prompt, reference)
        assert reply.status_code == 200, reply.text[:300]
        data = reply.json()["data"]
        assert all(opens(read(client, recorded, entry)) for entry in data)
        wanted = int(recorded.fields.get("n", 1))
        assert len(data) == wanted
        assert purchases(client, sandbox, prompt) == wanted

    @pytest.mark.parametrize("recorded", [each for each in RECORDED if each.program == "Open WebUI"], ids=str)
    def test_open_webui_is_given_no_link(self, client: httpx.Client, reference: str, recorded: Recorded) -> None:
        """It would rather follow a link, and refuses one into a private network."""
        reply = send(client, recorded, "a lake without a link", reference)
        assert [list(entry) for entry in reply.json()["data"]] == [["b64_json"]]

    def test_labels_are_what_the_files_are(self, client: httpx.Client, reference: str) -> None:
        """A program names a file by the format it asked for, and shows what the answer says."""
        recorded = next(each for each in RECORDED if each.fields.get("output_format") == "jpeg")
        answer = send(client, recorded, "a lake in JPEG", reference).json()
        assert answer["output_format"] == "jpeg"
        with Image.open(io.BytesIO(base64.b64decode(answer["data"][0]["b64_json"]))) as picture:
            assert picture.format == "JPEG"

    def test_end_user_is_a_label(self, client: httpx.Client, port: int, reference: str) -> None:
        """Open WebUI says who asks, in a header."""
        reply = send(client, RECORDED[0], "a lake of somebody", reference)
        task = client.get(
            f"http://127.0.0.1:{port}/api/v1/tasks/{reply.headers['X-Danqing-Task']}",
            headers={"Authorization": f"Bearer {KEY}"},
        )
        assert task.json()["data"]["user_id"] == "u-17"


class TestBrowser:
    """gpt_image_playground is a page: the browser asks before it sends."""

    @pytest.mark.parametrize("names", ["authorization,cache-control,content-type,pragma", OPENAI_JS])
    def test_preflight_needs_no_key(self, client: httpx.Client, names: str) -> None:
        """The headers that it, or openai-node in a page, is going to send are allowed."""
        reply = client.options(
            "/images/generations",
            headers={
                "Origin": ORIGIN,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": names,
            },
        )
        allowed = reply.headers["Access-Control-Allow-Headers"].lower().split(", ")
        assert reply.status_code in (200, 204)
        assert set(names.split(",")) <= set(allowed)

    def test_answer_is_given_to_the_page(self, client: httpx.Client) -> None:
        """With the headers that a library looks at, of a refusal too."""
        reply = client.post("/images/generations", json={}, headers={"Origin": ORIGIN})
        assert reply.status_code == 401
        assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "X-Should-Retry" in reply.headers["Access-Control-Expose-Headers"]


class TestModels:
    """Dify and n8n ask for the models before anything else; Cherry Studio lists those that make pictures."""

    def test_list(self, client: httpx.Client) -> None:
        """With what Cherry Studio looks for."""
        reply = client.get("/models", headers={"Authorization": f"Bearer {KEY}"})
        models = reply.json()["data"]
        assert reply.json()["object"] == "list"
        assert all({"id", "object", "created", "owned_by"} <= set(model) for model in models)
        assert any("image-generation" in model["supported_endpoint_types"] for model in models)

    def test_wrong_key(self, client: httpx.Client) -> None:
        """What Dify tells its user when the key is wrong."""
        reply = client.get("/models", headers={"Authorization": "Bearer nobodys"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
