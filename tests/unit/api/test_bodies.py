from __future__ import annotations

import time
from typing import Any

import pytest

from danqing_plugins import in_language
from danqing_server.access.caller import Caller
from danqing_server.doors.bodies import (
    image_meaning,
    image_submission,
    new_user,
    task_meaning,
    task_submission,
    user_change,
)
from danqing_server.errors import InvalidSubmission
from danqing_server.records.tasks import Priority

IMAGE = {"prompt": "a cat", "user_id": "u1"}
TASK = {"type": "image", "model": "one", "input": {"prompt": "a cat"}, "user_id": "u1"}


def _image_problems(**members: Any) -> dict[str, str]:
    with pytest.raises(InvalidSubmission) as caught:
        image_submission({**IMAGE, **members}, Caller.local())
    return {problem.field: problem.message for problem in caught.value.problems}


def _task_problems(**members: Any) -> dict[str, str]:
    with pytest.raises(InvalidSubmission) as caught:
        task_submission({**TASK, **members}, Caller.local(), 100)
    return {problem.field: problem.message for problem in caught.value.problems}


class TestImageBody:
    def test_only_what_was_given_is_passed_on(self) -> None:
        """Defaults are the provider's affair."""
        assert image_submission(IMAGE, Caller.local()).input == {"prompt": "a cat"}

    def test_options_are_laid_beside_the_old_keys(self) -> None:
        """The provider sees one flat object."""
        found = image_submission({**IMAGE, "n": 2, "options": {"seed": 7}}, Caller.with_key("me"))
        assert found.input == {"prompt": "a cat", "n": 2, "seed": 7}
        assert found.caller.owner == "me"

    def test_names_are_those_the_client_used(self) -> None:
        """A problem with an option is told under `options.`."""
        name = image_submission({**IMAGE, "n": 2, "options": {"seed": 7, "image": []}}, Caller.local()).name
        assert [name(key) for key in ("n", "seed", "image[1]")] == ["n", "options.seed", "options.image[1]"]

    def test_servers_own_options_are_taken_out(self) -> None:
        """They say how to carry the task out, not what to paint."""
        options = {"priority": "high", "on_ambiguous": "fail", "seed": 1}
        found = image_submission({**IMAGE, "options": options}, Caller.local())
        assert found.input == {"prompt": "a cat", "seed": 1}
        assert (found.priority, found.on_ambiguous) == (Priority.HIGH, "fail")

    def test_key_given_twice_is_refused(self) -> None:
        """Nobody guesses which one was meant."""
        assert "options.size" in _image_problems(size="1x1", options={"size": "2x2"})

    def test_all_problems_come_in_one_answer(self) -> None:
        """One round trip shows everything."""
        found = _image_problems(prompt=None, user_id=5, extra=1, options={"priority": "urgent"}, model=["m"])
        assert set(found) == {"prompt", "user_id", "extra", "options.priority", "model"}
        assert "known: prompt, user_id" in found["extra"]

    @pytest.mark.parametrize("user_id", ["", "x" * 129, "a\nb", "a\x7f", 5, True, ["u"], {"$gt": ""}])
    def test_odd_user_ids_are_refused(self, user_id: object) -> None:
        """1 to 128 characters, none of them a control character."""
        assert set(_image_problems(user_id=user_id)) == {"user_id"}

    @pytest.mark.parametrize("user_id", ["张三", "user_123", "a b", "x" * 128, "$gt"])
    def test_free_text_is_a_user_id(self, user_id: str) -> None:
        """Nothing in it is interpreted."""
        assert image_submission({**IMAGE, "user_id": user_id}, Caller.local()).user_id == user_id

    @pytest.mark.parametrize("options", ["seed", 5, [], True])
    def test_options_must_be_an_object(self, options: object) -> None:
        """Anything else is named."""
        assert set(_image_problems(options=options)) == {"options"}


class TestH9OldClients:
    """H9: the old server's own Go client sends the zero value of whatever it does not set."""

    def test_zero_values_of_the_old_keys_are_absence(self) -> None:
        """As its `ImageTaskRequest` was read."""
        zero = {"model": "", "n": 0, "size": "", "quality": "", "style": "", "options": None}
        assert image_meaning({**IMAGE, **zero}) == IMAGE

    @pytest.mark.parametrize("odd", [{"n": False}, {"n": 0.0}, {"n": ""}, {"size": 0}, {"user_id": ""}])
    def test_other_empty_values_are_left_to_the_check(self, odd: dict[str, Any]) -> None:
        """No Go client of that server could send them."""
        assert image_meaning({**IMAGE, **odd}) == {**IMAGE, **odd}

    def test_options_are_taken_at_their_word(self) -> None:
        """They are the model's own, which the old server passed on as they were."""
        body = {**IMAGE, "options": {"size": "", "seed": 0}}
        assert image_meaning(body) is body

    def test_empty_provider_is_the_default(self) -> None:
        """On the generic door only `provider` was optional text."""
        assert task_meaning({**TASK, "provider": "", "delay": 0}) == {**TASK, "delay": 0}
        assert task_meaning({**TASK, "model": ""})["model"] == ""

    def test_empty_change_of_a_user_says_nothing(self) -> None:
        """Its `UpdateUserRequest` had `omitempty` on both."""
        assert user_change({"email": "", "name": "张三"}).email is None
        with pytest.raises(InvalidSubmission):
            new_user({"email": "", "name": "张三"})


def _parameters(_provider: object, model: object) -> dict[str, bool]:
    return {"prompt": True, "size": True, "seed": model == "three", "image": True, "watermark": True}


