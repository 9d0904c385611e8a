"""Submissions are checked per model before anything is queued."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danqing_plugins import InvalidRequest, Price, Reference
from danqing_providers.volcengine.parameters import LONGEST_PROMPT, PARAMETERS
from tests.unit.volcengine.builders import EDIT, FLASH, LITE, PRO, V30, V40, V45, prepared, problems

AUTO = {"sequential_image_generation": "auto"}

TAKEN = {
    "seed": (5, {V30, EDIT}),
    "guidance_scale": (2.5, {V30, EDIT}),
    "sequential_image_generation": ("disabled", {V40, V45, LITE}),
    "stream": (True, {V40, V45, LITE}),
    "optimize_prompt_options": ({"mode": "standard"}, {V40, V45, LITE, PRO}),
    "output_format": ("png", {LITE, PRO}),
    "tools": ([{"type": "web_search"}], {LITE}),
    "background": ("opaque", {PRO}),
    "watermark": (False, {V40, V45, LITE, PRO, V30, EDIT}),
    "response_format": ("b64_json", {V40, V45, LITE, PRO, V30, EDIT}),
}


def urls(count: int) -> tuple[Reference, ...]:
    """Return *count* references to pictures elsewhere."""
    return tuple(Reference(field=f"image[{n}]", url=f"https://example.com/{n}.png") for n in range(count))


class TestModels:
    """Which model a submission means."""

    @pytest.mark.parametrize("name", [None, "doubao-seedream-3.0-t2i", "seedream-4-0-250828", V40])
    def test_aliases_and_a_missing_name_mean_the_default(self, name: str | None) -> None:
        """The contract's alias, the BytePlus id and no name at all give Seedream 4.0."""
        assert prepared(name).model == V40

    def test_replaced_model_is_named_in_a_note(self) -> None:
        """The user of the old model id reads which model made the picture."""
        assert "doubao-seedream-3.0-t2i" in prepared("doubao-seedream-3.0-t2i").notes[0]
        assert prepared(V40).notes == ()

    def test_lite_has_two_ids(self) -> None:
        """H16: both ids of 5.0 lite are one model, and each is sent as it was written."""
        for written in ("doubao-seedream-5-0-lite-260128", LITE):
            assert prepared(written).model == written
            assert prepared(written, size="2K").price == prepared(LITE, size="2K").price

    @pytest.mark.parametrize("name", [V30, EDIT, "seedream-3-0-t2i-250415"])
    def test_shut_down_model_is_refused_with_the_live_ones(self, name: str) -> None:
        """A model that Ark has shut down is refused in words that help."""
        message = problems(name)["model"]
        assert "shut down" in message
        assert V40 in message
        assert PRO in message

    def test_unknown_model_is_refused_with_the_known_ones(self) -> None:
        """A model nobody knows is not said to be shut down."""
        message = problems("dall-e-3")["model"]
        assert message.startswith("unknown")
        assert V45 in message


class TestPrompt:
    """What a prompt may be."""

    @pytest.mark.parametrize(
        "prompt", [None, "", "  \n", 5, True, ["a"], "a\0b", "half \ud800", "x" * (LONGEST_PROMPT + 1)]
    )
    def test_is_a_text_that_says_something(self, prompt: Any) -> None:
        """Absent, empty, no string, unencodable or endless prompts are refused."""
        assert set(problems(prompt=prompt)) == {"prompt"}

    def test_longest_passes_unchanged(self) -> None:
        """The cap itself is allowed."""
        assert prepared(prompt="画" * LONGEST_PROMPT).input["prompt"] == "画" * LONGEST_PROMPT


