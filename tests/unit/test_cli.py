"""The command line: what it lists, and how it refuses."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from danqing_server.cli.commands import main
from danqing_server.cli.plugins import plugins_table
from danqing_server.cli.settings import settings_table
from danqing_server.settings.server import variables
from danqing_server.supervision.survey import InstalledPlugin, Survey, WantedSandbox
from tests.support.installed import all_but


class TestMain:
    def test_wrong_setting_is_one_line_and_code_2(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """No traceback: the variable, the value, and what is allowed."""
        dotenv = tmp_path / "settings.env"
        dotenv.write_text("DANQING_ROLE=cook\n")
        assert main(["plugins", "--env-file", str(dotenv)]) == 2
        written = capsys.readouterr()
        assert written.out == ""
        assert written.err.startswith("danqing: DANQING_ROLE: 'cook' is not allowed")
        assert written.err.count("\n") == 1

    def test_option_is_checked_as_its_variable_is(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A wrong option names the variable that it stands for."""
        assert main(["serve", "--port", "eighty"]) == 2
        assert "PORT: 'eighty' is not allowed" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            ("generate hill -n two", "-n: 'two' is not allowed; allowed: a whole number"),
            ("generate hill -n 0", "-n: '0' is not allowed; allowed: 1 and more"),
            ("audit --last 0", "--last: '0' is not allowed; allowed: 1 and more"),
            ("generate hill --timeout soon", "--timeout: 'soon' is not allowed; allowed: a number"),
            ("serve --role boss", "--role: 'boss' is not allowed; allowed: 'all', 'api', 'worker'"),
        ],
    )
    def test_value_that_is_refused_is_named(
        self, capsys: pytest.CaptureFixture[str], arguments: str, told: str
    ) -> None:
        """With what is allowed, in the words of a setting's refusal, and no library's."""
        assert main(arguments.split()) == 2
        assert capsys.readouterr().err.splitlines()[1:] == [f"danqing: {told}"]

    @pytest.mark.parametrize("words", [[], ["--admin", "--project", "shop"]])
    def test_a_key_is_of_a_project_or_an_administrator(
        self, capsys: pytest.CaptureFixture[str], words: list[str]
    ) -> None:
        """Neither and both are refused in a line, without a library's words ahead."""
        assert main(["keys", "create", "--name", "till", *words]) == 2
        assert capsys.readouterr().err == "danqing: one of --project PROJECT and --admin is needed, and not both\n"

    def test_open_address_without_keys_is_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Nobody serves the whole network without keys by mistake."""
        assert main(["serve", "--host", "0.0.0.0"]) == 2
        assert "DANQING_API_KEYS" in capsys.readouterr().err

    def test_missing_env_file_is_named(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """A file that was asked for and is not there is an error; a missing `.env` is none."""
        missing = tmp_path / "missing.env"
        assert main(["serve", "--env-file", str(missing)]) == 2
        assert str(missing) in capsys.readouterr().err

    @pytest.mark.parametrize("arguments", [[], ["cook"], ["serve", "--cook"]])
    def test_unknown_words_end_with_code_2(self, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
        """What cannot be understood is refused with the usage."""
        assert main(arguments) == 2
        assert "Usage: danqing" in capsys.readouterr().err

    @pytest.mark.parametrize("group", ["", " projects", " backup", " assets", " plugin"])
    def test_a_group_without_its_command_says_where_they_are_listed(
        self, capsys: pytest.CaptureFixture[str], group: str
    ) -> None:
        """Two lines behind the usage; the whole help would hide what is wrong."""
        assert main(group.split()) == 2
        assert capsys.readouterr().err.splitlines()[1:] == [
            "danqing: Missing command.",
            f"danqing: `danqing{group} --help` lists the commands",
        ]

    def test_version_is_printed(self, capsys: pytest.CaptureFixture[str]) -> None:
        """`--version` prints the name and three numbers."""
        assert main(["--version"]) == 0
        name, version = capsys.readouterr().out.split()
        assert name == "danqing"
        assert version.count(".") == 2

    def test_provider_without_simulator_is_refused(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """`danqing sandbox` for a provider that has none says so."""
        dotenv = tmp_path / "settings.env"
        dotenv.write_text(f"DANQING_DEFAULT_PROVIDER=nobody\nDANQING_DISABLED_PLUGINS={all_but()}\n")
        assert main(["sandbox", "--env-file", str(dotenv)]) == 2
        assert "'nobody' has no simulator" in capsys.readouterr().err


class TestHelp:
    """What a person who knows nothing yet asks first."""

    def test_every_command_is_listed_and_explains_itself(self, capsys: pytest.CaptureFixture[str]) -> None:
        """`-h` as well as `--help`; plain, without boxes, where no eyes are."""
        assert main(["-h"]) == 0
        told = capsys.readouterr().out
        assert main(["--help"]) == 0
        assert capsys.readouterr().out == told
        listed = re.findall(r"^  ([a-z]+)  +\w", told, re.MULTILINE)
        assert {"serve", "sandbox", "plugins", "plugin", "check", "projects", "keys", "audit", "settings"} <= {
            *listed
        }
        for command in listed:
            assert main([command, "--help"]) == 0
            assert f"Usage: danqing {command} " in capsys.readouterr().out

    @pytest.mark.parametrize("command", ["", "projects", "keys", "profile", "plugin", "backup", "assets"])
    def test_what_a_command_does_is_said_whole(self, capsys: pytest.CaptureFixture[str], command: str) -> None:
        """No line of a list ends in the middle of a sentence."""
        assert main([*command.split(), "--help"]) == 0
        told = capsys.readouterr().out
        assert [line for line in told.splitlines() if line.startswith("  ") and line.endswith("...")] == []

    @pytest.mark.parametrize(
        "words", [("lanes", "[LANE]"), ("users", "[WHO]"), ("remains", "[TASK_ID]"), ("plugin check", "[NAME]")]
    )
    def test_a_word_that_may_be_left_out_stands_in_brackets(
        self, capsys: pytest.CaptureFixture[str], words: tuple[str, str]
    ) -> None:
        """In one pair of them."""
        command, word = words
        assert main([*command.split(), "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"Usage: danqing {command} [OPTIONS] {word}\n")

    def test_help_imports_nothing_heavy(self) -> None:
        """Neither the server nor its drivers, nor what draws boxes, are read to list the commands."""
        heavy = ["sanic", "motor", "pymongo", "redis", "aiohttp", "httpx", "pydantic", "rich", "cattrs", "PIL"]
        script = (
            "import sys; from danqing_server.cli import main; code = main(['--help']);"
            f"sys.stderr.write(' '.join(name for name in {heavy} if name in sys.modules)); sys.exit(code)"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stderr == ""


class TestUnforeseen:
    def test_a_mistake_of_ours_is_two_lines(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The traceback is in a file, without what the exception says: that may be a prompt."""
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

        prompt = "-".join(["a", "hill"])

        def break_() -> None:
            raise RuntimeError(prompt)

        monkeypatch.setattr("danqing_server.cli.settings.settings_table", break_)
        assert main(["settings"]) == 1
        said = capsys.readouterr().err
        assert said.splitlines()[0] == "danqing: this should not have happened: RuntimeError"
        (kept,) = tmp_path.iterdir()
        assert str(kept) in said
        assert "break_" in kept.read_text()
        assert prompt not in said + kept.read_text()