class TestU4Hints:
    """U4: a field in the wrong place, or misspelt, is told where it belongs."""

    def _told(self, **members: Any) -> dict[str, str]:
        with pytest.raises(InvalidSubmission) as caught:
            image_submission({**IMAGE, **members}, Caller.local(), _parameters)
        return {problem.field: problem.message for problem in caught.value.problems}

    def test_what_the_model_takes_belongs_into_options(self) -> None:
        """By the provider's own schema; the server's own two belong there as well."""
        found = self._told(watermark=False, seed=1, image=[], priority="high")
        assert found["watermark"] == "belongs into options: write options.watermark"
        assert found["seed"] == "belongs into options, and this model does not take it"
        assert found["priority"].endswith("options.priority")
        assert "options.seed" in self._told(seed=1, model="three")["seed"]

    @pytest.mark.parametrize(
        ("wrong", "near"),
        [("promt", "prompt"), ("userId", "user_id"), ("sise", "size"), ("Watermark", "options.watermark")],
    )
    def test_misspelt_name_is_guessed(self, wrong: str, near: str) -> None:
        """Also one that belongs into options."""
        assert f"did you mean {near}?" in self._told(**{wrong: "x"})[wrong]

    def test_what_is_like_nothing_gets_the_list(self) -> None:
        """No far-fetched guess."""
        assert self._told(extra=1)["extra"].startswith("unknown field; known: prompt, user_id")

    def test_top_level_field_in_options_is_sent_back(self) -> None:
        """It is called a duplicate only when it is one."""
        assert "top level" in self._told(options={"model": "one"})["options.model"]
        assert "once" in self._told(model="one", options={"model": "one"})["options.model"]

    def test_generic_door_has_input_for_them(self) -> None:
        """Its own name for the same."""
        with pytest.raises(InvalidSubmission) as caught:
            task_submission({**TASK, "size": "1x1"}, Caller.local(), 100, _parameters)
        assert caught.value.problems[0].message == "belongs into input: write input.size"

    def test_many_wrong_names_cost_nothing(self) -> None:
        """A hostile body is answered at once."""
        began = time.process_time()
        self._told(**{f"promp{number}": 1 for number in range(30_000)})
        assert time.process_time() - began < 2.0


class TestH19Null:
    def test_null_is_absence_at_any_depth(self) -> None:
        """H19: also an unknown key's, and inside `options` and `input`."""
        assert image_meaning({**IMAGE, "extra": None, "options": {"seed": None, "a": {"b": None}}}) == {
            **IMAGE,
            "options": {"a": {}},
        }
        assert task_meaning({**TASK, "input": {"prompt": "a", "size": None}})["input"] == {"prompt": "a"}

    def test_items_of_a_list_stay(self) -> None:
        """H19: their position means something."""
        body = {**IMAGE, "options": {"image": [None, {"a": None}]}}
        assert image_meaning(body)["options"] == {"image": [None, {}]}

    def test_plain_body_is_not_copied(self) -> None:
        """H19: most bodies hold no null, and pay nothing."""
        assert image_meaning(IMAGE) is IMAGE
        assert task_meaning(TASK) is TASK


class TestTaskBody:
    def test_everything_required_is_named(self) -> None:
        """Four fields are missing, four problems are told."""
        with pytest.raises(InvalidSubmission) as caught:
            task_submission({}, Caller.local(), 100)
        assert {problem.field for problem in caught.value.problems} == {"type", "model", "input", "user_id"}
        assert {in_language(problem.message, "zh") for problem in caught.value.problems} == {"必填"}

    @pytest.mark.parametrize("delay", [-1, 101, 1.5, True, "5", 2**70])
    def test_odd_delays_are_refused(self, delay: object) -> None:
        """Whole seconds up to the limit."""
        assert set(_task_problems(delay=delay)) == {"delay"}

    def test_names_are_those_the_client_used(self) -> None:
        """A problem with the input is told under `input.`."""
        found = task_submission({**TASK, "delay": 5, "provider": "p"}, Caller.local(), 100)
        assert found.name("size") == "input.size"
        assert (found.delay_s, found.provider, found.input) == (5, "p", {"prompt": "a cat"})


class TestUserBody:
    @pytest.mark.parametrize(
        "email", ["a", "a@", "@b.com", "a b@c.com", "a@b", "a@b..com", f"{'x' * 95}@b.com", "a@b.com\n", 5]
    )
    def test_odd_addresses_are_refused(self, email: object) -> None:
        """An address has one @, a domain with a dot, and at most 100 characters."""
        with pytest.raises(InvalidSubmission) as caught:
            new_user({"email": email, "name": "ab"})
        assert [problem.field for problem in caught.value.problems] == ["email"]

    @pytest.mark.parametrize("email", ["user@example.com", "a.b+c@d-e.co.uk", "用户@例子.中国"])
    def test_usual_addresses_are_taken(self, email: str) -> None:
        """Chinese ones included."""
        assert new_user({"email": email, "name": "ab"}).email == email

    @pytest.mark.parametrize("name", ["a", "x" * 51, None, 7])
    def test_odd_names_are_refused(self, name: object) -> None:
        """2 to 50 characters."""
        with pytest.raises(InvalidSubmission):
            new_user({"email": "a@b.com", "name": name})

    def test_change_may_say_one_thing(self) -> None:
        """What is not said stays."""
        found = user_change({"name": "张三"})
        assert (found.email, found.name) == (None, "张三")
