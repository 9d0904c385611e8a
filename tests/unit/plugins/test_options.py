"""A provider's settings: what is taken, from where, and the one line about each mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from danqing_plugins import Setting
from danqing_plugins.options import ReadOptions, Written, read_options
from danqing_plugins.settings import Kind, choice, duration, flag, number, table, tables, text, texts, url, whole

KEY = "0b1c2d3e-4f50-6172"
SECRET = Setting(name="api_key", variable="PAINTER_API_KEY", secret=True, help="The key.")


def read(*settings: Setting, environment: dict[str, str] | None = None, **written: Any) -> ReadOptions:
    """Read *settings* from *environment* and what line 3 of a file says."""
    lines = {name: Written(value=value, where="danqing.toml:3") for name, value in written.items()}
    return read_options(settings, environment or {}, lines)


def one(kind: Kind, value: object) -> Any:
    """Return what *value* becomes; AssertionError with the line when it is refused."""
    found = read(Setting(name="it", kind=kind, help="It."), it=value)
    assert not found.problems, found.problems
    return found.options["it"]


class TestKinds:
    """Each takes a text, from the environment or the file, and what TOML has for it."""

    @pytest.mark.parametrize(
        ("kind", "value", "option"),
        [
            (text(), " a ", "a"),
            (choice("eu", "US"), "us", "US"),
            (whole(1, 9), "7", 7),
            (whole(1, 9), 7, 7),
            (number(0, 1), "0.5", 0.5),
            (number(0, 1), 1, 1.0),
            (flag(), "Yes", True),
            (flag(), False, False),
            (duration(0, 3600), "1m30s", 90.0),
            (duration(0, 3600), 2, 2.0),
            (url(), "https://example.com/v1/", "https://example.com/v1"),
            (texts(), "a, b,", ("a", "b")),
            (texts(), ["a", "b"], ("a", "b")),
            (table(), '{"a": 1}', {"a": 1}),
            (table(), {"a": 1}, {"a": 1}),
            (tables(), '[{"a": 1}]', ({"a": 1},)),
            (tables(), [{"a": 1}], ({"a": 1},)),
        ],
    )
    def test_what_is_right_becomes_an_option(self, kind: Kind, value: object, option: object) -> None:
        """A plugin reads its options and parses nothing."""
        assert one(kind, value) == option
        assert type(one(kind, value)) is type(option)

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            (text(), ""),
            (text(), 5),
            (choice("eu", "us"), "moon"),
            (whole(1, 9), "10"),
            (whole(1, 9), "1.5"),
            (whole(1, 9), True),
            (number(0, 1), "nan"),
            (number(0, 1), True),
            (flag(), "perhaps"),
            (flag(), 1),
            (duration(1, 60), "soon"),
            (duration(1, 60), 61),
            (url(), "example.com"),
            (url(), "ftp://example.com"),
            (url(), "https://host:port"),
            (url(), "https://[::1"),
            (texts(), ["a", 1]),
            (texts(), 5),
            (table(), "[1]"),
            (table(), "{oops"),
            (table(), "/nowhere/at/all.json"),
            (tables(), "[1]"),
            (tables(), {"a": 1}),
        ],
    )
    def test_what_is_wrong_is_one_line_with_its_place_and_what_is_allowed(self, kind: Kind, value: object) -> None:
        """The line and key of the file, the value, and what would be taken."""
        [line] = read(Setting(name="it", kind=kind, help="It."), it=value).problems
        assert line.startswith("danqing.toml:3: it: ")
        assert kind.allowed in line
        assert "\n" not in line

    def test_a_table_may_stand_in_a_file_of_its_own(self, tmp_path: Path) -> None:
        """As long lists of models do."""
        file = tmp_path / "models.json"
        file.write_text('{"a": 1}')
        assert one(table(), str(file)) == {"a": 1}

    @pytest.mark.parametrize("value", ["https://me:hunter2@example.com", "https://example.com:x?token=hunter2"])
    def test_what_may_be_a_credential_is_not_repeated(self, value: str) -> None:
        """A URL is shown without what nobody is to read."""
        [line] = read(Setting(name="it", kind=url(), help="It."), it=value).problems
        assert "hunter2" not in line


class TestPlaces:
    """Where a value comes from."""

    REGION = Setting(name="region", variable="PAINTER_REGION", kind=choice("eu", "us"), default="eu", help="Where.")

    def test_the_file_wins_over_the_environment_and_that_over_the_default(self) -> None:
        """And each place is known, for errors of the plugin's own."""
        variables = {"PAINTER_REGION": "us"}
        assert read(self.REGION).options == {"region": "eu"}
        assert read(self.REGION).places == {}
        found = read(self.REGION, environment=variables)
        assert (found.options, found.places) == ({"region": "us"}, {"region": "PAINTER_REGION"})
        found = read(self.REGION, environment=variables, region="eu")
        assert (found.options, found.places) == ({"region": "eu"}, {"region": "danqing.toml:3: region"})

    def test_an_empty_variable_counts_as_unset(self) -> None:
        """As left behind in many .env files."""
        assert read(self.REGION, environment={"PAINTER_REGION": " "}).options == {"region": "eu"}

    def test_any_text_may_refer_to_a_variable(self) -> None:
        """`$NAME` and `${NAME}` are what the variable holds."""
        for reference in ("$ELSEWHERE", "${ELSEWHERE}"):
            found = read(self.REGION, environment={"ELSEWHERE": "us"}, region=reference)
            assert found.options == {"region": "us"}
        [line] = read(self.REGION, environment={"ELSEWHERE": "moon"}, region="$ELSEWHERE").problems
        assert line.startswith("danqing.toml:3: region ($ELSEWHERE): 'moon' is not allowed; allowed: `eu`, `us`")

    def test_a_variable_that_is_not_set_is_named_with_the_nearest(self) -> None:
        """A slip in the name is the likeliest cause."""
        [line] = read(self.REGION, environment={"ELSEWHERE": "us"}, region="$ELSEWERE").problems
        assert line == "danqing.toml:3: region: the variable ELSEWERE is not set (did you mean $ELSEWHERE?)"

    def test_an_unknown_option_is_named_with_the_nearest(self) -> None:
        """Nothing that is written is ignored in silence."""
        [line] = read(self.REGION, regoin="eu").problems
        assert line == "danqing.toml:3: regoin: unknown option; did you mean region? allowed: region"

    def test_every_mistake_is_told_at_once(self) -> None:
        """Nobody mends one line at a time."""
        count = Setting(name="count", kind=whole(1, 9), help="How many.")
        assert len(read(self.REGION, count, region="moon", count=10, colour="red").problems) == 3


