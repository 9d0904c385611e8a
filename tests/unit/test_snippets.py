"""What the pages tell to type can be typed: commands, requests, settings and code are read as what they are for."""

from __future__ import annotations

import ast
import functools
import importlib
import json
import re
import tomllib
import typing
from collections.abc import Iterator, Sequence

import pytest
import typer
import yaml

from danqing_server.cli import commands
from danqing_server.cli.examination import check
from danqing_server.doors.body_shapes import ImageTaskRequest, TaskRequest, UserRequest
from danqing_server.http.shapes import members_of
from danqing_server.serving.app import create_app
from danqing_server.settings.reading import ACCEPTED
from danqing_server.settings.server import Settings
from tests.support.snippets import ROOT, Snippet, blocks, inline, terminal_lines, words

EXAMPLE_FILE = (ROOT / "danqing.example.toml").read_text()
WORKFLOWS = ROOT / "providers" / "danqing_providers" / "comfyui" / "examples"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OF_DANQING = {"providers", "routes", "server", "retention"}
"""Tables of danqing.toml; a file without any of them is another program's."""
PROGRAMS = re.compile(r"\b(danqing|make|pip|curl) ")
DONE_AT_ONCE = {"-h", "--help", "--version", "--install-completion", "--show-completion"}
"""Options that do what they are for while they are read."""
LACKING = re.compile("Missing|requires an argument")
MENTIONED = 2
"""`danqing keys`, `danqing plugin new` between words name a command and need not have its arguments."""


def _commands() -> Iterator[tuple[Snippet, Sequence[str]]]:
    """Yield each command with its words, and where it stands."""
    for line in terminal_lines():
        for command in words(line.text) if PROGRAMS.search(line.text) else ():
            yield line, _without_variables(command)
    for code in inline():
        if re.match(r"(danqing|make|pip install) \S", code.text):
            yield code, words(code.text)[0]


def _without_variables(command: Sequence[str]) -> Sequence[str]:
    return command[next((at for at, word in enumerate(command) if "=" not in word or word[0] == "-"), 0) :]


def _of(program: str) -> Iterator[tuple[Snippet, Sequence[str]]]:
    for place, command in _commands():
        if command and command[0].rpartition("/")[2] == program:
            yield place, command[1:]
        elif command[:1] == ["xargs"] and command[1] == program:
            yield place, [*command[2:], "TASK"]


def _misread(place: Snippet, arguments: Sequence[str]) -> str | None:
    """Return what the command line has against a command; what is a placeholder has any value."""
    synopsis = any(re.search(r"[\[\]…]|\b[A-Z]{2,}\b", word) for word in arguments)
    plain = [word.strip("[]") for word in (_filled(word) for word in arguments)]
    if arguments[-1:] == ["…"] and len(arguments) > 1 and not arguments[-2].startswith("-"):
        plain.pop()  # "and so on"
    try:
        _parse(_danqing(), "danqing", plain)
    except typer.TyperException as error:
        mentioned = (
            place.language == "inline" and len(plain) <= MENTIONED and LACKING.search(error.format_message())
        )
        placeholder = synopsis and type(error).__name__ == "BadParameter"
        return None if mentioned or placeholder else f"{place}: {error.format_message()}"
    return None


def _filled(word: str) -> str:
    return word.rstrip("…,") if len(word) > 1 else {"…": "x", "N": "1"}.get(word, word)


@functools.cache
def _danqing() -> typing.Any:
    """Return the whole command line; nothing public reads arguments without running what they ask for."""
    return typer.main.get_command(commands._app([]))


def _parse(command: typing.Any, name: str, arguments: Sequence[str]) -> None:
    """Read *arguments* as *command* does, group by group, and run nothing."""
    if DONE_AT_ONCE & set(arguments):
        return
    context = command.make_context(name, list(arguments))
    if hasattr(command, "commands") and context._protected_args:
        inner, chosen, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        _parse(chosen, inner, rest)


class TestTerminal:
    def test_every_command_of_danqing_is_one(self) -> None:
        """With options that it has, and the arguments that it needs."""
        seen = list(_of("danqing"))
        assert len(seen) > 150
        assert [wrong for place, rest in seen if (wrong := _misread(place, rest))] == []

    def test_every_target_of_make_is_one(self) -> None:
        """As Makefile has them."""
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        named = {word for _, rest in _of("make") for word in rest[:1] if re.fullmatch(r"[a-z-]+", word)}
        assert "test" in named
        assert named <= targets

    def test_every_extra_is_one(self) -> None:
        """`pip install 'danqing[…]'`."""
        asked = [re.findall(r"danqing\[([\w,]+)\]", " ".join(rest)) for _, rest in _of("pip")]
        extras = {extra for found in asked for each in found for extra in each.split(",")}
        assert {"otel"} <= extras <= set(PROJECT["optional-dependencies"])


