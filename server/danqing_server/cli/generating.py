"""What `danqing generate` does: ask for it once, wait, save."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from danqing_client import Client, ConnectionFailed, InvalidRequest, ServerUnavailable, Task

from danqing_server.cli.asking import Asking, refusal_of
from danqing_server.cli.exits import Ended, Exit
from danqing_server.cli.saving import Place, print_outcome
from danqing_server.cli.showing import clean, show_json, show_text
from danqing_server.cli.waiting import wait_for

__all__ = ["Wish", "generate"]

IMAGE = "image"

_FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


@attrs.frozen(kw_only=True)
class Wish:
    """A submission to be. *parameters* are the model's; *options* the task's, those that are None left out.

    `type` None: what the model makes, a picture where it makes several kinds of things.
    """

    prompt: str = attrs.field(repr=False)
    type: str | None
    model: str | None
    provider: str | None
    references: Sequence[str]
    parameters: Mapping[str, Any] = attrs.field(repr=False)
    options: Mapping[str, str | None]
    idempotency_key: str

    @classmethod
    def read(
        cls,
        prompt: str,
        *,
        told: Mapping[str, Any],
        parameters: Sequence[str],
        idempotency_key: str | None,
        **others: Any,
    ) -> Wish:
        """Return what the arguments amount to. Raises Ended."""
        named = {name: value for name, value in told.items() if value is not None}
        return cls(
            prompt=sys.stdin.read().strip() if prompt == "-" else prompt,
            parameters=named | dict(map(_parameter, parameters)),
            idempotency_key=str(uuid.uuid4()) if idempotency_key is None else idempotency_key,
            **others,
        )


def _parameter(text: str) -> tuple[str, Any]:
    """Return name and value of `NAME=VALUE`: JSON where it is some, else text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Ended(Exit.REFUSED, f"--parameter: {text!r} is not allowed; allowed: NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def generate(asking: Asking, wish: Wish, output: Path | None, *, wait: bool, timeout_s: float | None) -> int:
    """Submit, and print the task's id; or wait, save what came, and say where. Raises Ended."""
    place = None if output is None else Place.read(output)
    _check_count(wish, place)
    with asking.client(may_start=True) as client:
        task = _submit(client, _completed(client, wish, place), wish.idempotency_key)
        if not wait:
            show_json(dict(task.raw)) if asking.as_json else show_text(f"{task.id}\n")
            return Exit.DONE
        ended = wait_for(asking, client, task, timeout_s=timeout_s, saving=output)
        return print_outcome(asking, client, ended, place)


def _check_count(wish: Wish, place: Place | None) -> None:
    count = wish.parameters.get("n")
    if place is not None and place.is_stdout and isinstance(count, int) and count > 1:
        raise Ended(Exit.REFUSED, f"--output: `-` takes one file, not {count}")


def _submit(client: Client, submission: Mapping[str, Any], key: str) -> Task:
    again = f"run it again with --idempotency-key {key}: the same task is found, and nothing is bought twice"
    try:
        return client.submit(**submission, idempotency_key=key)
    except KeyboardInterrupt:
        raise Ended(
            Exit.INTERRUPTED, "interrupted before the server answered; it may have the task", again
        ) from None
    except ConnectionFailed as error:
        raise Ended(Exit.UNREACHABLE, f"{error}; the server may have the task", again) from error
    except ServerUnavailable as error:  # of a proxy, or after a try that was not answered
        raise refusal_of(error, "the server may have the task", again) from error


def _completed(client: Client, wish: Wish, place: Place | None) -> dict[str, Any]:
    """Return what is submitted: model and provider named, with its words for references and the file's format."""
    offered = client.providers()
    provider, model = _model(offered, wish)
    known = model.get("parameters", {}).get("properties", {})
    parameters = _format(known, None if place is None else _FORMATS.get(place.suffix)) | dict(wish.parameters)
    if wish.references:
        parameters |= _references(client, wish.references, provider, known)
    options = {name: value for name, value in wish.options.items() if value is not None}
    elsewhere = provider.get("name") if provider.get("name") != offered["default"] else None
    kind = wish.type or _type(_route(offered, wish) or model)
    named = {"type": kind, "model": wish.model or model["id"], "provider": wish.provider or elsewhere}
    return {"prompt": wish.prompt, **named, **options, **parameters}


def _format(known: Mapping[str, Any], wanted: str | None) -> dict[str, Any]:
    """Return the parameter that asks for the format *wanted*; none of a model that lets nobody choose."""
    offered = known.get("output_format", {}).get("enum", [])
    words = [wanted, "jpg"] if wanted == "jpeg" else [wanted]
    return next(({"output_format": each} for each in words if each in offered), {})


def _type(chosen: Mapping[str, Any]) -> str:
    types = chosen.get("types") or [IMAGE]
    return IMAGE if IMAGE in types else str(types[0])


def _route(offered: Mapping[str, Any], wish: Wish) -> Mapping[str, Any] | None:
    named = (route for route in offered["routes"] if wish.provider is None and route["model"] == wish.model)
    return next(named, None)


def _model(offered: Mapping[str, Any], wish: Wish) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return whose model is meant, and which: the default provider's first.

    Nothing of a route, behind which are several, and of a name that nobody knows: the server says so better.

    Raises:
        Ended: there is no such provider.
    """
    if _route(offered, wish) is not None:
        return {}, {}
    wanted = wish.provider or (offered["default"] if wish.model is None else None)
    providers = [each for each in offered["providers"] if wanted in (None, each["name"])]
    if not providers:
        known = ", ".join(each["name"] for each in offered["providers"])
        raise Ended(Exit.REFUSED, f"--provider: there is no provider {wanted!r}; there are: {known}")
    for provider in sorted(providers, key=lambda each: each["name"] != offered["default"]):
        name = wish.model or provider["default_model"]
        for model in provider["models"]:
            if name == model["id"] or name in model["aliases"]:
                return provider, model
    return {}, {}


def _references(
    client: Client, references: Sequence[str], provider: Mapping[str, Any], known: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Send the pictures ahead and return the parameter that names them. Raises Ended."""
    field = next((name for name in provider.get("reference_fields", ["image"]) if name in known), "image")
    schema = known.get(field, {"type": "array"})
    several = "array" in [schema.get("type"), *(each.get("type") for each in schema.get("anyOf", []))]
    if len(references) > 1 and not several:
        raise Ended(Exit.REFUSED, f"--reference: this model takes one, not {len(references)}")
    links = [_sent(client, each) for each in references]
    return {field: links if several else links[0]}


def _sent(client: Client, reference: str) -> str:
    if reference.startswith(("http://", "https://", "data:", "upload:", "danqing:")):
        return reference
    try:
        content = Path(reference).read_bytes()
    except OSError as error:
        raise Ended(Exit.REFUSED, f"--reference: {reference!r} cannot be read: {error.strerror}") from error
    try:
        return client.upload(content).uri
    except InvalidRequest as error:
        said = f"--reference: {reference!r}: {clean(error.message)} ({error.code})"
        raise Ended(Exit.REFUSED, said) from error
