"""Workflow files as models: what is found by itself, what an operator names, and each mistake in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from danqing_plugins import ConfigurationError, OutputKind
from danqing_providers.comfyui import examples_folder
from danqing_providers.comfyui.workflows import read_folder, read_workflow

EXAMPLE = json.loads((examples_folder() / "text_to_image.json").read_text())


def written(folder: Path, graph: object, said: str | None = None) -> Path:
    """Write a workflow, and what is said of it."""
    path = folder / "poster.json"
    path.write_text(graph if isinstance(graph, str) else json.dumps(graph))
    if said is not None:
        path.with_suffix(".toml").write_text(said)
    return path


def changed(node: str, **inputs: Any) -> dict[str, Any]:
    """Return the example with other inputs in one node."""
    graph = json.loads(json.dumps(EXAMPLE))
    graph[node]["inputs"] |= inputs
    return graph


class TestGuessing:
    """A file alone."""

    def test_the_usual_nodes_are_found(self, tmp_path: Path) -> None:
        """Prompts by the way they reach the sampler, not by their place in the file."""
        found = read_workflow(written(tmp_path, EXAMPLE))
        slots = {each.name: [str(slot) for slot in each.slots] for each in found.inputs}
        assert slots == {
            "prompt": ["6.text"],
            "negative_prompt": ["7.text"],
            "width": ["5.width"],
            "height": ["5.height"],
            "n": ["5.batch_size"],
            "seed": ["3.seed"],
            "steps": ["3.steps"],
            "guidance_scale": ["3.cfg"],
        }
        assert (found.id, found.kind, found.givers) == ("poster", OutputKind.IMAGE, ("9",))

    def test_a_prompt_behind_other_nodes_is_found(self, tmp_path: Path) -> None:
        """Conditioning is often changed on its way."""
        graph = changed("3", positive=["20", 0])
        graph["20"] = {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["6", 0]}}
        prompt = read_workflow(written(tmp_path, graph)).inputs[0]
        assert [str(slot) for slot in prompt.slots] == ["6.text"]

    def test_a_circle_of_links_ends(self, tmp_path: Path) -> None:
        """A hostile file hangs nobody."""
        graph = changed("3", positive=["20", 0])
        graph["20"] = {"class_type": "A", "inputs": {"conditioning": ["21", 0]}}
        graph["21"] = {"class_type": "B", "inputs": {"conditioning": ["20", 0]}}
        assert "prompt" not in {each.name for each in read_workflow(written(tmp_path, graph)).inputs}

    def test_every_example_is_sound(self) -> None:
        """They are what the sandbox shows."""
        found = {each.id: each for each in read_folder(examples_folder())}
        assert found["text_to_video"].kind is OutputKind.VIDEO
        assert [each.name for each in found["image_to_image"].pictures] == ["image"]
        assert found["image_to_image"].title.zh == "图生图（示例）"


class TestNaming:
    """A file with a TOML file beside it."""

    def test_inputs_are_as_their_operator_named_them(self, tmp_path: Path) -> None:
        """By a node's title or id; a limit and a default of its own."""
        said = '[inputs.words]\nto = "Prompt.text"\nrequired = true\n'
        said += '[inputs.size]\nto = ["5.width", "5.height"]\nmaximum = 1024\n'
        words, size = read_workflow(written(tmp_path, EXAMPLE, said)).inputs
        assert (words.required, words.type, str(words.slots[0])) == (True, "text", "6.text")
        assert (size.type, size.default, size.maximum, len(size.slots)) == ("integer", 512, 1024, 2)

    @pytest.mark.parametrize(
        ("said", "words"),
        [
            ('[inputs.prompt]\nto = "66.text"', "inputs.prompt: there is no node '66'; known ids: 3, 4, 5"),
            ('[inputs.prompt]\nto = "6.txt"', "node 6 (CLIPTextEncode) has no input 'txt'; it has: clip, text"),
            ('[inputs.prompt]\nto = "6.clip"', "node 6 (CLIPTextEncode): 'clip' comes from node 4; set it there"),
            ('[inputs.prompt]\nto = "prompt"', "names no input; write NODE.FIELD"),
            ("[inputs.prompt]\nminimum = 1", "say where it goes, to = 'NODE.FIELD'"),
            ('[inputs.prompt]\nto = "6.text"\nmin = 1', "inputs.prompt: unknown 'min'; known: choices,"),
            ('[inputs.prompt]\nto = "6.text"\ntype = "string"', "type 'string' is none of text, integer"),
            ('[inputs.steps]\nto = "3.steps"\nmaximum = "9"', "maximum is a number, not '9'"),
            (
                '[inputs.prompt]\nto = "6.text"\nrequired = "no"',
                "inputs.prompt: required is true or false, not 'no'",
            ),
            ('[inputs.by]\nto = "3.sampler_name"\nchoices = "euler"', "choices are a list of values, not 'euler'"),
            ('[inputs.by]\nto = "3.sampler_name"\nchoices = []', "choices are a list of values, not []"),
            ('[inputs.by]\nto = "3.sampler_name"\ntype = "choice"', "choices are a list of values, not None"),
            (
                '[inputs.by]\nto = "3.sampler_name"\nchoices = ["a"]\ndefault = "b"',
                "default 'b' is none of the choices",
            ),
            ('[inputs.steps]\nto = "3.steps"\nminimum = 9\nmaximum = 3', "minimum 9 is above maximum 3"),
            (
                '[inputs.steps]\nto = "3.steps"\nmaximum = 3\ndefault = 9',
                "default 9 is not from minimum to maximum",
            ),
            ('inputs = ["prompt"]', "inputs are tables: begin each with [inputs.NAME]"),
            ("outputs = 1.5", "outputs is a list of texts, not 1.5"),
            ("aliases = true", "aliases is a list of texts, not True"),
            ('outputs = "12"', "there is no node '12'"),
            ('outputs = ["8"]', "outputs: node 8 (VAEDecode) writes no file"),
            ("titel = 1", "unknown 'titel'; known: aliases"),
            ("= 1", "is not valid TOML"),
        ],
    )
    def test_a_mistake_is_one_line_that_names_it(self, tmp_path: Path, said: str, words: str) -> None:
        """The file, the node, the field, and what is allowed."""
        path = written(tmp_path, EXAMPLE, said)
        with pytest.raises(ConfigurationError) as caught:
            read_workflow(path)
        assert caught.value.message.startswith(f"{path.with_suffix('.toml')}: ")
        assert words in caught.value.message
        assert "\n" not in caught.value.message.partition(" (at line")[0]