class TestSizes:
    """Pixels, ratio and tiers of each model."""

    @pytest.mark.parametrize(
        ("model", "size", "sent"),
        [
            (V40, "1024x1024", "1024x1024"),
            (V40, "1k", "1K"),
            (V40, "4096x4096", "4096x4096"),
            (V40, "960x960", "960x960"),
            (V40, "240x3840", "240x3840"),
            (V45, "2k", "2K"),
            (V45, "1920x1920", "1920x1920"),
            (LITE, "3K", "3K"),
            (PRO, "1K", "1K"),
            (PRO, "1.5k", "1.5K"),
            (PRO, "1024x1024", "1024x1024"),
        ],
    )
    def test_legal_sizes_are_sent(self, model: str, size: str, sent: str) -> None:
        """A size within the limits goes upstream, a tier in Ark's spelling."""
        assert prepared(model, size=size).input["size"] == sent
        assert prepared(model, size=size).notes == ()

    @pytest.mark.parametrize(
        ("model", "size", "limit"),
        [
            (V40, "959x960", "921600"),
            (V40, "4097x4096", "16777216"),
            (V40, "240x3841", "1:16"),
            (V40, "3K", "1K, 2K, 4K"),
            (V45, "1024x1024", "3686400"),
            (V45, "1K", "2K, 4K"),
            (V45, "1919x1920", "3686400"),
            (LITE, "1024x1024", "3686400"),
            (LITE, "1K", "2K, 3K, 4K"),
            (PRO, "4K", "1K, 1.5K, 2K"),
            (PRO, "2304x2304", "4624220"),
            (PRO, "512x1024", "921600"),
            (V40, "0x0", "921600"),
            (V40, "1024", "921600"),
            (V40, "1024 x 1024", "921600"),
            (V40, "1024x1024x3", "921600"),
            (V40, "１０２４x１０２４", "921600"),
            (V40, "", "921600"),
            (V40, 1024, "string"),
            (V40, ["1024x1024"], "string"),
        ],
    )
    def test_illegal_sizes_are_refused_with_the_limit(self, model: str, size: Any, limit: str) -> None:
        """The message names the model's own limits."""
        found = problems(model, size=size)
        assert set(found) == {"size"}
        assert limit in found["size"]

    @pytest.mark.parametrize(
        ("model", "size", "sent"),
        [
            (V40, "256x256", "960x960"),
            (V40, "512x512", "960x960"),
            (V45, "256x256", "1920x1920"),
            (V45, "1024x1792", "1456x2548"),
            (LITE, "1792x1024", "2548x1456"),
            (PRO, "512x512", "960x960"),
        ],
    )
    def test_old_small_sizes_are_enlarged_with_a_note(self, model: str, size: str, sent: str) -> None:
        """The four documented sizes become the nearest legal one of their shape, and the task says so."""
        done = prepared(model, size=size)
        assert done.input["size"] == sent
        assert len(done.notes) == 1
        assert size in done.notes[0]
        assert sent in done.notes[0]

    @pytest.mark.parametrize("size", ["1024x1792", "1792x1024"])
    def test_old_sizes_that_are_legal_stay(self, size: str) -> None:
        """What the model can make is not changed."""
        assert prepared(V40, size=size).input["size"] == size
        assert prepared(V40, size=size).notes == ()

    def test_old_models_have_their_own_sizes(self) -> None:
        """3.0 begins at 512x512 and knows no tier; seededit is adaptive only."""
        assert prepared(V30, old=True, size="256x256").input["size"] == "512x512"
        assert set(problems(V30, old=True, size="2K")) == {"size"}
        assert prepared(EDIT, old=True, size="Adaptive", references=urls(1)).input["size"] == "adaptive"
        assert set(problems(EDIT, old=True, size="1024x1024", references=urls(1))) == {"size"}


class TestQualityAndStyle:
    """The names Ark does not know; see docs/decisions/0002."""

    @pytest.mark.parametrize(("model", "size"), [(V40, "4K"), (V45, "4K"), (LITE, "4K"), (PRO, "2K")])
    def test_hd_is_the_largest_tier(self, model: str, size: str) -> None:
        """Without a size, hd asks for the model's largest tier."""
        assert prepared(model, quality="hd").input["size"] == size

    def test_standard_leaves_the_size_to_the_model(self) -> None:
        """Standard is what Ark does when it is asked for nothing."""
        assert "size" not in prepared(quality="standard").input

    def test_given_size_beats_hd(self) -> None:
        """A size is never overruled, and the task says that hd did nothing."""
        done = prepared(quality="hd", size="1024x1024")
        assert done.input["size"] == "1024x1024"
        assert "hd" in done.notes[0]

    @pytest.mark.parametrize("field", ["quality", "style"])
    @pytest.mark.parametrize("value", ["HD", "vivid", 1, True, ["hd"], {}])
    def test_other_values_are_refused(self, field: str, value: Any) -> None:
        """Only the documented words are taken."""
        assert set(problems(**{field: value})) == {field}


