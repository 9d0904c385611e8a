"""Client libraries in one form: a call goes in, and what their user gets comes out."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
from pathlib import Path
from typing import Any

import attrs
import openai
from PIL import Image

__all__ = ["LIBRARIES", "VERCEL", "Call", "Outcome", "make"]

VERCEL = ("vercel_openai", "vercel_compatible")
LIBRARIES = ("openai_python", "openai_node", *VERCEL)


@attrs.frozen(kw_only=True)
class Call:
    """What is asked for. *images* are references in base64; *n* None is left out."""

    base: str
    key: str
    prompt: str
    model: str = "gpt-image-1"
    n: int | None = None
    images: tuple[str, ...] | None = None
    stream: bool = False


@attrs.frozen(kw_only=True)
class Outcome:
    """What a library's user gets: pictures in base64, or a failure with its `status`, `code` and `message`."""

    pictures: list[str] = attrs.field(factory=list)
    failure: dict[str, Any] | None = None

    @property
    def opened(self) -> int:
        """How many pictures a viewer opens."""
        return sum(_opens(each) for each in self.pictures)


async def make(library: str, call: Call, node_folder: Path) -> Outcome:
    """Let *library* make *call*, with the retries that it has by itself."""
    if library == "openai_python":
        return await _in_python(call)
    return await _in_node(library, call, node_folder)


async def _in_python(call: Call) -> Outcome:
    async with openai.AsyncOpenAI(base_url=call.base, api_key=call.key) as client:
        try:
            return Outcome(pictures=await _asked(client, call))
        except openai.APIStatusError as error:
            return Outcome(failure={"status": error.status_code, "code": error.code, "message": error.message})


async def _asked(client: openai.AsyncOpenAI, call: Call) -> list[str]:
    wish: dict[str, Any] = {"model": call.model, "prompt": call.prompt}
    if call.n is not None:
        wish["n"] = call.n
    if call.stream:
        stream = await client.images.generate(**wish, stream=True)
        return [event.b64_json async for event in stream if event.type == "image_generation.completed"]
    if call.images is None:
        return [each.b64_json for each in (await client.images.generate(**wish)).data]
    references = [base64.b64decode(each) for each in call.images]
    return [each.b64_json for each in (await client.images.edit(image=references, **wish)).data]


async def _in_node(library: str, call: Call, node_folder: Path) -> Outcome:
    told = json.dumps({"client": library, **attrs.asdict(call)})
    process = await asyncio.create_subprocess_exec(
        "node",
        "clients.mjs",
        told,
        cwd=node_folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), timeout=90)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, errors.decode()
    return Outcome(**json.loads(output))


def _opens(data: str) -> bool:
    with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as picture:
        return picture.width > 0
