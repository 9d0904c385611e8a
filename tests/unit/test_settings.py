"""Settings: read once, strictly, and refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from danqing_server.errors import SettingsError
from danqing_server.settings.file import ConfigFile
from danqing_server.settings.reading import read_environment
from danqing_server.settings.server import Settings, variables


class TestRead:
    def test_nothing_set_gives_a_server_on_loopback(self) -> None:
        """A newcomer needs no configuration."""
        settings = Settings.read({})
        assert (settings.host, settings.port, settings.mongo_url) == ("127.0.0.1", 8080, None)

    def test_a_picture_of_8192_by_8192_fits(self) -> None:
        """What 2048 by 2048 becomes when it is enlarged four times; it is paid for by then."""
        assert Settings.read({}).max_picture_pixels >= 8192 * 8192

    def test_an_empty_variable_counts_as_unset(self) -> None:
        """As left behind in many .env files."""
        assert Settings.read({"PORT": "", "MONGO_URL": "  "}) == Settings(
            environment={"PORT": "", "MONGO_URL": "  "}
        )

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("PORT", "eighty"),
            ("PORT", "70000"),
            ("ENVIRONMENT", "moon"),
            ("LOG_LEVEL", "loud"),
            ("MONGO_URL", "localhost:27017"),
            ("REDIS_URL", "http://localhost"),
            ("AI_TIMEOUT", "soon"),
            ("AI_TIMEOUT", "-1"),
            ("AI_TIMEOUT", "1d"),
            ("PUBLIC_BASE_URL", "images.example.com"),
            ("DANQING_PROCESSES", "0"),
            ("DANQING_API_KEYS", "nokey"),
            ("DANQING_API_KEYS", "a:tooshort"),
            ("DANQING_API_KEYS", "a:0123456789abcdef,b:0123456789abcdef"),
            ("DANQING_DATABASE", "danqing.old"),
            ("DANQING_DATABASE", "my tasks"),
            ("DANQING_DATABASE", "x" * 64),
            ("DANQING_REDIS_PREFIX", "a}b"),
            ("DANQING_REDIS_PREFIX", "a b"),
            ("DANQING_DAILY_SPEND_LIMITS", "volcengine"),
            ("DANQING_DAILY_SPEND_LIMITS", "volcengine:-1"),
        ],
    )
    def test_a_wrong_value_is_one_line_that_names_the_variable(self, name: str, value: str) -> None:
        """What is allowed stands in the message."""
        with pytest.raises(SettingsError) as refused:
            Settings.read({name: value})
        message = str(refused.value)
        assert message.startswith(f"{name}: ")
        assert "allowed" in message
        assert "\n" not in message

    def test_secrets_are_not_repeated_in_the_message(self) -> None:
        """A key that is almost right stays out of the terminal's scrollback."""
        with pytest.raises(SettingsError) as refused:
            Settings.read({"DANQING_API_KEYS": "app:secret"})
        assert "secret," not in str(refused.value).replace("name:secret,name:secret", "")
        assert "app" not in str(refused.value)

    def test_secrets_stay_out_of_the_repr(self) -> None:
        """Settings may be logged by accident."""
        settings = Settings.read(
            {"MONGO_URL": "mongodb://me:hunter2@db/", "DANQING_API_KEYS": "a:0123456789abcdef"}
        )
        assert "hunter2" not in repr(settings)
        assert "0123456789abcdef" not in repr(settings)

    @pytest.mark.parametrize(
        ("raw", "seconds"), [("600", 600), ("30s", 120), ("10m", 600), ("1h30m", 5400), ("150.5", 150.5)]
    )
    def test_the_call_timeout_takes_go_durations_and_a_floor(self, raw: str, seconds: float) -> None:
        """An old .env holds `30s`: a cut call would be billed all the same."""
        assert Settings.read({"AI_TIMEOUT": raw}).call_timeout_s == seconds

    def test_a_raised_timeout_and_an_unknown_variable_are_told(self) -> None:
        """The operator hears of what was not obeyed."""
        warnings = Settings.read({"AI_TIMEOUT": "30s", "DANQING_PROCESSS": "4"}).warnings()
        assert len(warnings) == 2
        assert "DANQING_PROCESSES" in warnings[1]

    @pytest.mark.parametrize("raw", ["soon", "2d", "-1"])
    def test_a_timeout_that_is_none_is_a_mistake_and_no_warning(self, raw: str) -> None:
        """`danqing check` and `danqing doctor` tell both, of settings that are wrong as well."""
        settings, problems = Settings.examine({"AI_TIMEOUT": raw}, ConfigFile())
        assert [line.partition(":")[0] for line in problems] == ["AI_TIMEOUT"]
        assert settings.warnings() == []

    @pytest.mark.parametrize("name", ["DANQING_URL", "DANQING_KEY", "DANQING_PROFILE", "DANQING_USER_ID"])
    def test_what_commands_read_is_no_mistake(self, name: str) -> None:
        """They stand beside the server's where somebody asks it and has it examined."""
        assert Settings.read({name: "x"}).warnings() == []

    def test_other_addresses_need_keys(self) -> None:
        """An open port is an open purse; the message names both ways out."""
        with pytest.raises(SettingsError) as refused:
            Settings.read({"DANQING_HOST": "0.0.0.0"})
        assert "DANQING_API_KEYS" in str(refused.value)
        assert "127.0.0.1" in str(refused.value)
        Settings.read({"DANQING_HOST": "0.0.0.0", "DANQING_API_KEYS": "a:0123456789abcdef"})

    def test_amounts_of_money_are_exact(self) -> None:
        """Millionths, no floats."""
        limits = Settings.read({"DANQING_DAILY_SPEND_LIMITS": "volcengine:0.1,other:100"}).daily_spend_limits_micro
        assert dict(limits) == {"volcengine": 100_000, "other": 100_000_000}


class TestEnvironment:
    def test_the_process_wins_over_the_file(self, tmp_path: Path) -> None:
        """As every tool does it."""
        file = tmp_path / ".env"
        file.write_text("PORT=1\nLOG_LEVEL=debug\nEMPTY\n", encoding="utf-8")
        assert read_environment({"PORT": "2"}, file) == {"PORT": "2", "LOG_LEVEL": "debug"}

    def test_a_missing_file_is_no_error(self, tmp_path: Path) -> None:
        """Nobody needs a .env."""
        assert read_environment({"A": "1"}, tmp_path / ".env") == {"A": "1"}


class TestVariables:
    def test_each_is_named_once_and_explained(self) -> None:
        """The documentation is made of these."""
        names = [variable.name for variable in variables()]
        assert len(names) == len(set(names))
        assert all(variable.meaning.endswith(".") and variable.allowed for variable in variables())
