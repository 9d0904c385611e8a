"""danqing.toml: what is read of it, and the one line about each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from danqing_plugins.options import Written
from danqing_server.errors import SettingsError
from danqing_server.settings.file import ConfigFile, parse_file
from danqing_server.settings.reading import ACCEPTED, LARGEST_FILE_BYTES, examine, read_settings
from danqing_server.settings.retention import ENDED
from danqing_server.settings.routes import Route, Target
from danqing_server.settings.toml_lines import lines_of


def parse(text: str) -> ConfigFile:
    """Read *text*, which holds no mistake."""
    file = parse_file(text, "danqing.toml")
    assert file.problems == ()
    return file


def mistakes(text: str) -> tuple[str, ...]:
    """Return what is wrong with *text*."""
    return parse_file(text, "danqing.toml").problems


def settings_mistakes(text: str, **environment: str) -> tuple[str, ...]:
    """Return what is wrong with the settings of *text* and *environment*."""
    return examine({ACCEPTED: text, **environment})[1]


class TestRetention:
    def test_a_rule_says_which_tasks_and_how_long(self) -> None:
        """Durations may have days; what is not said is every project, and every task that has ended."""
        text = (
            '[[retention]]\nstatus = ["failed", "cancelled"]\nproject = "acme"\nkeep_for = "7d"\n'
            '[[retention]]\nkeep_tasks = 1000\nkeep_disk_below = 90\ndisk_spares = "2h"\n'
        )
        first, second = parse(text).retention
        assert (first.statuses, first.project, first.keep_for_s) == (("failed", "cancelled"), "acme", 7 * 86400.0)
        assert (second.statuses, second.project, second.keep_for_s) == (ENDED, "", None)
        assert (second.keep_tasks, second.keep_disk_below, second.disk_spares_s) == (1000, 90, 7200.0)

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            (
                'status = ["pending"]',
                "status: ['pending'] is not allowed; allowed: a list of 'completed', 'failed'",
            ),
            ("keep_for = 5", "keep_for: 5 is not allowed; allowed: seconds or a duration ('36h', '90d')"),
            ('keep_for = "soon"', "keep_for: 'soon' is not allowed"),
            ("keep_tasks = 0", "keep_tasks: 0 is not allowed; allowed: 1 to 1000000000"),
            ("keep_disk_below = 100", "keep_disk_below: 100 is not allowed; allowed: 1 to 99 (percent)"),
            ("keep_fro = 60", "keep_fro: unknown key; did you mean keep_for?"),
        ],
    )
    def test_a_mistake_is_named_with_its_line(self, line: str, said: str) -> None:
        """And with what is allowed."""
        [mistake] = mistakes(f"[[retention]]\n{line}\n")
        assert mistake.startswith(f"danqing.toml:2: {said}")

    def test_a_rule_that_no_task_reaches_is_a_mistake(self) -> None:
        """It would be ignored in silence."""
        text = '[[retention]]\nkeep_for = "1d"\n[[retention]]\nproject = "acme"\nkeep_for = "9d"\n'
        assert mistakes(text) == ("danqing.toml:4: project: the rule at danqing.toml:1 leaves it no task",)

    def test_the_variables_are_for_what_the_rules_leave(self) -> None:
        """Nothing is let go that nobody asked for."""
        text = '[[retention]]\nproject = "acme"\n'
        assert examine({ACCEPTED: text})[0].retention == ()
        rules = examine({ACCEPTED: text, "DANQING_KEEP_FOR": "1d12h"})[0].retention
        assert [(rule.project, rule.keep_for_s) for rule in rules] == [("acme", None), ("", 36 * 3600.0)]


class TestProviders:
    def test_a_provider_has_a_name_a_plugin_and_the_plugins_options(self) -> None:
        """What is not ours is for the plugin to judge, with its line."""
        [provider] = parse('[[providers]]\nname = "a"\nplugin = "openai"\nsandbox = true\nsize = 5\n').providers
        assert (provider.name, provider.plugin, provider.where) == ("a", "openai", "danqing.toml:2")
        assert (provider.sandbox, provider.enabled) == (True, True)
        assert provider.options == {"size": Written(value=5, where="danqing.toml:5")}

    def test_name_and_plugin_stand_for_each_other(self) -> None:
        """Who has one account writes it once."""
        text = '[[providers]]\nname = "openai"\n[[providers]]\nplugin = "fal"\nenabled = false\n'
        assert [(one.name, one.plugin, one.enabled) for one in parse(text).providers] == [
            ("openai", "openai", True),
            ("fal", "fal", False),
        ]

    def test_options_may_be_tables_and_lists(self) -> None:
        """A preset for another service is a few lines."""
        text = '[[providers]]\nname = "a"\nsizes = ["1x1", "2x2"]\n[providers.models]\n"x/y" = {title = "X"}\n'
        [provider] = parse(text).providers
        assert provider.options["sizes"] == Written(value=["1x1", "2x2"], where="danqing.toml:3")
        assert provider.options["models"] == Written(value={"x/y": {"title": "X"}}, where="danqing.toml:4")

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("[[providers]]\n", "danqing.toml:1: name: is missing; allowed: lower-case letters, digits and _"),
            ('[[providers]]\nname = "A b"\n', "danqing.toml:2: name: 'A b' is not allowed; allowed: lower-case"),
            (
                '[[providers]]\nname = "a"\nplugin = 5\n',
                "danqing.toml:3: plugin: 5 is not allowed; allowed: a plug",
            ),
            (
                '[[providers]]\nname = "a"\nenabled = 1\n',
                "danqing.toml:3: enabled: 1 is not allowed; allowed: true",
            ),
            ('[[providers]]\nname = "a"\nsandbox = "x"\n', "danqing.toml:3: sandbox: 'x' is not allowed; allowed:"),
            (
                '[[providers]]\nname = "a"\n\n[[providers]]\nname = "a"\n',
                "danqing.toml:5: name: 'a' names two providers; one is at danqing.toml:2",
            ),
            ('[providers]\nname = "a"\n', "danqing.toml:1: providers: is no array of tables; begin each with [["),
        ],
    )
    def test_a_mistake_is_one_line(self, text: str, line: str) -> None:
        """File, line, value, what is allowed."""
        [found] = mistakes(text)
        assert found.startswith(line)


class TestRoutes:
    def test_a_route_has_targets_in_order(self) -> None:
        """Models may have slashes of their own."""
        text = '[[routes]]\nmodel = "poster"\nto = ["a/m", "b/Qwen/Image"]\non_ambiguous = "fail"\n'
        text += 'on_rejected = "next"\n'
        targets = (Target(provider="a", model="m"), Target(provider="b", model="Qwen/Image"))
        assert parse(text).routes == (
            Route(
                model="poster",
                targets=targets,
                on_ambiguous="fail",
                on_rejected="next",
                where="danqing.toml:2",
            ),
        )

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ('to = ["a/m"]', "danqing.toml:1: model: is missing; allowed: the name that clients will send"),
            (
                'model = "$POSTER"\nto = ["a/m"]',
                "danqing.toml:2: model: '$POSTER' is not allowed; allowed: a text of",
            ),
            ('model = ""\nto = ["a/m"]', "danqing.toml:2: model: '' is not allowed; allowed: a text of 1 to 200"),
            ('model = "p"', "danqing.toml:1: to: is missing or empty; allowed: a list like"),
            ('model = "p"\nto = []', "danqing.toml:3: to: is missing or empty; allowed: a list like"),
            ('model = "p"\nto = "a/m"', "danqing.toml:3: to: 'a/m' is not allowed; allowed: a list like"),
            ('model = "p"\nto = ["am"]', "danqing.toml:3: to: 'am' is not allowed; allowed: provider/model"),
            ('model = "p"\nto = ["a/m",\n"a/m"]', "danqing.toml:3: to: 'a/m' stands there twice"),
            (
                'model = "p"\nto = ["a/m"]\non_ambiguous = "ask"',
                "danqing.toml:4: on_ambiguous: 'ask' is not allowed",
            ),
            (
                'model = "p"\nto = ["a/m"]\non_rejected = 1',
                "danqing.toml:4: on_rejected: 1 is not allowed; allowed: 'fail', 'next'",
            ),
            (
                'model = "p"\nto = ["a/m"]\nmodle = 1',
                "danqing.toml:4: modle: unknown key; did you mean model? allowed",
            ),
            (
                'model = "p"\nto = ["a/m"]\n[[routes]]\nmodel = "p"\nto = ["a/m"]',
                "danqing.toml:5: model: 'p' names two routes; one is at danqing.toml:2",
            ),
        ],
    )
    def test_a_mistake_is_one_line(self, text: str, line: str) -> None:
        """File, line, value, what is allowed."""
        [found] = mistakes(f"[[routes]]\n{text}\n")
        assert found.startswith(line)

    def test_targets_that_are_not_enabled_are_passed_over(self) -> None:
        """Who takes a provider out for a while leaves its routes alone."""
        off = '[[providers]]\nname = "a"\nenabled = false\n[[routes]]\nmodel = "p"\n'
        assert parse(off + 'to = ["a/m", "b/m"]\n').routes[0].targets == (Target(provider="b", model="m"),)
        assert mistakes(off + 'to = ["a/m"]\n') == ("danqing.toml:6: to: none of these providers is enabled",)


class TestServer:
    def test_settings_stand_by_their_names_and_variables_win(self) -> None:
        """Lists and tables are written as such."""
        text = (
            "[server]\nport = 90\nrole = 'api'\nallowed_hosts = ['a.example', 'b.example']\n"
            "daily_spend_limits = {volcengine = 1.5}\nmongo_url = '$WHERE'\n"
        )
        settings = read_settings({ACCEPTED: text, "DANQING_ROLE": "worker", "WHERE": "mongodb://db"})
        assert (settings.port, settings.role, settings.mongo_url) == (90, "worker", "mongodb://db")
        assert settings.allowed_hosts == ("a.example", "b.example")
        assert settings.daily_spend_limits_micro == {"volcengine": 1_500_000}

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("port = 'eighty'", "danqing.toml:2: port: 'eighty' is not allowed; allowed: 0 to 65535"),
            ("port = 1979-05-27", "danqing.toml:2: port: datetime.date(1979, 5, 27) is not allowed"),
            ("host = ''", "danqing.toml:2: host: '' is not allowed"),
            ("prot = 80", "danqing.toml:2: prot: unknown setting; did you mean port?"),
            ("DANQING_STUDIO = 'off'", "danqing.toml:2: DANQING_STUDIO: unknown setting; did you mean studio?"),
            ("config = 'x.toml'", "danqing.toml:2: config: a file names no other; DANQING_CONFIG does"),
            ("cors_origins = ['a.example']", "danqing.toml:2: cors_origins: ['a.example'] is not allowed"),
            ("allowed_hosts = ['$NOWHERE']", "danqing.toml:2: allowed_hosts: the variable NOWHERE is not set"),
            (
                "public_base_url = 'https://$HOST'",
                "danqing.toml:2: public_base_url: 'https://$HOST' is not allowed",
            ),
            ("public_base_url = 'https://h:1x'", "danqing.toml:2: public_base_url: 'https://h:1x' is not allowed"),
            (
                "public_base_url = 'https://h/?a=1'",
                "danqing.toml:2: public_base_url: 'https://h/?a=1' is not allowed",
            ),
            ("daily_spend_limits = 'a:1,a:2'", "danqing.toml:2: daily_spend_limits: 'a:1,a:2' is not allowed"),
            ("model_aliases = 'a:b,a:c'", "danqing.toml:2: model_aliases: 'a:b,a:c' is not allowed"),
            ("zzz = 80", "danqing.toml:2: zzz: unknown setting; `danqing settings` lists them"),
            (
                "api_keys = 'a:0123456789abcdef'",
                "danqing.toml:2: api_keys: a secret does not belong in the file; put",
            ),
            ("mongo_url = '$NOWHERE'", "danqing.toml:2: mongo_url: the variable NOWHERE is not set"),
        ],
    )
    def test_a_mistake_is_one_line(self, text: str, line: str) -> None:
        """File, line, value unless it is secret, what is allowed."""
        [found] = settings_mistakes(f"[server]\n{text}\n")
        assert found.startswith(line)
        assert "0123456789abcdef" not in found

    def test_parts_of_lists_and_tables_may_be_what_a_variable_holds(self) -> None:
        """They were taken as they stand, and nothing said so."""
        text = "[server]\ncors_origins = ['$PAGE', 'local']\ndaily_spend_limits = {volcengine = '${LIMIT}'}\n"
        settings = read_settings({ACCEPTED: text, "PAGE": "https://a.example", "LIMIT": "2.5"})
        assert settings.cors_origins == ("https://a.example", "local")
        assert settings.daily_spend_limits_micro == {"volcengine": 2_500_000}

    @pytest.mark.parametrize(
        "url", ["https://a.example", "http://10.0.0.1:8080/danqing/", "http://[::1]:80", "https://bücher.example"]
    )
    def test_a_public_address_is_a_host_with_port_and_path(self, url: str) -> None:
        assert read_settings({ACCEPTED: f"[server]\npublic_base_url = '{url}'\n"}).public_base_url == url.rstrip(
            "/"
        )

    @pytest.mark.parametrize(
        "origin", ["http://localhost:3000", "null", "*", "none", "tauri://localhost", "app://x/"]
    )
    def test_an_origin_is_what_a_browser_sends(self, origin: str) -> None:
        assert read_settings({ACCEPTED: f"[server]\ncors_origins = ['{origin}']\n"}).cors_origins == (origin,)

    def test_every_mistake_is_told_at_once_in_the_order_of_the_file(self) -> None:
        """Of the environment, too."""
        text = "[[routes]]\nmodel = 5\nto = ['a/b']\n[server]\nport = 'x'\n[other]\n"
        with pytest.raises(SettingsError) as refused:
            read_settings({ACCEPTED: text, "DANQING_ROLE": "cook"})
        assert [line.partition(" ")[0] for line in refused.value.lines] == [
            "DANQING_ROLE:",
            "danqing.toml:2:",
            "danqing.toml:5:",
            "danqing.toml:6:",
        ]


class TestText:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("a = 1\nb = \n", "danqing.toml:2: Invalid value (column 5)"),
            ('a = """\n', "danqing.toml:2: Unterminated string"),
            ("[x\n", "danqing.toml:1: Expected ']' at the end of a table declaration (column 3)"),
            (
                "[servers]\n",
                "danqing.toml:1: servers: unknown key; did you mean server? allowed: providers, routes,",
            ),
        ],
    )
    def test_what_is_no_toml_is_told_with_its_line(self, text: str, line: str) -> None:
        """As the parser says it, in our form."""
        [found] = mistakes(text)
        assert found.startswith(line)

    def test_the_file_is_found_and_refused_by_name(self, tmp_path: Path) -> None:
        """A file that was asked for has to be there, readable, and no larger than what can be handed on."""
        file = tmp_path / "mine.toml"
        named = {"DANQING_CONFIG": str(file)}
        assert examine(named)[1] == (f"DANQING_CONFIG: there is no file {str(file)!r}",)
        file.write_bytes(b"\xef\xbb\xbf[server]\r\nport = 90\r\n")
        assert read_settings(named).port == 90
        file.write_bytes(b"\xff")
        assert examine(named)[1] == (f"{file}: is not UTF-8 (byte 0)",)
        file.write_bytes(b"#" * (LARGEST_FILE_BYTES + 1))
        assert examine(named)[1] == (f"{file}: has 102401 bytes; allowed: 102400",)
        assert examine({"DANQING_CONFIG": str(tmp_path)})[1] == (f"{tmp_path}: cannot be read: Is a directory",)