class TestNames:
    @pytest.mark.parametrize(("said", "most"), [("", 64), ("maximum = 200", 200)])
    def test_a_number_of_pictures_has_an_end(self, tmp_path: Path, said: str, most: int) -> None:
        """Each has a place in its task, before anything is made."""
        toml = f'[inputs.prompt]\nto = "6.text"\n[inputs.count]\nto = "5.batch_size"\nminimum = 1\n{said}\n'
        found = read_workflow(written(tmp_path, EXAMPLE, toml)).input("batch")
        assert found is not None
        assert (found.name, found.maximum) == ("count", most)

    def test_one_alias_is_one_name(self, tmp_path: Path) -> None:
        """It was each of its letters."""
        assert read_workflow(written(tmp_path, EXAMPLE, 'aliases = "poster-v2"')).aliases == ("poster-v2",)

    @pytest.mark.parametrize("alias", ["other", "shared"])
    def test_a_name_of_two_workflows_is_refused(self, tmp_path: Path, alias: str) -> None:
        """The first of them would have been run for both."""
        path = written(tmp_path, EXAMPLE, f'aliases = ["{alias}"]')
        (tmp_path / "other.json").write_bytes(path.read_bytes())
        (tmp_path / "other.toml").write_text('aliases = ["shared"]')
        with pytest.raises(ConfigurationError) as caught:
            read_folder(tmp_path)
        assert caught.value.message.endswith(f"poster.toml: aliases: {alias!r} is a name of 'other' already")


class TestBroken:
    """Files that are no workflows."""

    @pytest.mark.parametrize(
        ("graph", "words"),
        [
            ({"nodes": [], "links": []}, "is in the format of ComfyUI's editor; export it with 'Export (API)'"),
            ({}, "holds no workflow"),
            ("{", "line 1: is not valid JSON"),
            ({"3": {"inputs": {}}}, "node 3: has no 'class_type'"),
            (
                changed("3", positive=["60", 0]),
                "node 3 (KSampler): 'positive' leads to node 60, which is not there",
            ),
            ({"3": {"class_type": "PreviewImage", "inputs": {}}}, "no node writes a file"),
        ],
    )
    def test_it_is_refused_in_one_line(self, tmp_path: Path, graph: object, words: str) -> None:
        """An operator sees at the start what is wrong, not a user hours later."""
        with pytest.raises(ConfigurationError, match=r"poster\.json: ") as caught:
            read_workflow(written(tmp_path, graph))
        assert words in caught.value.message
