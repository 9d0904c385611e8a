"""What is taken of a submission, and the form that asks for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from danqing_plugins import InvalidRequest, OutputKind, PluginContext, Reference, Request
from danqing_plugins.testing import check_info, check_prepare
from danqing_providers.comfyui import examples_folder
from danqing_providers.comfyui.plugin import ComfyUIProvider


@pytest.fixture
def provider(tmp_path: Path) -> ComfyUIProvider:
    """Return one with the example workflows."""
    made = ComfyUIProvider()
    made.configure(PluginContext(name="comfyui", data_dir=tmp_path, call_timeout_s=60, sandbox=True))
    return made


def request(model: str = "text_to_image", type_: str = "image", **input_: Any) -> Request:
    """Return a submission."""
    references = tuple(Reference(field="image", asset="a/b.png") for _ in range(input_.pop("pictures", 0)))
    asked = {"prompt": "山水", **input_}
    return Request(provider="comfyui", type=type_, model=model, input=asked, references=references)


def refused(provider: ComfyUIProvider, asked: Request) -> dict[str, str]:
    """Return the problems of a submission that is refused, by field."""
    with pytest.raises(InvalidRequest) as caught:
        provider.prepare(asked)
    return {problem.field: problem.message for problem in caught.value.problems}


class TestPrepare:
    """`prepare`."""

    def test_the_provider_keeps_the_rules(self, provider: ComfyUIProvider) -> None:
        """As far as they can be seen without a server."""
        check_info(provider)
        check_prepare(provider, request(n=2))

    def test_a_size_is_its_two_sides(self, provider: ComfyUIProvider) -> None:
        """So that clients of other services need not learn another word."""
        done = provider.prepare(request(size="1024x768", n=3))
        assert (done.input["width"], done.input["height"], done.outputs) == (1024, 768, 3)
        assert refused(provider, request(size="1024x768", width=512)).keys() == {"size"}

    def test_each_task_has_a_seed_of_its_own(self, provider: ComfyUIProvider) -> None:
        """With the one in the file ComfyUI would return the picture it has."""
        seeds = {provider.prepare(request()).input["seed"] for _ in range(3)}
        assert len(seeds) == 3
        assert provider.prepare(request(seed=7)).input["seed"] == 7

    def test_every_wrong_field_is_named(self, provider: ComfyUIProvider) -> None:
        """Before anything is queued."""
        wrong = refused(provider, request(prompt=" ", width=500, n=0, stepz=9, seed=-1))
        assert wrong.keys() == {"prompt", "width", "n", "stepz", "seed"}
        assert "steps" in wrong["stepz"]

    def test_a_picture_is_asked_for_where_one_is_loaded(self, provider: ComfyUIProvider) -> None:
        """And refused where none is."""
        assert refused(provider, request("image_to_image")).keys() == {"image"}
        assert refused(provider, request(pictures=1)).keys() == {"image"}
        assert provider.prepare(request("image_to_image", pictures=1)).input["pictures"] == ["image"]

    def test_a_film_is_a_model_of_its_own_type(self, provider: ComfyUIProvider) -> None:
        """What comes follows from the nodes that write."""
        done = provider.prepare(request("text_to_video", "video"))
        assert (done.kind, done.outputs) == (OutputKind.VIDEO, 1)
        assert "text_to_image" not in refused(provider, request("text_to_image", "video"))["model"]


class TestOwnNames:
    """Inputs that an operator called as something of ours is called."""

    @pytest.mark.parametrize(
        ("said", "given", "sent"),
        [
            ('[inputs.size]\nto = ["5.width", "5.height"]\n', {"size": 256}, 256),
            ('[inputs.size]\nto = "3.scheduler"\nchoices = ["max", "normal"]\n', {"size": "max"}, "max"),
            ('[inputs.pictures]\nto = "5.batch_size"\n', {"pictures": 3}, 3),
        ],
    )
    def test_it_goes_where_its_operator_said(
        self, tmp_path: Path, said: str, given: dict[str, Any], sent: object
    ) -> None:
        """And is no size in pixels, nor the list of reference pictures."""
        provider = of_one_workflow(tmp_path, said)
        done = provider.prepare(Request(provider="comfyui", type="image", model="poster", input=given))
        assert done.input[next(iter(given))] == sent

    def test_a_number_that_only_the_file_says_counts(self, tmp_path: Path) -> None:
        """Of four pictures that a run writes, three would be left there."""
        text = '[inputs.prompt]\nto = "6.text"\n'
        provider = of_one_workflow(tmp_path, text, batch_size=4)
        request = Request(provider="comfyui", type="image", model="poster", input={"prompt": "山水"})
        assert provider.prepare(request).outputs == 4


def of_one_workflow(folder: Path, said: str, **latent: Any) -> ComfyUIProvider:
    """Return a provider of the example as `poster`, with what is said of it and other inputs of its latent."""
    graph = json.loads((examples_folder() / "text_to_image.json").read_text())
    graph["5"]["inputs"] |= latent
    (folder / "comfyui").mkdir()
    (folder / "comfyui" / "poster.json").write_text(json.dumps(graph))
    (folder / "comfyui" / "poster.toml").write_text(said)
    made = ComfyUIProvider()
    made.configure(PluginContext(name="comfyui", data_dir=folder, call_timeout_s=60, sandbox=True))
    return made
