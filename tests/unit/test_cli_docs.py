"""docs/cli.md agrees with the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from danqing_server.cli.commands import main
from danqing_server.cli.exits import Exit

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()


class TestPage:
    def test_every_exit_code_has_its_row(self) -> None:
        """With what it means, in order."""
        rows = re.findall(r"^\| (\d+) \| (.+) \|$", PAGE.split("## Exit codes")[1], re.MULTILINE)
        assert rows == [(str(int(each)), each.meaning) for each in Exit]

    def test_every_command_and_option_that_it_names_is_there(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A page that names what is gone helps nobody."""
        assert main(["--help"]) == 0
        commands = {*re.findall(r"^  ([a-z]+)  +\w", capsys.readouterr().out, re.MULTILINE)}
        named = re.findall(r"danqing ([a-z]+)([^\n`|]*)", PAGE)
        assert {command for command, _ in named} <= commands
        for command, rest in named:
            options = re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", rest)
            if options:
                main([command, "--help"])
                help_ = capsys.readouterr().out
                assert [each for each in options if each not in help_] == [], command
