"""How each library makes a call, with the retries that it has by itself."""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import os
import warnings
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import httpx
import openai

from tests.integration.doors.sdks.libraries import Call, Library, Outcome

__all__ = ["make"]


async def make(library: Library, call: Call, node_folder: Callable[[], Path]) -> Outcome:
    """Let *library* make *call*, one in JavaScript from the folder that *node_folder* names."""
    if library.name in _IN_PYTHON:
        return await _IN_PYTHON[library.name](call)
    return await _in_node(library, call, node_folder())


async def _openai(call: Call) -> Outcome:
    async with openai.AsyncOpenAI(base_url=call.base, api_key=call.key) as client:
        try:
            return Outcome(pictures=await _openais_pictures(client, call))
        except openai.APIStatusError as error:
            return _failure(error)


async def _openais_pictures(client: openai.AsyncOpenAI, call: Call) -> list[str]:
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


async def _ark(call: Call) -> Outcome:
    library = _arks_library()
    client = library.AsyncArk(base_url=call.base, api_key=call.key)
    try:
        return Outcome(pictures=await _arks_pictures(client, call))
    except library._exceptions.ArkAPIStatusError as error:
        return _failure(error)
    finally:
        await client.close()


async def _arks_pictures(client: Any, call: Call) -> list[str]:
    wish: dict[str, Any] = {"model": call.model, "prompt": call.prompt, "response_format": "b64_json"}
    if call.n is not None:  # a group, which has as many as its prompt says
        wish["sequential_image_generation"] = "auto"
    if call.images is not None:
        wish["image"] = [f"data:image/png;base64,{each}" for each in call.images]
    if call.stream:
        stream = await client.images.generate(**wish, stream=True)
        return [event.b64_json async for event in stream if event.type == "image_generation.partial_succeeded"]
    return [each.b64_json for each in (await client.images.generate(**wish)).data]


async def _langchain(call: Call) -> Outcome:
    wrapper = _langchains_wrapper()(base_url=call.base, api_key=call.key, model=call.model, n=call.n or 1)
    try:
        links = await asyncio.to_thread(wrapper.run, call.prompt)
    except openai.APIStatusError as error:
        return _failure(error)
    finally:  # the wrapper itself closes nothing
        wrapper.client._client.close()
        await wrapper.async_client._client.close()
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        found = [(await client.get(link)).raise_for_status().content for link in links.split("\n")]
    return Outcome(pictures=[base64.b64encode(each).decode() for each in found])


_IN_PYTHON: Mapping[str, Callable[[Call], Awaitable[Outcome]]] = {
    "openai_python": _openai,
    "ark_python": _ark,
    "langchain": _langchain,
}


@functools.cache
def _arks_library() -> Any:
    """Return it with all that it imports when it is first used, which would hold up the loop in a call."""
    import volcenginesdkarkruntime as library

    client = library.Ark(api_key="k")
    assert client.images is not None
    client.close()
    return library


@functools.cache
def _langchains_wrapper() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it says that nobody keeps it up any more
        from langchain_community.utilities.dalle_image_generator import DallEAPIWrapper
    return DallEAPIWrapper


async def _in_node(library: Library, call: Call, node_folder: Path) -> Outcome:
    told = json.dumps({"client": library.name, **attrs.asdict(call)})
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


def _failure(error: Any) -> Outcome:
    return Outcome(failure={"status": error.status_code, "code": error.code, "message": error.message})