class TestCounts:
    """`n` independent pictures, or a group of one story."""

    def test_one_picture_is_one_call(self) -> None:
        """The write-ahead of a single picture travels with the task's start."""
        assert (prepared().outputs, prepared().single_call) == (1, True)
        assert (prepared(n=1).outputs, prepared(n=1).single_call) == (1, True)

    def test_n_pictures_are_n_calls(self) -> None:
        """Each of n pictures is paid and delivered by itself."""
        assert (prepared(n=15).outputs, prepared(n=15).single_call) == (15, False)

    @pytest.mark.parametrize("n", [0, 16, -1, "3", 2.0, True, [2]])
    def test_n_is_a_whole_number_from_1_to_15(self, n: Any) -> None:
        """Nothing is coerced."""
        assert set(problems(n=n)) == {"n"}

    def test_group_is_one_call_of_up_to_max_images(self) -> None:
        """A group holds what it was asked for, or as many as Ark makes."""
        done = prepared(**AUTO, sequential_image_generation_options={"max_images": 4})
        assert (done.outputs, done.single_call) == (4, True)
        assert prepared(**AUTO).outputs == 15

    def test_references_take_room_from_a_group(self) -> None:
        """References and pictures are at most 15 together."""
        assert prepared(**AUTO, references=urls(3)).outputs == 12
        assert prepared(**AUTO, references=urls(14)).outputs == 1
        options = {"max_images": 13}
        found = problems(**AUTO, references=urls(3), sequential_image_generation_options=options)
        assert set(found) == {"sequential_image_generation_options.max_images"}
        assert "at most 12" in found["sequential_image_generation_options.max_images"]

    def test_two_counts_are_refused(self) -> None:
        """n beside a group is ambiguous; n of 1 is not."""
        assert set(problems(**AUTO, n=2)) == {"n"}
        assert problems(**AUTO, n=1) == {}

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"max_images": 0}, ".max_images"),
            ({"max_images": 16}, ".max_images"),
            ({"max_images": "4"}, ".max_images"),
            ({"max_images": True}, ".max_images"),
            ({"most": 4}, ".most"),
            ([4], ""),
            ("4", ""),
        ],
    )
    def test_group_options_are_strict(self, options: Any, field: str) -> None:
        """Every wrong option is named by its path."""
        name = "sequential_image_generation_options"
        assert set(problems(**AUTO, **{name: options})) == {name + field}

    def test_group_options_without_a_group_are_refused(self) -> None:
        """An option that would silently do nothing is an error."""
        options = {"max_images": 4}
        assert set(problems(sequential_image_generation_options=options)) == {"sequential_image_generation_options"}