class TestSecrets:
    """Keys: by reference only, shown nowhere."""

    def test_it_is_taken_from_its_variable_or_from_the_one_referred_to(self) -> None:
        """Two providers of one plugin have two keys."""
        assert read(SECRET, environment={"PAINTER_API_KEY": f" {KEY}\n"}).options == {"api_key": KEY}
        variables = {"PAINTER_API_KEY": KEY, "SECOND": "k" * 20}
        assert read(SECRET, environment=variables, api_key="$SECOND").options == {"api_key": "k" * 20}

    @pytest.mark.parametrize("value", [KEY, "", 5, ["$SECOND"]])
    def test_a_literal_is_refused_unseen_with_a_hint(self, value: object) -> None:
        """The file may be shown and committed."""
        [line] = read(SECRET, api_key=value).problems
        assert line.startswith("danqing.toml:3: api_key: a secret does not belong in the file")
        assert 'api_key = "$PAINTER_API_KEY"' in line
        assert KEY not in line

    @pytest.mark.parametrize(
        "value", ["your-api-key", "sk-xxx", "sk-xxxxxxxx", "<key>", "changeme", "请填写", "a b"]
    )
    def test_a_placeholder_is_refused_unseen(self, value: str) -> None:
        """Whoever copied an example hears of it at the start, and not from the service."""
        [line] = read(SECRET, environment={"PAINTER_API_KEY": value}).problems
        assert line.startswith("PAINTER_API_KEY ")
        assert value not in line.replace("holds spaces or control characters", "")

    def test_one_that_is_not_set_is_missing_and_no_mistake(self) -> None:
        """Whether that matters is for the server: the provider may be simulated."""
        found = read(SECRET)
        assert found.problems == ()
        assert [(lack.setting, lack.variable) for lack in found.missing] == [("api_key", "PAINTER_API_KEY")]
        [lack] = read(SECRET, api_key="$NOWHERE").missing
        assert (lack.variable, lack.where) == ("NOWHERE", "danqing.toml:3: api_key")

    def test_it_stays_out_of_the_repr(self) -> None:
        """What was read may be logged by accident."""
        assert KEY not in repr(read(SECRET, environment={"PAINTER_API_KEY": KEY}))
