"""docs/settings.md and config.env.example agree with the code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from danqing_plugins import Setting
from danqing_providers.volcengine import settings as volcengine
from danqing_server.cli.examination import check
from danqing_server.cli.settings import settings_table
from danqing_server.settings.reading import ACCEPTED
from danqing_server.settings.server import Settings, variables
from danqing_server.settings.variables import Variable
from tests.unit.volcengine.builders import configured

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text()
EXAMPLE = (ROOT / "config.env.example").read_text()


def _rows(found: Sequence[Variable]) -> list[str]:
    """Return the rows of a table that documents *found*."""
    rows = []
    for variable in found:
        default = f"`{variable.default}`" if variable.default else "(unset)"
        unit = variable.unit or "—"
        rows.append(f"| `{variable.name}` | {default} | {unit} | {variable.allowed} | {variable.meaning} |")
    return rows


def _provider_rows(settings: Sequence[Setting]) -> list[str]:
    """Return the rows of a table that documents what a provider declares."""
    rows = []
    for one in settings:
        default = "(unset)" if one.default is None or one.default == {} else f"`{one.default}`"
        variable = "—" if one.variable is None else f"`{one.variable}`"
        unit = one.unit or "—"
        rows.append(f"| `{one.name}` | {variable} | {default} | {unit} | {one.kind.allowed} | {one.help} |")
    return rows


def _section(title: str) -> list[str]:
    """Return the rows of the table under a heading of the page."""
    text = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return [line for line in text.splitlines() if line.startswith("| `")]


class TestPage:
    """docs/settings.md."""

    def test_server_table_is_what_the_command_prints(self) -> None:
        """When this fails, put the output of `danqing settings` in the place of the table."""
        assert settings_table() in PAGE
        assert _section("The server") == _rows(variables())

    def test_volcengine_table_lists_its_variables(self) -> None:
        """In the order, and with the defaults, of the code."""
        assert _section("The Volcengine provider") == _provider_rows(volcengine.SETTINGS)

    def test_no_variable_is_listed_twice(self) -> None:
        """Every name has one row."""
        names = re.findall(r"^\|(?: `\w+` \|)? `([A-Z]\w+)` \|", PAGE, re.MULTILINE)
        assert len(names) == len(set(names)) == len(variables()) + len(volcengine.SETTINGS)


class TestExample:
    """config.env.example, with its suggestions left out and switched on."""

    KNOWN = frozenset(
        [*(variable.name for variable in variables()), *(one.variable for one in volcengine.SETTINGS)]
    )

    @staticmethod
    def _lines(*, suggested: bool) -> dict[str, str]:
        """Return the variables that are set, or those in comments."""
        mark = "# " if suggested else ""
        return dict(re.findall(rf"^{mark}([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE, re.MULTILINE))

    def test_names_only_variables_there_are(self) -> None:
        """A misspelt one would be ignored in silence by whoever copies the file."""
        set_ = self._lines(suggested=False)
        assert set_
        assert set(set_) <= self.KNOWN
        assert set(self._lines(suggested=True)) <= self.KNOWN

    def test_copied_as_it_is_it_brings_embedded_servers_and_the_sandbox(self) -> None:
        """Nothing in it asks for a server or a key that a fresh machine does not have."""
        environment = self._lines(suggested=False)
        settings = Settings.read(environment)
        assert (settings.mongo_url, settings.redis_url, settings.port) == (None, None, 8080)
        assert settings.warnings() == []
        assert configured(environment).info.sandbox

    def test_its_suggestions_are_accepted(self) -> None:
        """Removing a comment sign gives a value that the server takes, all of them together."""
        environment = self._lines(suggested=False) | self._lines(suggested=True)
        settings = Settings.read(environment)
        assert settings.mongo_url
        assert settings.redis_url
        assert not settings.listens_on_loopback
        assert settings.api_keys

    @pytest.mark.parametrize("name", ["MONGO_URL", "REDIS_URL", "VOLCENGINE_API_KEY"])
    def test_servers_and_key_are_commented_out(self, name: str) -> None:
        """The README's `cp config.env.example .env` must start without them."""
        assert name in self._lines(suggested=True)
        assert name not in self._lines(suggested=False)


class TestExampleFile:
    """danqing.example.toml."""

    TEXT = (ROOT / "danqing.example.toml").read_text()

    def test_copied_as_it_is_it_is_right_with_keys_and_without(self) -> None:
        """Without any, all that it names are simulated."""
        named = ("volcengine", "volcengine_b", "siliconflow")
        variables = re.findall(r"^api_key = \"\$(\w+)\"", self.TEXT, flags=re.MULTILINE)
        assert len(variables) == len(named)
        for keys in ({}, dict.fromkeys(variables, "k" * 20)):
            report, mistakes = check({ACCEPTED: self.TEXT, **keys})
            assert mistakes == []
            modes = {row.split()[0]: row.split()[2] for row in report.splitlines() if row.startswith(named)}
            assert modes == dict.fromkeys(named, "real" if keys else "sandbox")

    def test_its_suggestions_are_accepted(self) -> None:
        """Removing a comment sign gives a line that is taken, all of them together."""
        text = re.sub(r"^# (?=[a-z_]+ = )", "", self.TEXT, flags=re.MULTILINE)
        assert text.count("= ") > self.TEXT.count("\n[") + 12
        assert check({ACCEPTED: text, "MONGO_URL": "mongodb://db"})[1] == []