class TestParametersPerModel:
    """Each model takes what Ark's table says, and nothing else."""

    @pytest.mark.parametrize("name", TAKEN)
    @pytest.mark.parametrize("model", [V40, V45, LITE, PRO, V30, EDIT])
    def test_table(self, name: str, model: str) -> None:
        """A model that does not know a parameter refuses it by name; one that does keeps it."""
        value, takers = TAKEN[name]
        references = urls(1) if model == EDIT else ()
        found = problems(model, old=True, references=references, **{name: value})
        assert set(found) == (set() if model in takers else {name})
        if model in takers:
            assert prepared(model, old=True, references=references, **{name: value}).input[name] == value

    def test_refusal_names_model_and_takers(self) -> None:
        """The message says which models would take it."""
        assert problems(V40, output_format="png")["output_format"] == (
            f"{V40} does not take it; models that take it: {LITE}, {PRO}, {FLASH}"
        )
        assert "no model on offer" in problems(V40, seed=5)["seed"]

    @pytest.mark.parametrize(
        ("model", "allowed"), [(V40, True), (V45, False), (LITE, False), (PRO, True), (FLASH, True)]
    )
    def test_fast_prompt_optimisation(self, model: str, allowed: bool) -> None:
        """The fast mode exists for 4.0, 5.0 pro and 5.0 flash only."""
        found = problems(model, optimize_prompt_options={"mode": "fast"})
        assert (found == {}) is allowed
        assert allowed or set(found) == {"optimize_prompt_options.mode"}

    @pytest.mark.parametrize(
        ("model", "name", "value", "field"),
        [
            (V30, "seed", -2, "seed"),
            (V30, "seed", 2**31, "seed"),
            (V30, "seed", 1.0, "seed"),
            (V30, "seed", True, "seed"),
            (V30, "guidance_scale", 0.9, "guidance_scale"),
            (V30, "guidance_scale", 10.5, "guidance_scale"),
            (V30, "guidance_scale", "5", "guidance_scale"),
            (V30, "guidance_scale", float("nan"), "guidance_scale"),
            (V30, "guidance_scale", True, "guidance_scale"),
            (V30, "guidance_scale", 10**400, "guidance_scale"),
            (V40, "watermark", "true", "watermark"),
            (V40, "watermark", 1, "watermark"),
            (V40, "response_format", "base64", "response_format"),
            (V40, "stream", 1, "stream"),
            (V40, "sequential_image_generation", True, "sequential_image_generation"),
            (V40, "sequential_image_generation", "on", "sequential_image_generation"),
            (V40, "optimize_prompt_options", "fast", "optimize_prompt_options"),
            (V40, "optimize_prompt_options", {"thinking": "auto"}, "optimize_prompt_options.thinking"),
            (LITE, "output_format", "webp", "output_format"),
            (LITE, "tools", [], "tools"),
            (LITE, "tools", [{"type": "code"}], "tools"),
            (LITE, "tools", {"type": "web_search"}, "tools"),
            (PRO, "background", "white", "background"),
            (PRO, "layer_decomposition", "yes", "layer_decomposition"),
        ],
    )
    def test_values_are_strict(self, model: str, name: str, value: Any, field: str) -> None:
        """Wrong types and ranges are refused under the key the client sent."""
        assert set(problems(model, old=True, **{name: value})) == {field}

    def test_null_is_absence(self) -> None:
        """The official client sends null for everything it was not given."""
        nulls = {name: None for name in PARAMETERS if name not in ("prompt", "image")}
        assert prepared(PRO, **nulls, negative_prompt=None).input == {"prompt": "a red fox"}

    @pytest.mark.parametrize("name", ["negative_prompt", "image_size", "Size", "user", "guidance"])
    def test_unknown_names_are_refused_with_the_known_ones(self, name: str) -> None:
        """Ark ignores what it does not know; we say so instead."""
        found = problems(**{name: "x"})
        assert set(found) == {name}
        assert "watermark" in found[name]

    @pytest.mark.parametrize("model", [V40, V45, LITE, PRO, V30, EDIT])
    def test_known_ones_are_those_of_this_model(self, model: str) -> None:
        """U5: what is called known is taken."""
        references = urls(1) if model == EDIT else ()
        message = problems(model, old=True, references=references, nonsense=1)["nonsense"]
        told = set(message.partition("known: ")[2].split(", "))
        assert {name: name in told for name in TAKEN} == {
            name: model in takers for name, (_, takers) in TAKEN.items()
        }
        assert ("image" in told) is (model != V30)

    def test_every_problem_is_told_at_once(self) -> None:
        """A client mends its request in one round."""
        with pytest.raises(InvalidRequest) as caught:
            prepared(V45, prompt="", size="1024x1024", n=99, style="x", seed="1", nonsense=1, references=urls(15))
        assert {problem.field for problem in caught.value.problems} == {
            "prompt",
            "size",
            "n",
            "style",
            "seed",
            "nonsense",
            "image",
        }