def _told(*words: str, limits: str = "", cwd: Path | None = None, **environment: str) -> tuple[int, str]:
    """Run a command, under *limits* of a shell, and return its exit code and what it said of it."""
    command = shlex.join([sys.executable, "-m", "danqing_server", *words])
    done = subprocess.run(
        ["sh", "-c", f"{limits} exec {command}"],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdout=None if ">" in limits else subprocess.DEVNULL,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr


class TestFiles:
    """What cannot be written is a line with the path and the reason, and exit code 2."""

    @pytest.mark.parametrize(
        ("words", "below", "reason"),
        [
            (("plugin", "new", "acme", "--into"), "/danqing-acme", "Not a directory"),
            (("sandbox", "--data-dir"), "", "File exists"),
            (("backup", "take"), "", "File exists"),
            (("generate", "x", "-o"), "/x/hill.jpg", "is not there"),
        ],
    )
    def test_a_file_where_a_folder_should_be(
        self, tmp_path: Path, words: tuple[str, ...], below: str, reason: str
    ) -> None:
        """Whichever command."""
        there = tmp_path / "there"
        there.touch()
        code, said = _told(*words, f"{there}{below if words[0] == 'generate' else ''}")
        assert (code, said.count("\n")) == (2, 1)
        assert str(there) in said
        assert reason in said

    def test_a_plugin_is_written_whole_or_not_at_all(self, tmp_path: Path) -> None:
        """On a disk that takes no more: the folder is gone, so that the same words do it later."""
        code, said = _told("plugin", "new", "acme", limits="ulimit -f 1;", cwd=tmp_path)
        assert (code, said.count("\n")) == (2, 1)
        assert said.startswith("danqing: danqing-acme/")
        assert said.endswith(": File too large\n")
        assert [*tmp_path.iterdir()] == []

    def test_a_link_to_nowhere_stays(self, tmp_path: Path) -> None:
        """In the plugin's place: it is somebody's."""
        (tmp_path / "danqing-acme").symlink_to("nowhere")
        assert _told("plugin", "new", "acme", cwd=tmp_path) == (2, "danqing: danqing-acme: File exists\n")
        assert (tmp_path / "danqing-acme").is_symlink()

    @pytest.mark.parametrize("words", [("settings",), ("--help",), ("plugins",)])
    def test_standard_output_that_takes_nothing(self, words: tuple[str, ...]) -> None:
        """A full disk behind `>`."""
        told = _told(*words, limits="exec >/dev/full;")
        assert told == (2, "danqing: cannot be written: No space left on device\n")

    def test_completion_that_cannot_be_installed(self, tmp_path: Path) -> None:
        """Its home is no folder."""
        home = tmp_path / "home"
        home.touch()
        named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # else it is the shell that runs the tests
        code, said = _told("--install-completion", "bash", HOME=str(home), **named)
        assert (code, said.count("\n")) == (2, 1)
        assert str(home) in said


class TestCheck:
    """`danqing check`: everything that is wrong, or what would be there."""

    FILE = """
[[providers]]
name = "first"
plugin = "volcengine"
api_key = "$FIRST"
[[providers]]
name = "second"
plugin = "volcengine"
sandbox = true
[[routes]]
model = "poster"
to = ["first/seedream-4-0-250828", "second/seedream-4-0-250828"]
"""

    @staticmethod
    def _check(folder: Path, file: str, **variables: str) -> int:
        (folder / "it.toml").write_text(file)
        named = {"DANQING_CONFIG": str(folder / "it.toml"), **variables}
        (folder / "it.env").write_text("".join(f"{name}={value}\n" for name, value in named.items()))
        return main(["check", "--env-file", str(folder / "it.env")])

    def test_what_is_right_is_listed(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """Providers with their mode, and routes; exit code 0."""
        assert self._check(tmp_path, self.FILE, FIRST="k" * 20) == 0
        written = capsys.readouterr()
        lines = [line.split() for line in written.out.splitlines()]
        assert ["first", "volcengine", "real", "13"] in lines
        assert ["second", "volcengine", "sandbox", "13"] in lines
        assert "route poster: first/seedream-4-0-250828, then second/seedream-4-0-250828" in written.out
        assert written.err == ""
        assert "kkk" not in written.out

    def test_what_is_nearly_a_setting_is_a_warning(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """As at the start; the exit code stays 0, for it may be another program's variable."""
        assert self._check(tmp_path, self.FILE, FIRST="k" * 20, DANQING_PROCESES="4") == 0
        told = "warning: DANQING_PROCESES is no setting and is ignored; DANQING_PROCESSES is one"
        assert capsys.readouterr().out.splitlines()[1] == told

    def test_a_storage_that_cannot_be_is_a_mistake(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """It was found when the server started; what can be is asked of the bucket by nobody here."""
        assert self._check(tmp_path, self.FILE, FIRST="k" * 20, DANQING_ASSETS_URL="s4://pictures") == 1
        (told,) = capsys.readouterr().err.splitlines()
        assert told.startswith("danqing: DANQING_ASSETS_URL: s4:// cannot be opened")
        assert told.endswith("allowed: a directory, s3://, gs:// or az://")
        assert self._check(tmp_path, self.FILE, FIRST="k" * 20, DANQING_ASSETS_URL="s3://pictures") == 0

    def test_what_is_wrong_is_a_line_each_and_code_1(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        """Of the file and of the plugins' own settings together, in the order of the file."""
        wrong = self.FILE.replace("true", "true\nconcurrency = 0\n[server]\nport = -1")
        assert self._check(tmp_path, wrong) == 1
        written = capsys.readouterr()
        assert [line.partition("it.toml:")[2].partition(": ")[0] for line in written.err.splitlines()] == [
            "5",
            "10",
            "12",
        ]
        assert written.out == ""


class TestSettingsTable:
    def test_every_variable_has_a_row_of_five_cells(self) -> None:
        """Nothing is left out, and no cell breaks the table."""
        rows = settings_table().splitlines()[2:]
        assert [row.split("`")[1] for row in rows] == [variable.name for variable in variables()]
        assert {row.count("|") for row in rows} == {6}


class TestPluginsTable:
    BROKEN = InstalledPlugin(name="worse", error="ImportError: no module")
    SURVEY = Survey(
        plugins=(InstalledPlugin(name="good", version="1.2", providers=("one", "two"), models=("m1",)), BROKEN),
        sandboxes=(WantedSandbox(provider="one", module="package.module"),),
        simulated=("one",),
    )

    def test_working_and_broken_plugins_are_listed(self) -> None:
        """One row each; the error of a broken one stands below; a simulated provider is marked."""
        _, good, worse, why = plugins_table(self.SURVEY).splitlines()
        assert good.split() == ["good", "1.2", "ok", "one", "(sandbox),", "two", "m1"]
        assert worse.split() == ["worse", "-", "broken", "-", "-"]
        assert why == "worse is broken: ImportError: no module"

    def test_models_go_on_below_each_other(self) -> None:
        """A provider of thirty keeps the table; each name stays whole, to be copied."""
        models = tuple(f"model-of-{number}" for number in range(30))
        survey = Survey(plugins=(InstalledPlugin(name="many", version="1", providers=("many",), models=models),))
        lines = plugins_table(survey, 72).splitlines()
        begins = lines[0].index("MODELS")
        assert max(map(len, lines)) <= 72
        assert {line[:begins].strip() for line in lines[2:]} == {""}
        assert " ".join(line[begins:] for line in lines[1:]).split(", ") == [*models]

    def test_nothing_installed_is_said(self) -> None:
        """An empty table is a sentence."""
        assert plugins_table(Survey()) == "no plugins are installed"

    def test_survey_comes_back_from_json(self) -> None:
        """What the child prints is what the supervisor reads."""
        assert Survey.from_json(self.SURVEY.to_json()) == self.SURVEY

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"plugins": 1, "sandboxes": [], "simulated": []}', "null"])
    def test_other_text_is_no_survey(self, text: str) -> None:
        """A child that crashed or printed something else is told apart from an empty survey."""
        with pytest.raises((ValueError, KeyError, TypeError)):
            Survey.from_json(text)


class TestPluginsCommand:
    def test_listing_is_json_on_one_line(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """`--json` prints one object, and the code tells whether one is broken."""
        dotenv = tmp_path / "settings.env"
        dotenv.write_text("")
        code = main(["plugins", "--json", "--env-file", str(dotenv)])
        listing = json.loads(capsys.readouterr().out)
        assert code == int(any(plugin["error"] for plugin in listing["plugins"]))