class TestLines:
    """`tomllib` does not tell lines; we do."""

    TEXT = '''\
top = 1
text = """
[not.a.header]
fake = 1 \\"""
"""
other = \'\'\'
[[nor.this]]
\'\'\'
list = [  # [
  "a]",
  { x = 1 },
]
[a."b.c"]
d.e = "#"   # note
[[many]]
first = 1
[many.inner]
deep = 1
[[many.parts]]
p = 1
[[many]]
second = [[1], [2]]
[many.inner]
'single quoted' = 1
'''

    @pytest.mark.parametrize(
        ("path", "line"),
        [
            (("top",), 1),
            (("other",), 6),
            (("list",), 9),
            (("a",), 1),
            (("a", "b.c"), 13),
            (("a", "b.c", "d", "e"), 14),
            (("many",), 15),
            (("many", 0, "first"), 16),
            (("many", 0, "inner", "deep"), 18),
            (("many", 0, "parts", 0, "p"), 20),
            (("many", 1), 21),
            (("many", 1, "second"), 22),
            (("many", 1, "inner", "single quoted"), 24),
            (("many", 1, "absent"), 21),
            (("list", 1, "x"), 9),
            (("fake",), 1),
        ],
    )
    def test_each_key_has_its_line(self, path: tuple[str | int, ...], line: int) -> None:
        """Strings and arrays of several lines are passed over; what is unknown is where its surroundings are."""
        assert lines_of(self.TEXT).of(*path) == line