class TestLayers:
    """Taking one picture apart, a thing of 5.0 pro."""

    def test_makes_up_to_seventeen_pictures_in_one_call(self) -> None:
        """A base and up to 16 layers; the prompt is optional."""
        done = prepared(PRO, prompt=None, layer_decomposition=True, references=urls(1))
        assert (done.outputs, done.single_call) == (17, True)

    @pytest.mark.parametrize("count", [0, 2])
    def test_needs_exactly_one_reference(self, count: int) -> None:
        """There is one picture to take apart."""
        assert set(problems(PRO, layer_decomposition=True, references=urls(count))) == {"layer_decomposition"}

    def test_refuses_n(self) -> None:
        """Several such calls in one task could not be told apart."""
        assert set(problems(PRO, layer_decomposition=True, n=2, references=urls(1))) == {"n"}

    @pytest.mark.parametrize(
        ("input_", "field"),
        [
            ({"output_format": "jpeg"}, "output_format"),
            ({"size": "1024x1024"}, "size"),
            ({"size": "4K"}, "size"),
        ],
    )
    def test_gives_png_of_a_tier(self, input_: dict[str, Any], field: str) -> None:
        """H22: what Ark would refuse is refused before it is queued."""
        assert set(problems(PRO, layer_decomposition=True, references=urls(1), **input_)) == {field}

    @pytest.mark.parametrize(("size", "sent"), [("auto", "auto"), ("AUTO", "auto"), ("1k", "1K"), ("2K", "2K")])
    def test_size_may_be_left_to_ark(self, size: str, sent: str) -> None:
        """H22: `auto` is a size of decompositions only."""
        assert prepared(PRO, layer_decomposition=True, references=urls(1), size=size).input["size"] == sent
        if sent == "auto":
            assert set(problems(PRO, size=size)) == {"size"}

    @pytest.mark.parametrize(
        ("width", "height", "good"), [(512, 6000, True), (511, 512, False), (6001, 5000, False)]
    )
    def test_sides_of_the_picture(self, width: int, height: int, good: bool) -> None:
        """H22: 512 to 6000 pixels a side, where they are known."""
        picture = Reference(field="image", width=width, height=height, media_type="image/png", size_bytes=1)
        found = problems(PRO, layer_decomposition=True, references=(picture,))
        assert set(found) == (set() if good else {"layer_decomposition"})

    def test_false_is_nothing(self) -> None:
        """Models that do not know it take false."""
        assert prepared(V40, layer_decomposition=False, stream=False).outputs == 1


class TestTransparency:
    """H22: a transparent background, a thing of 5.0 pro, needs one picture with alpha, and png."""

    def test_needs_exactly_one_picture(self) -> None:
        """H22: there is one picture to take off its background."""
        for count in (0, 2):
            assert set(problems(PRO, background="transparent", references=urls(count))) == {"background"}

    def test_needs_alpha(self) -> None:
        """H22: a JPEG has none."""
        jpeg = Reference(field="image", width=800, height=800, media_type="image/jpeg", size_bytes=1)
        assert set(problems(PRO, background="transparent", references=(jpeg,))) == {"background"}
        png = Reference(field="image", width=800, height=800, media_type="image/png", size_bytes=1)
        assert problems(PRO, background="transparent", references=(png,)) == {}

    def test_needs_png(self) -> None:
        """H22: jpeg is refused; without a format png is sent, since Ark's default is jpeg, and the task says so."""
        one = urls(1)
        found = problems(PRO, background="transparent", output_format="jpeg", references=one)
        assert set(found) == {"output_format"}
        done = prepared(PRO, background="transparent", references=one)
        assert done.input["output_format"] == "png"
        assert "png" in done.notes[0]
        assert prepared(PRO, background="transparent", output_format="png", references=one).notes == ()

    def test_opaque_needs_nothing(self) -> None:
        """The ordinary background is made of words alone."""
        assert problems(PRO, background="opaque", output_format="jpeg") == {}