def _requests() -> Iterator[tuple[Snippet, str, str, str | None]]:
    """Yield method, path and body of each curl: to this server, not to the sandbox that stands alone."""
    for place, rest in _of("curl"):
        [url] = [word for word in rest if re.match(r"(http://)?(localhost|127\.0\.0\.1):\d+/", word)]
        body = next((rest[at + 1] for at, word in enumerate(rest) if word in ("-d", "--data-binary", "-F")), None)
        method = rest[rest.index("-X") + 1] if "-X" in rest else "GET" if body is None else "POST"
        if ":9000/" not in url:
            path = re.sub(r"^(http://)?[^/]+", "", url).partition("?")[0]
            yield place, method, path, body if "-d" in rest else None


def _routes() -> set[tuple[str, str]]:
    """Return method and pattern of each route."""
    routes = create_app(Settings.read({"DANQING_METRICS": "on"})).router.routes
    return {(method, re.sub(r"<[^>]*>", "[^/]+", f"/{each.path}")) for each in routes for method in each.methods}


SHAPES = {
    "/api/v1/ai/image/task": ImageTaskRequest,
    "/api/v1/ai/tasks": TaskRequest,
    "/api/v1/users": UserRequest,
}
PLACES_OF_OTHERS = ("docs/sandbox", "docs/providers/", "docs/compared", "docs/migrating.md", "docs/webhooks.md")
"""Pages that name routes of services and of their simulators."""


class TestRequests:
    ROUTES = _routes()

    def _exists(self, method: str, path: str) -> bool:
        return any(method == its and re.fullmatch(pattern, path) for its, pattern in self.ROUTES)

    def test_every_curl_asks_a_route_with_fields_it_takes(self) -> None:
        """A body is JSON, and no field of it is unknown."""
        seen = list(_requests())
        assert len(seen) > 25
        assert [str(place) for place, method, path, _ in seen if not self._exists(method, path)] == []
        for place, _, path, body in seen:
            fields = json.loads(body) if body else {}
            shape = SHAPES.get(path)
            assert shape is None or set(fields) <= set(members_of(shape)), str(place)

    def test_every_route_between_words_exists(self) -> None:
        """`GET /api/v1/…`, a parameter as `:id` or `<id>`."""
        told = {
            (code.page, *found)
            for code in inline()
            if not code.page.startswith(PLACES_OF_OTHERS)
            for found in re.findall(r"^(GET|POST|PUT|PATCH|DELETE) (/[^\s?`]*)", code.text)
        }
        assert len(told) > 60
        assert [each for each in sorted(told) if not self._exists(each[1], each[2]) and "…" not in each[2]] == []


class TestFiles:
    @pytest.mark.parametrize("snippet", [*blocks("toml")], ids=str)
    def test_toml_is_taken(self, snippet: Snippet) -> None:
        """As danqing.toml with all keys there; a part of one stands in the example file's place for it."""
        table = tomllib.loads(snippet.text)
        if not set(table) <= OF_DANQING:
            return
        text = snippet.text.replace("/srv/workflows", str(WORKFLOWS))
        if "providers" not in table:
            text = re.sub(r"\n\[\[routes\]\].*", "\n", EXAMPLE_FILE, flags=re.DOTALL) + text
        keys = dict.fromkeys(["VOLCENGINE_API_KEY", *re.findall(r'"\$(\w+)"', text)], "k" * 20)
        assert check({ACCEPTED: text, **keys})[1] == []

    @pytest.mark.parametrize("snippet", [*blocks("json"), *blocks("yaml")], ids=str)
    def test_json_and_yaml_can_be_read(self, snippet: Snippet) -> None:
        """A member alone stands for the object that it is of."""
        text = (
            snippet.text
            if snippet.text.lstrip()[0] in "{[" or snippet.language == "yaml"
            else f"{{{snippet.text}}}"
        )
        assert yaml.safe_load(text) if snippet.language == "yaml" else json.loads(text)

    @pytest.mark.parametrize("snippet", [*blocks("python")], ids=str)
    def test_python_can_be_read_and_what_it_imports_is_there(self, snippet: Snippet) -> None:
        """A part of a module may await; of ours it imports names that exist."""
        tree = compile(snippet.text, snippet.page, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("danqing_"):
                module = importlib.import_module(node.module or "")
                assert [each.name for each in node.names if not hasattr(module, each.name)] == []


def test_every_variable_is_read_by_something() -> None:
    """One that is misspelt would be refused at the start, or do nothing."""
    read = {
        name
        for folder in ("server", "providers", "plugins", "clients", "tests", "site", "examples")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"\bDANQING_[A-Z0-9_]+\b", path.read_text())
    }
    pages = {*blocks("", "sh", "bash", "toml"), *inline(), *terminal_lines()}
    told = {(each.page, name) for each in pages for name in re.findall(r"\bDANQING_[A-Z0-9_]+\b", each.text)}
    assert len(told) > 100
    assert [each for each in sorted(told) if each[1] not in read and not each[1].endswith("_")] == []
