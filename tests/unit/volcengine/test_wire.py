"""The body that goes to Ark."""

from __future__ import annotations

from danqing_plugins import Reference
from danqing_providers.volcengine.catalogue import MODELS
from danqing_providers.volcengine.wire import body_of, fingerprint_of
from tests.unit.volcengine.builders import LITE, PRO, V30, V40

TABLE = {model.id: model for model in MODELS}


class TestBody:
    """What Ark is told, and what not."""

    def test_least_is_model_prompt_and_form(self) -> None:
        """Nothing is sent that the client did not ask for; Ark's defaults are Ark's."""
        body = body_of(V40, {"prompt": "p"}, [0])
        assert body == {"model": V40, "prompt": "p", "response_format": "url"}

    def test_names_ark_does_not_know_stay_here(self) -> None:
        """n, quality and style have done their work before."""
        body = body_of(V40, {"prompt": "p", "n": 3, "quality": "hd", "style": "anime", "size": "4K"}, [1])
        assert set(body) == {"model", "prompt", "response_format", "size"}

    def test_seed_differs_per_picture(self) -> None:
        """Pictures of one task are not copies, and a repeat of one asks the same again."""
        input_ = {"prompt": "p", "seed": 7, "n": 3}
        assert [body_of(V30, input_, [index])["seed"] for index in range(3)] == [7, 8, 9]
        assert body_of(V30, {"prompt": "p", "seed": 2_147_483_647}, [1])["seed"] == 0
        assert body_of(V30, {"prompt": "p", "seed": -1}, [2])["seed"] == -1

    def test_group_asks_for_what_is_missing(self) -> None:
        """After a crash only the rest is ordered."""
        input_ = {
            "prompt": "p",
            "sequential_image_generation": "auto",
            "sequential_image_generation_options": {"max_images": 5},
        }
        body = body_of(V40, input_, [2, 4])
        assert body["sequential_image_generation_options"] == {"max_images": 2}

    def test_group_is_streamed_unless_told_otherwise(self) -> None:
        """Each picture of a group is safe as soon as it is made."""
        group = {"prompt": "p", "sequential_image_generation": "auto"}
        assert body_of(V40, group, [0, 1])["stream"] is True
        assert "stream" not in body_of(V40, {**group, "stream": False}, [0, 1])
        assert "stream" not in body_of(V40, {"prompt": "p"}, [0])
        assert body_of(V40, {"prompt": "p", "stream": True}, [0])["stream"] is True

    def test_byteplus_has_ids_of_its_own(self) -> None:
        """Overseas the same model has another name, whatever the user wrote."""
        assert TABLE[V40].name_for(V40, overseas=True) == "seedream-4-0-250828"
        assert TABLE[PRO].name_for(PRO, overseas=True) == "dola-seedream-5-0-pro-260628"
        assert TABLE[LITE].name_for("doubao-seedream-5-0-lite-260128", overseas=True) == "seedream-5-0-260128"

    def test_an_id_of_arks_own_is_sent_as_written(self) -> None:
        """H16: an endpoint that knows 5.0 lite by one of its ids only gets that one; names of ours are resolved."""
        for written in (LITE, "doubao-seedream-5-0-lite-260128"):
            assert TABLE[LITE].name_for(written, overseas=False) == written
        assert TABLE[V40].name_for("doubao-seedream-3.0-t2i", overseas=False) == V40


class TestStyle:
    """A phrase in the prompt's language."""

    def test_language_follows_the_prompt(self) -> None:
        """Chinese characters ask for the Chinese phrase."""
        assert body_of(V40, {"prompt": "一只猫 ", "style": "anime"}, [0])["prompt"] == "一只猫，动漫风格"
        assert body_of(V40, {"prompt": "a cat", "style": "anime"}, [0])["prompt"] == "a cat, anime style"

    def test_each_style_has_an_effect_of_its_own(self) -> None:
        """Four styles, four prompts."""
        styles = ("natural", "anime", "cyberpunk", "realistic")
        prompts = {body_of(V40, {"prompt": "a cat", "style": style}, [0])["prompt"] for style in styles}
        assert len(prompts) == 4
        assert all(prompt.startswith("a cat, ") for prompt in prompts)


class TestFingerprint:
    """A hash that recognises a repeat."""

    def test_same_request_same_hash(self) -> None:
        """The order of keys does not matter; a parameter or a reference does."""
        first = Reference(field="image", url="https://example.com/a")
        second = Reference(field="image", asset="t/in-0")
        assert fingerprint_of({"a": 1, "b": 2}, [first]) == fingerprint_of({"b": 2, "a": 1}, [first])
        assert len({fingerprint_of({"a": 1}, [first]), fingerprint_of({"a": 2}, [first])}) == 2
        assert fingerprint_of({"a": 1}, [first]) != fingerprint_of({"a": 1}, [second])