class TestReferences:
    """How many reference pictures, and of what form."""

    @pytest.mark.parametrize(("model", "most"), [(V40, 14), (V45, 14), (LITE, 14), (PRO, 10)])
    def test_count_is_per_model(self, model: str, most: int) -> None:
        """The last allowed number passes, one more does not."""
        assert problems(model, references=urls(most)) == {}
        found = problems(model, references=urls(most + 1))
        assert set(found) == {"image"}
        assert f"at most {most}" in found["image"]

    def test_old_models_take_none_or_one(self) -> None:
        """3.0 makes pictures from text only, seededit edits exactly one."""
        assert set(problems(V30, old=True, references=urls(1))) == {"image"}
        assert set(problems(EDIT, old=True)) == {"image"}
        assert set(problems(EDIT, old=True, references=urls(2))) == {"image"}
        assert problems(EDIT, old=True, references=urls(1)) == {}

    def test_count_is_told_under_the_clients_name(self) -> None:
        """Within `options`, the field is the client's own."""
        references = tuple(Reference(field=f"options.image[{n}]", url="https://example.com") for n in range(15))
        assert set(problems(references=references)) == {"options.image"}

    @pytest.mark.parametrize(
        "changes",
        [
            {"width": 14},
            {"height": 14},
            {"width": 1601},
            {"width": 6001, "height": 6001},
            {"size_bytes": 30 * 1024 * 1024 + 1},
            {"media_type": "image/svg+xml"},
            {"media_type": "image/avif"},
        ],
    )
    def test_known_pictures_are_measured(self, changes: dict[str, Any]) -> None:
        """Format, sides, ratio, pixels and bytes are checked where they are known."""
        known = {"media_type": "image/png", "width": 100, "height": 100, "size_bytes": 1000}
        good = Reference(field="image[0]", **known)
        bad = Reference(field="image[1]", **{**known, **changes})
        assert set(problems(references=(good, bad))) == {"image[1]"}

    @pytest.mark.parametrize("format_", ["jpeg", "png", "webp", "bmp", "tiff", "gif", "heic", "heif"])
    def test_formats_of_live_models(self, format_: str) -> None:
        """The live models take eight formats, the old ones two."""
        reference = Reference(field="image", media_type=f"image/{format_}", width=15, height=240, size_bytes=9)
        assert problems(references=(reference,)) == {}
        assert (problems(EDIT, old=True, references=(reference,)) == {}) is False

    def test_pictures_together_fit_one_request(self) -> None:
        """The request's body has a limit of its own."""
        reference = Reference(field="image[0]", media_type="image/png", width=99, height=99, size_bytes=29 << 20)
        assert set(problems(references=(reference, reference))) == {"image"}


class TestPrices:
    """What a task is said to cost per picture."""

    @pytest.mark.parametrize(("model", "micro"), [(V40, 200_000), (V45, 250_000), (LITE, 220_000)])
    def test_known_prices_are_in_yuan(self, model: str, micro: int) -> None:
        """Ark's list prices are built in."""
        assert prepared(model).price == Price(amount_micro=micro, currency="CNY")

    @pytest.mark.parametrize(
        ("size", "references", "micro"),
        [
            ("1K", 0, 300_000),
            ("1.5K", 0, 300_000),
            ("1616x1616", 1, 600_000),
            ("1615x1615", 0, 300_000),
            ("2K", 3, 640_000),
        ],
    )
    def test_pro_is_dearer_when_large_and_for_each_further_reference(
        self, size: str, references: int, micro: int
    ) -> None:
        """As the price page has it, which the sandbox charges."""
        found = prepared(PRO, size=size, references=urls(references)).price
        assert found == Price(amount_micro=micro, currency="CNY")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["auto", "2K"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


class TestAnyInput:
    """Whatever a client sends."""

    @given(st.sampled_from([V40, V45, LITE, PRO]), st.dictionaries(st.sampled_from(PARAMETERS), JSON))
    def test_is_prepared_or_refused_by_field(self, model: str, input_: dict[str, Any]) -> None:
        """No JSON breaks the check, and each problem belongs to a key that was sent or is required."""
        input_.pop("image", None)
        found = problems(model, **{"prompt": "p", **input_})
        fields = {field.partition(".")[0] for field in found}
        assert fields <= set(input_) | {"prompt", "n"}
